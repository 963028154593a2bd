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

from sqlalchemy import Column, Connection, Table, Text, cast, or_, select, update

from casework.canonical import clean_text
from casework.desk import Desk
from casework.errors import DetailsRefused, NotFound
from casework.evidence import holds, reads
from casework.evidence.eraser import Eraser
from casework.evidence.redaction import MARK, without
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
}
UNDER_WAY = (EffectState.PENDING.value, EffectState.CLAIMED.value, EffectState.NEEDS_HUMAN.value)


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
    with desk.reading() as connection:
        tenantwide.require(connection, principal, tenant_id, "record:erase")
        secrets = _secrets(connection, tenant_id, party_id)
        found = list(_mentions(connection, tenant_id, secrets))
        owners = _owners(connection, tenant_id, found)
        addresses = _addresses(connection, tenant_id, party_id)
    reads.tell(desk, principal, tenant_id, party_id, "personal_data", fact="personal:data:read")
    counts = Counter(table.name for table, _row in found)
    return PersonalData(party_id, dict(sorted(counts.items())), tuple(sorted(owners)), tuple(addresses))


def erase_party(desk: Desk, principal: Principal, tenant_id: str, party_id: str, reason: str) -> Erased:
    """Take a party's addresses, name and words out of every record, history included, in one transaction.

    Refused while a hold stands on the party or on a case that names it, and while something is to leave to it.
    """
    said = clean_text(reason, limit=1_000).strip()
    if not said:
        raise DetailsRefused("Say why it is erased, for example the request's number.", field="reason")
    with desk.writing(tenant_id, principal.principal_id) as work:
        tenantwide.require(work.connection, principal, tenant_id, "record:erase")
        secrets = _secrets(work.connection, tenant_id, party_id)
        found = list(_mentions(work.connection, tenant_id, secrets))
        owners = _owners(work.connection, tenant_id, found)
        holds.refuse_held(work.connection, tenant_id, owners, {party_id})
        _refuse_under_way(found, party_id)
        eraser, counts = Eraser(work, desk.keys), Counter[str]()
        for table, row in found:
            changed = [_erase(eraser, table, row, column, secrets) for column in PLACES[table]]
            counts[table.name] += any(changed)
        counts[contacts.name] = _forget_addresses(work, party_id)
        rows = dict(sorted(counts.items()))
        values = eraser.tell({"party_id": party_id, "reason": without(said, secrets), "rows": rows})
        return Erased(eraser.erasure_id, values, rows)


def _secrets(connection: Connection, tenant_id: str, party_id: str) -> list[str]:
    """Return the strings that are the party's own: addresses, names, and what it wrote or was written."""
    known = select(contacts).where(contacts.c.tenant_id == tenant_id, contacts.c.party_id == party_id)
    said = select(messages).where(messages.c.tenant_id == tenant_id, messages.c.party_id == party_id)
    found = {text for row in connection.execute(known) for text in (row.address, row.party_name)}
    for row in connection.execute(said):
        found |= {row.address, row.body, row.subject}
    secrets = sorted({text for text in found if text} - {party_id, MARK})
    if not secrets:
        raise NotFound(f"Nothing personal is held of a party {party_id!r}.", party_id=party_id)
    return secrets


def _addresses(connection: Connection, tenant_id: str, party_id: str) -> list[str]:
    query = select(contacts.c.address).where(
        contacts.c.tenant_id == tenant_id, contacts.c.party_id == party_id
    )
    return sorted(connection.scalars(query))


def _mentions(connection: Connection, tenant_id: str, secrets: list[str]) -> Iterator[tuple[Table, Values]]:
    """Yield every row that holds one of the secrets."""
    for table, columns in PLACES.items():
        holding = or_(*(_holds(table.c[name], secret) for name in columns for secret in secrets))
        query = select(table).where(table.c.tenant_id == tenant_id, holding)
        for row in connection.execute(query).mappings().all():
            if any(without(row[name], secrets) != row[name] for name in columns):
                yield table, row


def _holds(column: Column[Any], secret: str) -> Any:
    """Return a clause that finds the secret in a column; JSON is stored as its text, with escapes."""
    is_text = isinstance(column.type, Text) or column.name in ("recipient", "address")
    needle = secret if is_text else json.dumps(secret)[1:-1]
    return cast(column, Text).contains(needle, autoescape=True)


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
    named: str | None = row["subject"] if table is events else row["case_id"]
    return named


def _refuse_under_way(found: list[tuple[Table, Values]], party_id: str) -> None:
    for table, row in found:
        if table is effects and row["state"] in UNDER_WAY:
            raise DetailsRefused(
                f"A message to {party_id} in case {row['case_id']} is still under way. "
                "Decide about it, or dismiss the case, before you erase.",
                effect_id=row["effect_id"],
            )


def _erase(eraser: Eraser, table: Table, row: Values, column: str, secrets: list[str]) -> bool:
    """Take the secrets out of one value; of an audit entry its details alone, and the salt with them."""
    value = row[column]
    if table is not audit_entries:
        if table is approvals and column == "reason":
            erased = MARK if without(value, secrets) != value else value
        else:
            erased = without(value, secrets)
        return eraser.replace(table, row, column, erased)
    details = without(value["details"], secrets)
    if details == value["details"]:
        return False
    kept = {key: item for key, item in value.items() if key != "salt"}
    return eraser.replace(table, row, column, {**kept, "details": details})


def _forget_addresses(work: Work, party_id: str) -> int:
    """Leave the party on the list of addresses without any: so none is made again, and nothing is sent."""
    here = (contacts.c.tenant_id == work.tenant_id, contacts.c.party_id == party_id)
    gone = {"address": MARK, "party_name": party_id, "is_verified": False, "updated_at": work.now}
    return work.connection.execute(update(contacts).where(*here).values(gone)).rowcount
