"""The assets by stage of the path: raw, warehouse, learning, decisions."""
