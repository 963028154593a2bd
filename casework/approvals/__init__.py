"""What is decided about a draft: who may, which tier it needs, who stands in, and whether it still holds."""
