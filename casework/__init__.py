"""What people decide about exceptions, and what follows from it: cases, drafts, approvals, effects, evidence."""
