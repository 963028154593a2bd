"""Evidence packs: everything behind one case in one signed file that verifies offline.

`export` gathers, `verify` needs only the file and a public key. A pack holds the case, every version of its
facts with their lineage and source rows, drafts, approvals, effects with receipts, messages, and the case's
audit entries, tied by a stretch of the tenant's chain (hashes only) to a signed checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Table, select

from casework.canonical import canonical_bytes, canonical_sha256, plain, sha256_hex
from casework.desk import Desk
from casework.errors import CaseNotFound, NotPermitted
from casework.escalations import notices
from casework.evidence import archive, chain, redaction
from casework.evidence.checkpoints import checkpoint, is_genuine
from casework.evidence.fold import fold
from casework.evidence.keys import read_public
from casework.model import Principal
from casework.permissions import grants
from casework.permissions.scope import Scope
from casework.store.tables import (
    Values,
    approvals,
    audit_entries,
    case_evidence,
    case_facts,
    cases,
    draft_versions,
    drafts,
    effects,
    escalations,
    messages,
    redactions,
    sign_offs,
)

FORMAT = "tidewaiter-evidence-1"
# (file sha256, row numbers) -> those rows as they came
SourceRows = Callable[[str, list[int]], Sequence[Values]]
# Tables that name their case, with the order that makes a pack the same each time.
OF_CASE: dict[str, tuple[Table, tuple[str, ...]]] = {
    "facts": (case_evidence, ("facts_version",)),
    "history": (case_facts, ("sequence",)),
    "drafts": (drafts, ("draft_id",)),
    "approvals": (approvals, ("approval_id",)),
    "sign_offs": (sign_offs, ("sign_off_id",)),
    "effects": (effects, ("effect_id",)),
    "messages": (messages, ("occurred_at", "message_id")),
    "escalations": (escalations, ("rule", "step")),
    "audit": (audit_entries, ("sequence",)),
}


class Door(Protocol):
    """What an export needs of `Casework`."""

    @property
    def desk(self) -> Desk:
        """The wiring behind the door."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """A pack that was written: where, its hash, and what is in it."""

    path: Path
    sha256: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found; `place` names the member that is wrong."""

    ok: bool
    case_id: str | None = None
    entries: int = 0
    place: str | None = None
    problem: str | None = None

    @property
    def sentence(self) -> str:
        """The verdict for a person."""
        if self.ok:
            return f"The pack of case {self.case_id} is genuine: {self.entries} audit entries verified."
        return f"The pack does not verify, in {self.place}: {self.problem}"


# --- writing ---------------------------------------------------------------------------------------------


def export(
    casework: Door,
    principal: Principal,
    tenant_id: str,
    case_id: str,
    out_path: Path,
    source_rows: SourceRows | None = None,
) -> Exported:
    """Write the pack of a case; the export itself becomes an audit entry.

    Raises `CaseNotFound` out of scope and `NotPermitted` without the right to export. `source_rows` reads
    rows back from the original files; without it a pack names files and rows by hash and number only.
    """
    desk = casework.desk
    with desk.reading(tenant_id) as connection:
        case = _exportable(connection, desk, principal, tenant_id, case_id)
        parts = _gather(connection, desk, case)
    parts |= _sources(parts["facts.json"], source_rows)
    contents = {name: canonical_bytes(value) for name, value in sorted(parts.items())}
    contents = {archive.MANIFEST: _manifest(desk, case, contents)} | contents
    data = archive.write(contents, desk.keys)
    out_path.parent.mkdir(parents=True, exist_ok=True)
    out_path.write_bytes(data)
    digest = sha256_hex(data)
    with desk.writing(tenant_id, principal.principal_id) as work:
        work.say("evidence:exported", object_id=case_id, details={"sha256": digest}, is_event=False)
    return Exported(out_path, digest, tuple(contents))


def _exportable(
    connection: Connection, desk: Desk, principal: Principal, tenant_id: str, case_id: str
) -> Values:
    reader = grants.current(connection, principal.principal_id)
    visible = Scope.of(reader, tenant_id, "case:read", desk.config)
    query = select(cases).where(visible.where(), cases.c.case_id == case_id)
    case = connection.execute(query).mappings().first()
    if case is None:
        raise CaseNotFound(case_id)
    if not Scope.of(reader, tenant_id, "evidence:export", desk.config).inside_of(case):
        raise NotPermitted("Your role does not let you export evidence.", permission="evidence:export")
    return case


def _gather(connection: Connection, desk: Desk, case: Values) -> dict[str, Any]:
    parts: dict[str, Any] = {"case.json": dict(case)}
    for name, (table, order) in OF_CASE.items():
        query = (
            select(table)
            .where(table.c.tenant_id == case["tenant_id"], table.c.case_id == case["case_id"])
            .order_by(*(table.c[column] for column in order))
        )
        rows = connection.execute(query).mappings().all()
        parts[f"{name}.json"] = [dict(row) for row in rows]
    parts["draft_versions.json"] = _versions(connection, parts["drafts.json"])
    parts["redactions.json"] = _redactions(connection, case["tenant_id"], parts)
    stretch, head = _stretch(connection, case["tenant_id"], parts["audit.json"])
    parts["chain.json"] = stretch
    parts["checkpoint.json"] = checkpoint(desk.keys, case["tenant_id"], *head, desk.clock())
    return parts


def _versions(connection: Connection, of: Sequence[Values]) -> list[dict[str, Any]]:
    found = []
    for draft in of:
        query = (
            select(draft_versions)
            .where(
                draft_versions.c.tenant_id == draft["tenant_id"],
                draft_versions.c.draft_id == draft["draft_id"],
            )
            .order_by(draft_versions.c.version)
        )
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def _redactions(connection: Connection, tenant_id: str, parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the redactions of the rows in a pack, so that what stands in their place verifies too."""
    tables = {table.name: parts[f"{name}.json"] for name, (table, _order) in OF_CASE.items()}
    tables[draft_versions.name] = parts["draft_versions.json"]
    held = {
        (name, redaction.row_key(name, row))
        for name, rows in tables.items()
        if name in redaction.KEYS_OF
        for row in rows
    }
    query = select(redactions).where(redactions.c.tenant_id == tenant_id)
    found = connection.execute(query.order_by(redactions.c.redaction_id)).mappings()
    return [dict(row) for row in found if (row["table_name"], row["row_key"]) in held]


def _stretch(
    connection: Connection, tenant_id: str, of_case: Sequence[Values]
) -> tuple[dict[str, Any], tuple[int, str]]:
    """Return the chain from the case's first entry to its end, as hashes only, and the chain's head."""
    first = of_case[0]["sequence"] if of_case else 1
    said: list[str] = []
    previous, head = chain.GENESIS, (0, chain.GENESIS)
    for entry in chain.entries_of(connection, tenant_id, after=first - 1):
        previous = entry["previous_hash"] if not said else previous
        said.append(chain.entry_sha256(entry))
        head = (entry["sequence"], entry["entry_hash"])
    return {"first_sequence": first, "previous_hash": previous, "entry_sha256": said}, head


def _sources(facts: Sequence[Values], source_rows: SourceRows | None) -> dict[str, Any]:
    if source_rows is None:
        return {}
    wanted: dict[str, set[int]] = {}
    for version in facts:
        for file in version["lineage"]["files"]:
            wanted.setdefault(file["file_sha256"], set()).update(file["row_numbers"])
    return {
        f"sources/{sha}.json": [plain(row) for row in source_rows(sha, sorted(numbers))]
        for sha, numbers in sorted(wanted.items())
    }


def _manifest(desk: Desk, case: Values, contents: Mapping[str, bytes]) -> bytes:
    return canonical_bytes(
        {
            "format": FORMAT,
            "tenant_id": case["tenant_id"],
            "case_id": case["case_id"],
            "exported_at": desk.clock(),
            "key_id": desk.keys.key_id,
            "members": [
                {"name": name, "size": len(data), "sha256": sha256_hex(data)}
                for name, data in contents.items()
            ],
        }
    )


# --- verifying -------------------------------------------------------------------------------------------


def verify(path: Path, public_key: bytes | Path) -> Report:
    """Verify a pack with nothing but itself and the public key (its raw bytes, or the file that holds it).

    Fails for any changed byte, naming the member; then checks that what the members say holds together.
    """
    key = read_public(public_key) if isinstance(public_key, Path) else public_key
    data = path.read_bytes()
    broken = archive.problem_of(data, key)
    if broken is not None:
        return Report(False, place=broken.place, problem=broken.problem)
    members = archive.members_of(data)
    parts = {name: json.loads(content) for name, content in members.items()}
    for place, check in CHECKS.items():
        problem = check(parts, key)
        if problem:
            return Report(False, place=place, problem=problem)
    return Report(True, parts[archive.MANIFEST]["case_id"], len(parts["audit.json"]))


def _checkpoint_holds(parts: Mapping[str, Any], key: bytes) -> str | None:
    mark = parts["checkpoint.json"]
    if not is_genuine(mark, key) or mark["tenant_id"] != parts["case.json"]["tenant_id"]:
        return "The checkpoint does not carry the key's signature for this tenant."
    stretch = parts["chain.json"]
    hashed, position = stretch["previous_hash"], stretch["first_sequence"] - 1
    for said in stretch["entry_sha256"]:
        hashed, position = chain.link_hash(hashed, said), position + 1
    if (position, hashed) != (mark["sequence"], mark["entry_hash"]):
        return "The chain does not lead to the signed checkpoint."
    return None


def _is_content(parts: Mapping[str, Any], key: bytes, table: Table, row: Values) -> bool:
    """Tell whether a payload is the one its hash names, or one that a signed redaction put in its place."""
    if canonical_sha256(row["payload"]) == row["payload_sha256"]:
        return True
    redacted = redaction.Redactions(parts.get("redactions.json", []), key)
    return redacted.explains(table.name, row, "payload", row["payload_sha256"])


def _entries_hold(parts: Mapping[str, Any], key: bytes) -> str | None:
    stretch = parts["chain.json"]
    for entry in parts["audit.json"]:
        place = entry["sequence"] - stretch["first_sequence"]
        if not _is_content(parts, key, audit_entries, entry):
            return f"The payload of entry {entry['sequence']} is not what its hash says."
        if chain.entry_sha256(entry) != stretch["entry_sha256"][place]:
            return f"Entry {entry['sequence']} is not the one in the chain."
    return None


def _case_holds(parts: Mapping[str, Any], _key: bytes) -> str | None:
    case = parts["case.json"]
    explained = fold(parts["audit.json"]).get(case["case_id"], {})
    wrong = [column for column, value in explained.items() if case[column] != value]
    return f"The log does not explain the case's {', '.join(wrong)}." if wrong or not explained else None


def _is_signed(approval: Mapping[str, Any], signed: Sequence[Mapping[str, Any]]) -> bool:
    """Whether whoever completed a decision approved that content in that version."""
    same = ("draft_id", "draft_version", "approver", "content_sha256", "facts_version")
    return any(all(one[name] == approval[name] for name in same) for one in signed)


def _approvals_hold(parts: Mapping[str, Any], key: bytes) -> str | None:
    """Everything that left was approved as it is; a notice to the tenant's own people was told by a step."""
    bound = {item["approval_id"]: item for item in parts["approvals.json"]}
    told = _notices_told(parts)
    for effect in parts["effects.json"]:
        if not _is_content(parts, key, effects, effect):
            return f"The content of effect {effect['effect_id']} is not what its hash says."
        if effect["target"] in notices.TARGETS:
            if told.get(effect["effect_id"]) != effect["payload_sha256"]:
                return f"No escalation told notice {effect['effect_id']} with this content."
            continue
        approval = bound.get(effect["approval_id"])
        hashes = {item["sha256"] for item in approval["recipients"]} if approval else set()
        if effect["payload_sha256"] not in hashes:
            return f"Effect {effect['effect_id']} is not covered by an approval of its exact content."
        if approval and not _is_signed(approval, parts["sign_offs.json"]):
            return (
                f"Decision {approval['approval_id']} has nobody's approval of its content among those in it."
            )
    return None


def _notices_told(parts: Mapping[str, Any]) -> dict[str, str]:
    """Return effect_id -> hash of every notice that a step in the log queued."""
    said = [
        entry["payload"]["details"] for entry in parts["audit.json"] if entry["action"] == "case:escalated"
    ]
    return {details["effect_id"]: details["payload_sha256"] for details in said if details.get("effect_id")}


CHECKS: dict[str, Callable[[Mapping[str, Any], bytes], str | None]] = {
    "checkpoint.json": _checkpoint_holds,
    "audit.json": _entries_hold,
    "case.json": _case_holds,
    "effects.json": _approvals_hold,
}
