"""One cause, many cases: an incident is the parent, what it causes are its children. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from casework.errors import SyncRefused
from casework.model import ExceptionRecord


def parents_first(exceptions: Sequence[ExceptionRecord]) -> list[ExceptionRecord]:
    """Return the exceptions in an order that does not depend on theirs: incidents before what they cause.

    Raises `SyncRefused` when a publication states one key twice with different content.
    """
    by_key: dict[str, ExceptionRecord] = {}
    for record in exceptions:
        known = by_key.setdefault(record.exception_key, record)
        if known != record:
            raise SyncRefused(
                f"The publication states the exception {record.exception_key!r} twice, differently; "
                "its key must be unique in fct_exceptions.",
                exception_key=record.exception_key,
            )
    return sorted(
        by_key.values(), key=lambda record: (bool(record.parent_exception_key), record.exception_key)
    )


def parent_case(record: ExceptionRecord, case_by_key: Mapping[str, str]) -> str | None:
    """Return the case of the incident that causes this exception, where there is one."""
    if record.parent_exception_key in (None, record.exception_key):
        return None
    return case_by_key.get(record.parent_exception_key or "")
