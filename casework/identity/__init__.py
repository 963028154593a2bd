"""What people decide about references that identity could not place."""
