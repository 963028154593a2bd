"""Forgetting a party: its names, addresses and words leave every record; that they were there stays provable.

What is searched for is what the store itself knows to be the party's: addresses, name, and what it wrote.
The party's id stays: it is the number of an account, and history must still tell whom it was about.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Column, Connection, Table, Text, cast, or_, select, update

from casework.access import links
from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound
from casework.evidence import holds, reads
from casework.evidence.eraser import Eraser
from casework.evidence.redaction import MARK, blank, without
from casework.model import EffectState, Principal
from casework.permissions import tenantwide
from casework.store.tables import (
    Values,
    approvals,
    audit_entries,
    case_evidence,
    case_facts,
    contacts,
    draft_versions,
    drafts,
    effects,
    events,
    messages,
    partner_links,
    reference_decisions,
)
from casework.store.work import Work

# Where personal content can stand, beside the list of addresses itself.
PLACES: dict[Table, tuple[str, ...]] = {
    audit_entries: ("payload",),
    case_facts: ("details",),
    events: ("data",),
    case_evidence: ("facts", "documents"),
    draft_versions: ("content",),
    approvals: ("recipients", "reason"),
    effects: ("payload", "recipient"),
    messages: ("body", "subject", "address"),
    partner_links: ("reason", "revoke_reason"),
    reference_decisions: (
        *("reference_key", "shipment_id", "facility_id", "customer_id"),
        *("reason", "undo_reason"),
    ),
}
KEPT_OF_EFFECTS = frozenset(("target", "party_id"))
UNDER_WAY = (EffectState.PENDING.value, EffectState.CLAIMED.value, EffectState.NEEDS_HUMAN.value)


@dataclass(frozen=True, slots=True)
class Own:
    """The strings that are a party's own: names and addresses, and what it wrote or was written."""

    party_id: str
    names: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What is held of a party: how many rows of each table name it, and the cases they belong to."""

    party_id: str
    rows: Mapping[str, int]
    case_ids: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did."""

    erasure_id: str
    values: int
    rows: Mapping[str, int]


def personal_data(desk: Desk, principal: Principal, tenant_id: str, party_id: str) -> PersonalData:
    """Return where a party's personal data stands; reading it is told in the audit chain."""
    with desk.reading(tenant_id) as connection:
        tenantwide.require(connection, principal, tenant_id, "record:erase")
        own = _own(connection, tenant_id, party_id)
        found = list(_mentions(connection, tenant_id, own))
        owners = _owners(connection, tenant_id, found)
        addresses = _addresses(connection, tenant_id, party_id)
    reads.tell(desk, principal, tenant_id, party_id, "personal_data", fact="personal:data:read")
    counts = Counter(table.name for table, _row in found)
    return PersonalData(party_id, dict(sorted(counts.items())), tuple(sorted(owners)), tuple(addresses))


def erase_party(desk: Desk, principal: Principal, tenant_id: str, party_id: str, reason: str) -> Erased:
    """Take a party's addresses, name and words out of every record, history included, in one transaction.

    Links that still open something to it are taken back.

    Refused while a hold stands on the party or on a case that names it, and while something is to leave to it.
    """
    said = clean_text(reason, limit=1_000).strip()
    if not said:
        raise DetailsRefused("Say why it is erased, for example the request's number.", field="reason")
    with desk.writing(tenant_id, principal.principal_id) as work:
        tenantwide.require(work.connection, principal, tenant_id, "record:erase")
        own = _own(work.connection, tenant_id, party_id)
        found = list(_mentions(work.connection, tenant_id, own))
        owners = _owners(work.connection, tenant_id, found)
        holds.refuse_held(work.connection, tenant_id, owners, {party_id})
        _refuse_under_way(found, party_id)
        eraser, counts = Eraser(work, desk.keys), Counter[str]()
        for table, row in found:
            changed = [
                eraser.replace(table, row, column, _erased(table, row, column, own))
                for column in PLACES[table]
            ]
            counts[table.name] += any(changed)
        counts[contacts.name] = _forget_addresses(work, party_id)
        links.revoke_all_of(work, party_id, "What was personal of the party is erased.")
        rows = dict(sorted(counts.items()))
        values = eraser.tell(
            {"party_id": party_id, "reason": without(said, own.names, own.words), "rows": rows}
        )
        return Erased(eraser.erasure_id, values, rows)


def _own(connection: Connection, tenant_id: str, party_id: str) -> Own:
    known = select(contacts).where(contacts.c.tenant_id == tenant_id, contacts.c.party_id == party_id)
    said = select(messages).where(messages.c.tenant_id == tenant_id, messages.c.party_id == party_id)
    names = {text for row in connection.execute(known) for text in (row.address, row.party_name)}
    words: set[str] = set()
    for row in connection.execute(said):
        names.add(row.address)
        words |= {row.body, row.subject}
    nothing = {None, "", party_id, MARK}
    own = Own(party_id, tuple(sorted(names - nothing)), frozenset(words - nothing))
    if not own.names and not own.words:
        raise NotFound(f"Nothing personal is held of a party {party_id!r}.", party_id=party_id)
    return own


def _addresses(connection: Connection, tenant_id: str, party_id: str) -> list[str]:
    query = select(contacts.c.address).where(
        contacts.c.tenant_id == tenant_id, contacts.c.party_id == party_id
    )
    return sorted(connection.scalars(query))


def _mentions(connection: Connection, tenant_id: str, own: Own) -> Iterator[tuple[Table, Values]]:
    """Yield every row that holds something of the party's own."""
    for table, columns in PLACES.items():
        holding = or_(
            *(_holds(table.c[column], name, whole=False) for column in columns for name in own.names),
            *(_holds(table.c[column], word, whole=True) for column in columns for word in sorted(own.words)),
        )
        query = select(table).where(table.c.tenant_id == tenant_id, holding).order_by(*table.primary_key)
        for row in connection.execute(query).mappings().all():
            if any(_erased(table, row, column, own) != row[column] for column in columns):
                yield table, row


def _holds(column: Column[Any], text: str, *, whole: bool) -> Any:
    """Return a clause that finds a text in a column; JSON is stored as its text, with escapes and quotes."""
    if isinstance(column.type, JSON):
        needle = json.dumps(text) if whole else json.dumps(text)[1:-1]
        return cast(column, Text).contains(needle, autoescape=True)
    return column == text if whole else column.contains(text, autoescape=True)


def _owners(connection: Connection, tenant_id: str, found: list[tuple[Table, Values]]) -> set[str]:
    """Return the cases that rows belong to."""
    query = select(drafts.c.draft_id, drafts.c.case_id).where(drafts.c.tenant_id == tenant_id)
    of_draft: dict[str, str] = {}
    if any(table is draft_versions for table, _row in found):
        of_draft = {row.draft_id: row.case_id for row in connection.execute(query)}
    owners = set()
    for table, row in found:
        owners.add(of_draft.get(row["draft_id"]) if table is draft_versions else _case_of(table, row))
    return {owner for owner in owners if owner}


def _case_of(table: Table, row: Values) -> str | None:
    named: str | None = row["subject"] if table is events else row.get("case_id")
    return named


def _refuse_under_way(found: list[tuple[Table, Values]], party_id: str) -> None:
    for table, row in found:
        if table is effects and row["state"] in UNDER_WAY:
            raise DetailsRefused(
                f"A message to {party_id} in case {row['case_id']} is still under way. "
                "Decide about it, or dismiss the case, before you erase.",
                effect_id=row["effect_id"],
            )


def _erased(table: Table, row: Values, column: str, own: Own) -> Any:
    """Return what shall stand in a value's place; what was sent to the party or came from it goes whole."""
    value = row[column]
    if value is None:
        return None
    if table is messages and row["party_id"] == own.party_id:
        return MARK
    if table is effects and row["payload"].get("party_id") == own.party_id:
        return MARK if column == "recipient" else blank(value, KEPT_OF_EFFECTS)
    if table is audit_entries:
        details = without(value["details"], own.names, own.words)
        said = {key: item for key, item in value.items() if key != "salt"}
        return value if details == value["details"] else {**said, "details": details}
    erased = without(value, own.names, own.words, column)
    # A text column of history becomes the mark whole: the database lets nothing else in.
    return MARK if table is approvals and isinstance(value, str) and erased != value else erased


def _forget_addresses(work: Work, party_id: str) -> int:
    """Leave the party on the list of addresses without any: so none is made again, and nothing is sent."""
    here = (contacts.c.tenant_id == work.tenant_id, contacts.c.party_id == party_id)
    gone = {"address": MARK, "party_name": party_id, "is_verified": False, "updated_at": work.now}
    return work.connection.execute(update(contacts).where(*here).values(gone)).rowcount
