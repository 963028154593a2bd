"""Parts of a page: each draws one thing from values it is given, and asks nothing of any store."""
