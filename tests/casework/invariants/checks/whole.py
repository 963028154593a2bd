"""I2: a decision is there as a whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.casework.invariants.checks.common import (
    HELD,
    SETTLED_AS,
    TO_THE_TEAM,
    canonical,
    canonical_text,
    notices_told,
)
from tests.casework.invariants.snapshot import Snapshot


def half_decided(seen: Snapshot) -> Iterator[str]:
    """I2: rows, log and outbox that do not explain each other."""
    yield from _tables_and_log(seen)
    yield from _approvals_and_effects(seen)
    yield from _effects_and_their_end(seen)


def _tables_and_log(seen: Snapshot) -> Iterator[str]:
    about_cases = [entry for entry in seen.audit if entry["case_id"] and "case" in entry["payload"]]
    standing = {entry["case_id"]: entry["payload"]["case"] for entry in about_cases}
    table = {
        case_id: {column: row[column] for column in standing.get(case_id, {})}
        for case_id, row in seen.cases.items()
    }
    if canonical_text(standing) != canonical_text(table):
        yield "the cases are not what the log says"
    facts = [(row["case_id"], row["fact"], row["actor"], row["details"]) for row in seen.facts]
    if facts != [(e["case_id"], e["action"], e["actor"], e["payload"]["details"]) for e in about_cases]:
        yield "the history of cases is not what the log says"
    told = [(row["subject"], row["data"]) for row in seen.events if "case" in row["data"]]
    said = [(e["case_id"], {key: e["payload"][key] for key in ("details", "case")}) for e in about_cases]
    if told != said:
        yield "the events are not what the log says"
    for rows in (seen.audit, seen.facts, seen.events):
        if [row["sequence"] for row in rows] != list(range(1, len(rows) + 1)):
            yield "a sequence has a gap"


def _approvals_and_effects(seen: Snapshot) -> Iterator[str]:
    decided = seen.said("draft:approved", "draft:rejected")
    logged = {entry["payload"]["details"]["approval_id"]: entry for entry in decided}
    if len(logged) != len(decided) or set(logged) != set(seen.approvals):
        yield "the decisions are not those of the log"
        return
    signed = [
        entry["payload"]["details"].get("sign_off") for entry in seen.said("draft:signed", "draft:approved")
    ]
    if canonical_text(sorted(signed, key=lambda one: one["sign_off_id"])) != canonical_text(
        sorted(seen.sign_offs.values(), key=lambda one: one["sign_off_id"])
    ):
        yield "the approvals that gathered are not those of the log"
    lent = {
        entry["object_id"]: entry["payload"]["details"]["delegation"]
        for entry in seen.said("approval:delegated", "approval:delegation:revoked")
    }
    if canonical_text(lent) != canonical_text(seen.delegations):
        yield "the rights that were lent are not those of the log"
    queued = notices_told(seen)
    for approval_id, entry in logged.items():
        row, said = seen.approvals[approval_id], entry["payload"]["details"]
        queued |= said["effects"]
        if row["content_sha256"] != said["content_sha256"] or row["recipients"] != said["recipients"]:
            yield f"decision {approval_id} is not what the log says"
        if (row["approver"], f"draft:{row['decision']}") != (entry["actor"], entry["action"]):
            yield f"decision {approval_id} was somebody else's"
        mine = [e for e in seen.effects.values() if e["approval_id"] == approval_id]
        if len(mine) != len(row["recipients"]):
            yield f"decision {approval_id} has {len(mine)} effects for {len(row['recipients'])} recipients"
    if {name: row["payload_sha256"] for name, row in seen.effects.items()} != queued:
        yield "the outbox is not what the log queued"
    for row in seen.effects.values():
        if canonical(row["payload"]) != row["payload_sha256"]:
            yield f"effect {row['effect_id']} has other bytes than its hash"


def _effects_and_their_end(seen: Snapshot) -> Iterator[str]:
    facts = [
        HELD,
        *SETTLED_AS.values(),
        *(fact.replace("writeback:", "notice:") for fact in SETTLED_AS.values()),
    ]
    ends = Counter((entry["object_id"], entry["action"]) for entry in seen.said(*facts))
    out = Counter(row["effect_id"] for row in seen.messages if row["direction"] == "out")
    for name, row in seen.effects.items():
        fact, delivered = SETTLED_AS.get(row["state"]), "writeback:delivered"
        if row["target"] == TO_THE_TEAM:
            fact, delivered = fact and fact.replace("writeback:", "notice:"), "notice:delivered"
            out[name] += ends[name, delivered]  # it stands in the thread as the note of its step
        is_held = row["state"] == "needs_human" and ends[name, HELD]
        if fact and not ends[name, fact] and not is_held:
            yield f"effect {name} is {row['state']}, and the log does not say so"
        if ends[name, delivered] != out[name] or (row["state"] == "applied") != bool(out[name]):
            yield f"effect {name} is {row['state']} with {out[name]} messages in the thread"
        if out[name] > 1:
            yield f"effect {name} was delivered {out[name]} times"
