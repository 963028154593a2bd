"""The operational store: tables, the engine and its migrations."""
