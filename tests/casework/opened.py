"""Stores opened for one test, knowing what others compiled: a short test would mostly compile SQL once more."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Engine

from casework.store.engine import open_store

# By dialect: one that has met its server, and what it compiled.
KNOWN: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


def remember(engine: Engine) -> None:
    """Let later stores of this kind speak as this engine does, which has connected."""
    KNOWN.setdefault(engine.dialect.name, (engine.dialect, {}))


def opened(url: str) -> Engine:
    """Open a store as the product does, but for the compiling."""
    engine = open_store(url)
    if known := KNOWN.get(engine.dialect.name):
        engine.dialect, compiled = known
        engine.update_execution_options(compiled_cache=compiled)
    return engine
