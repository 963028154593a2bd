"""Every statement that a transaction of one tenant sends names that tenant, for each table it is about."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Delete, Engine, Select, Table, Update, event
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, ClauseElement, ColumnElement
from sqlalchemy.sql.selectable import Alias, CompoundSelect, Join

DESK = f"{Path(__file__).parents[2]}/casework/"
SIGHT = "tidewaiter_sight"
# Who somebody is and what they hold comes before any tenant; what was missed is sorted by tenant afterwards.
ACROSS = (
    ("permissions/grants.py", "current"),
    ("permissions/visitors.py", "_row"),
    ("access/administration.py", "_tenants"),
    ("escalations/auditor.py", "audit_missed"),
)

_found: dict[Any, tuple[str, ...]] = {}  # by what SQLAlchemy takes for the same statement with other values


def watch(engine: Engine) -> None:
    """Refuse, from now on, statements of one tenant's transaction that could reach rows of another.

    What changes rows names their tenant in every transaction, also where one looks over several.
    """

    @event.listens_for(engine, "before_execute")
    def look(connection: Any, statement: Any, _many: Any, _parameters: Any, _options: Any) -> None:
        sight = connection.get_execution_options().get(SIGHT)
        if sight is None or sight.is_owner or not isinstance(statement, ClauseElement):
            return
        if sight.is_across and not isinstance(statement, Update | Delete):
            return
        asked_by = _asked_by()
        if asked_by and asked_by not in ACROSS:
            forgotten = _forgotten(statement)
            assert not forgotten, f"{', '.join(forgotten)} asked without a tenant: {statement}"


def _forgotten(statement: ClauseElement) -> tuple[str, ...]:
    """The tables that a statement does not name a tenant for; statements of one shape are looked at once."""
    key = statement._generate_cache_key()
    if key is None:
        return tuple(sorted(set(unnamed(statement))))
    if key.key not in _found:
        _found[key.key] = tuple(sorted(set(unnamed(statement))))
    return _found[key.key]


def _asked_by() -> tuple[str, str] | None:
    """The file and function of the desk's that a statement comes from; None for a test's own."""
    frame = sys._getframe().f_back
    while frame and not frame.f_code.co_filename.startswith(DESK):
        frame = frame.f_back
    return (frame.f_code.co_filename.removeprefix(DESK), frame.f_code.co_name) if frame else None


def unnamed(statement: ClauseElement) -> Iterator[str]:
    """Yield the tables that some part of a statement reads or changes without naming a tenant.

    A table is named by a tenant it must equal, or by another table that is.
    """
    for part, outer in _parts(statement, frozenset()):
        pairs = [pair for clause in part.get_children() for pair in _equal(clause)]
        tables = list(_tables(part))
        # A select within another speaks of that one's row where it looks at a table of its own beside.
        is_within_a_row = any(id(table) not in outer for table in tables)
        named, grew = set(outer if is_within_a_row else ()), True
        while grew:
            found = {id(one.table) for one, other in pairs if _is_tenant(one) and _is_known(other, named)}
            grew, named = not found <= named, named | found
        for table in tables:
            if "tenant_id" in table.c and id(table) not in named:
                yield table.name


def _parts(clause: ClauseElement, outer: frozenset[int]) -> Iterator[tuple[Any, frozenset[int]]]:
    """Yield every select, update and delete of a statement, each with the tables of those around it."""
    if isinstance(clause, Select | Update | Delete):
        yield clause, outer
        outer |= {id(table) for table in _tables(clause)}
    for inner in clause.get_children():
        yield from _parts(inner, outer)


def _tables(part: Any) -> Iterator[Any]:
    for found in part.get_final_froms() if isinstance(part, Select) else [part.table]:
        yield from _leaves(found)


def _leaves(found: Any) -> Iterator[Any]:
    if isinstance(found, Join):
        yield from _leaves(found.left)
        yield from _leaves(found.right)
    elif isinstance(found, Table | Alias):
        yield found


def _equal(clause: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what must equal what in a part of a statement, both ways, not in the selects within it."""
    if isinstance(clause, Select | CompoundSelect):
        return
    if isinstance(clause, BinaryExpression) and clause.operator in (operators.eq, operators.in_op):
        yield from ((clause.left, clause.right), (clause.right, clause.left))
    for inner in clause.get_children():
        yield from _equal(inner)


def _is_tenant(side: Any) -> bool:
    return (
        isinstance(side, ColumnElement)
        and getattr(side, "name", None) == "tenant_id"
        and hasattr(side, "table")
    )


def _is_known(side: Any, named: set[int]) -> bool:
    """Whether a side is a value, or the tenant of a table that is named."""
    return not hasattr(side, "table") or _is_tenant(side) and id(side.table) in named
