"""How it runs: the only Dagster code, and the command line."""
