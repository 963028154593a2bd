"""How commands speak: JSON for programs, tables for people, one sentence for an error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

FAILED, NOT_VERIFIED, NOT_FOUND = 1, 3, 4


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: instants as ISO-8601 UTC, money with two places, lengths in seconds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False, sort_keys=False) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()
) -> None:
    """Print a table for a person; untrusted text is shown as it is, never as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text("" if cell is None else str(cell)) for cell in row])
    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console = Console(width=max(console.width, 150))
    console.print(table)


def say(sentence: str) -> None:
    """Print a sentence for a person, on the error stream so that data stays clean."""
    sys.stderr.write(sentence.rstrip() + "\n")


def explain(error: Exception) -> int | None:
    """Say what happened for an error of ours and return its exit code; None for anything else."""
    from casework.errors import CaseNotFound, CaseworkError, EvidenceBroken, NotFound
    from data.errors import DataError
    from orchestration.errors import OrchestrationError

    families: list[type[Exception]] = [CaseworkError, DataError, OrchestrationError]
    if "ml.errors" in sys.modules:
        families.append(sys.modules["ml.errors"].LearningError)
    if not isinstance(error, tuple(families)):
        return None
    say(str(error))
    if isinstance(error, EvidenceBroken):
        return NOT_VERIFIED
    return NOT_FOUND if isinstance(error, (CaseNotFound, NotFound)) else FAILED
