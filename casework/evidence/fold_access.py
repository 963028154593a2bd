"""Replaying the log for who was let in: links, what was seen through them, and keys.

A link that somebody wrote into the table by hand, widened, prolonged, or gave back after it was taken away is
told by nothing in the log. What people wrote (reasons, names) is left out: it can be erased. When a key was last
used is no decision, and not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from casework.canonical import plain
from casework.store.tables import Values, api_keys, audit_entries, link_views, partner_links

WRITTEN = frozenset(("reason", "revoke_reason", "key_name", "last_used_at", "user_agent"))
FOLDED = {
    table.name: tuple(c.name for c in table.c if c.name not in WRITTEN | {"tenant_id"})
    for table in (partner_links, link_views, api_keys)
}
KEY_OF = {"partner_links": "link_id", "link_views": "view_id", "api_keys": "key_id"}
MADE = {"link:created": "partner_links", "key:created": "api_keys"}
MOVED = {
    "link:revoked": ("partner_links", "revoked"),
    "key:revoked": ("api_keys", "revoked"),
    "key:drawn": ("api_keys", "drawn"),
}
OPENED, LOOKED = "link:opened", "case:read:sensitive"
TOLD = (*MADE, *MOVED, OPENED, LOOKED)


def fold(entries: Iterable[Values]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return table -> id -> the columns, in canonical form, as the entries left them."""
    standing: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in FOLDED}
    for entry in entries:
        _apply(standing, entry, (entry["payload"] or {}).get("details") or {}, plain(entry["occurred_at"]))
    return standing


def _apply(standing: dict[str, dict[str, dict[str, Any]]], entry: Values, told: Values, at: str) -> None:
    action = entry["action"]
    if action in MADE:
        name = MADE[action]
        made = {**told, "made_by": entry["actor"], "made_at": at}
        standing[name][told[KEY_OF[name]]] = {column: made.get(column) for column in FOLDED[name]}
    elif action in MOVED:
        name, verb = MOVED[action]
        row = standing[name].setdefault(told[KEY_OF[name]], {})
        moved = {**told, f"{verb}_at": at, f"{verb}_by": entry["actor"]}
        row |= {column: value for column, value in moved.items() if column in FOLDED[name]}
    elif "view_id" in told:
        case_id = None if action == OPENED else entry["object_id"]
        seen = {**told, "kind": told.get("kind", "opening"), "case_id": case_id, "viewed_at": at}
        standing["link_views"][told["view_id"]] = {
            column: seen.get(column) for column in FOLDED["link_views"]
        }


def disagreement(connection: Connection, tenant_id: str) -> str | None:
    """Return a sentence naming the first row that stands otherwise than the log explains, or None."""
    entries = select(audit_entries).where(
        audit_entries.c.tenant_id == tenant_id, audit_entries.c.action.in_(TOLD)
    )
    explained = fold(connection.execute(entries.order_by(audit_entries.c.sequence)).mappings())
    for table in (partner_links, link_views, api_keys):
        known, key = explained[table.name], KEY_OF[table.name]
        query = select(table).where(table.c.tenant_id == tenant_id).order_by(table.c[key])
        for row in connection.execute(query).mappings():
            told = known.pop(row[key], None)
            if told is None:
                return f"{table.name} has {row[key]}, but the log never told of it."
            for column, value in told.items():
                if plain(row[column]) != value:
                    return f"{table.name} has {column} {plain(row[column])!r} for {row[key]}, by the log {value!r}."
        if known:
            return f"{min(known)} is in the log, but no longer in {table.name}."
    return None
