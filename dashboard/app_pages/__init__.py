"""One file a page. A page asks casework and the published tables, then hands values to components."""
