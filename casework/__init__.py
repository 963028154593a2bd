"""What people decide about exceptions, and what follows: cases, drafts, approvals, effects, evidence."""
