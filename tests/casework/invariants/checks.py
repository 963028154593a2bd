"""The invariants of casework as questions to a snapshot; each answer is a list of what is wrong.

They share no code with what they check: hashes, permissions and rules are worked out again here, plainly.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from casework.effects.adapter import Leased
from tests.casework.invariants.far_side import Receiver
from tests.casework.invariants.snapshot import Row, Snapshot

DAY = timedelta(hours=24)
ENDED = {"applied", "refused", "superseded", "needs_human", "dead"}
OPEN = {"new", "triaged", "in_progress", "waiting"}
MAY_APPROVE = {"ops_lead", "approver"}
FOUR_EYES_ABOVE = Decimal("100000")
PARTY_OF = {"customer_update": "customer_id", "carrier_request": "carrier_id"}
CHANNEL_OF = {"mail": "mail", "portal_webhook": "webhook"}
# Notices to the tenant's own people, which no approval covers: a step that fired told them.
TO_THE_TEAM = "team_mail"
SETTLED_AS = {
    "applied": "writeback:delivered",
    "refused": "writeback:refused",
    "needs_human": "writeback:outcome:unknown",
    "dead": "writeback:abandoned",
}
HELD = "writeback:held"  # needs_human too, for want of budget


def canonical_text(value: Any) -> str:
    """A value's canonical JSON, worked out a second time."""

    def plain(item: Any) -> Any:
        if isinstance(item, datetime):
            return item.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if isinstance(item, date):
            return item.isoformat()
        if isinstance(item, Decimal):
            return f"{item:f}"
        raise TypeError(type(item))

    return json.dumps(value, default=plain, sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> str:
    """The hash of a value's canonical JSON."""
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


# --- I1: nothing leaves without an approval of exactly that --------------------------------------------------


def may_approve(seen: Snapshot, who: str, case: Row) -> bool:
    """Whether a person holds a role that approves, for this case, now."""
    return any(
        grant["principal_id"] == who
        and grant["revoked_at"] is None
        and grant["role"] in MAY_APPROVE
        and all(grant[part] in (None, case[part]) for part in ("customer_id", "carrier_id", "facility_id"))
        and (grant["exception_types"] is None or case["exception_type"] in grant["exception_types"])
        for grant in seen.grants
    )


def needs_somebody_else(seen: Snapshot, who: str, case: Row, version: Row) -> bool:
    """Whether this person wrote the text and may not be the one who approves it."""
    if version["author"] != who:
        return False
    leads = any(
        grant["principal_id"] == who and grant["revoked_at"] is None and grant["role"] == "ops_lead"
        for grant in seen.grants
    )
    return not leads or case["expected_loss"] >= FOUR_EYES_ABOVE


def why_no_approval(seen: Snapshot, draft: Row, version: int, who: str) -> list[str]:
    """Why a person may not approve a version of a draft as things stand."""
    case, current = seen.cases[draft["case_id"]], seen.versions[draft["draft_id"], draft["current_version"]]
    return [
        problem
        for problem, is_so in (
            ("it is not waiting", draft["state"] != "waiting"),
            ("another version is current", draft["current_version"] != version),
            ("its facts are old", current["facts_version"] != case["facts_version"]),
            ("the case is over", case["state"] in ("closed", "dismissed")),
            ("the person may not", not may_approve(seen, who, case)),
            ("it is the person's own", needs_somebody_else(seen, who, case, current)),
        )
        if is_so
    ]


def unauthorised(seen: Snapshot, change: Leased) -> list[str]:
    """I1: why what a transport was given is not what somebody approved, as the store stands at the lease."""
    effect = seen.effects.get(change.effect_id)
    if effect is not None and effect["target"] == TO_THE_TEAM:
        return misdirected(seen, effect)
    approval = seen.approvals.get(effect["approval_id"] or "") if effect else None
    if effect is None or approval is None:
        return ["there is no approval"]
    case = seen.cases[effect["case_id"]]
    draft = seen.drafts[approval["draft_id"]]
    sent = effect["payload"]
    bound = {(item["channel"], item["address"], item["sha256"]) for item in approval["recipients"]}
    party = case[PARTY_OF[draft["kind"]]]
    known = {
        (row["channel"], row["address"])
        for row in seen.contacts
        if row["party_id"] == party and row["is_verified"]
    }
    channel = CHANNEL_OF[change.target]
    return [
        problem
        for problem, is_so in (
            ("it was not leased to this worker", effect["claimed_by"] != change.token),
            ("it is not claimed", effect["state"] != "claimed"),
            ("it was not approved", approval["decision"] != "approved"),
            ("the approval has expired", seen.now >= approval["expires_at"]),
            ("the approval is of another case", approval["case_id"] != change.case_id),
            ("the facts moved on", approval["facts_version"] != case["facts_version"]),
            ("the case is over", case["state"] in ("closed", "dismissed")),
            ("the draft moved on", draft["current_version"] != approval["draft_version"]),
            ("the draft is not approved", draft["state"] != "approved"),
            ("the bytes are not those approved", (channel, change.recipient, canonical(sent)) not in bound),
            (
                "other bytes are sent",
                change.payload != sent["payload"] or change.recipient != sent["address"],
            ),
            ("the recipient is not the case's own", (channel, change.recipient) not in known),
            ("the approver may not any more", not may_approve(seen, approval["approver"], case)),
        )
        if is_so
    ]


def misdirected(seen: Snapshot, effect: Row) -> list[str]:
    """I1: why a notice is not what a step that fired told the tenant's own people."""
    told = notices_told(seen).get(effect["effect_id"])
    partners = {row["address"] for row in seen.contacts if row["party_role"] != "team"}
    problems = [] if told == canonical(effect["payload"]) else ["no step told it"]
    return problems + (["it goes to a partner"] if effect["recipient"] in partners else [])


def notices_told(seen: Snapshot) -> dict[str, str]:
    """Notices by their ids, with the hashes of what steps that fired told."""
    said = [entry["payload"]["details"] for entry in seen.said("case:escalated")]
    return {details["effect_id"]: details["payload_sha256"] for details in said if "effect_id" in details}


# --- I2: a decision is there as a whole or not at all ---------------------------------------------------------


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


# --- I3: at most once, and never forgotten ---------------------------------------------------------------------


def doubled_or_lost(seen: Snapshot, receivers: Iterable[Receiver]) -> Iterator[str]:
    """I3: a target that has more than one effect of a key, or an effect nobody would ever look at again."""
    keys = Counter(row["idempotency_key"] for row in seen.effects.values())
    if any(times > 1 for times in keys.values()):
        yield "two effects share a key"
    for far in receivers:
        yield from far.violations
        for key, times in far.taken.items():
            allowed = 1 if far.is_idempotent else 1 + far.resent[key]
            if times > allowed:
                yield f"{far.target} has {times} effects of key {key[:8]}"
            if key not in keys:
                yield f"{far.target} has an effect that nobody queued"
    for name, row in seen.effects.items():
        if row["state"] in ENDED:
            continue
        ahead = row["claimed_until"] if row["state"] == "claimed" else row["available_at"]
        if row["state"] not in ("pending", "claimed") or ahead is None or ahead > seen.now + DAY:
            yield f"effect {name} is {row['state']} with its next attempt at {ahead}"
        if row["attempts"] > 10:
            yield f"effect {name} was tried {row['attempts']} times"


def unsettled(seen: Snapshot, receivers: Iterable[Receiver]) -> Iterator[str]:
    """I3 in the end, when the far side has answered everything: done, or in front of a person; and as they have it."""
    taken = {key: times for far in receivers for key, times in far.taken.items()}
    for name, row in seen.effects.items():
        times = taken.get(row["idempotency_key"], 0)
        if row["state"] not in ENDED:
            yield f"effect {name} is still {row['state']}"
        if row["state"] == "applied" and not times and not (row["receipt"] or {}).get("confirmed_by"):
            yield f"effect {name} is applied, but its target has nothing"
        if row["state"] in ("refused", "superseded", "dead") and times and not _is_on_record(row):
            yield f"effect {name} is {row['state']}, but its target has it"


def _is_on_record(effect: Row) -> bool:
    """An attempt whose fate was unknown stands in its receipt, whatever was decided afterwards."""
    return "unknown" in json.dumps(effect["receipt"] or {})


# --- I7: what is due happens once, at its time ---------------------------------------------------------------


def misfired(seen: Snapshot) -> Iterator[str]:
    """I7: a step fired twice, early, or without a trace; an open case that nothing would ever wake."""
    told = Counter(
        entry["object_id"] for entry in seen.audit if entry["object_id"] in seen.steps and entry["case_id"]
    )
    when = {entry["object_id"]: entry["occurred_at"] for entry in seen.audit if entry["object_id"]}
    for name, step in seen.steps.items():
        has_fired = step["state"] == "fired"
        if told[name] != int(has_fired):
            yield f"step {name} is {step['state']} and was told {told[name]} times"
        if has_fired != (step["fired_at"] is not None):
            yield f"step {name} is {step['state']} with the instant {step['fired_at']}"
        if has_fired and (step["fired_at"] < step["due_at"] or when[name] < step["due_at"]):
            yield f"step {name} fired before its time"
    ahead = Counter(step["case_id"] for step in seen.steps.values() if step["state"] == "due")
    fired = Counter(step["case_id"] for step in seen.steps.values() if step["state"] == "fired")
    for case_id, case in seen.cases.items():
        if case["state"] not in OPEN:
            if ahead[case_id]:
                yield f"case {case_id} is {case['state']} and still has {ahead[case_id]} steps due"
        elif case["resolution_due_at"] is None:
            yield f"case {case_id} is open without a deadline"
        elif not ahead[case_id] and (case["resolution_due_at"] > seen.now or not fired[case_id]):
            yield f"case {case_id} is open, and nothing would ever wake it"
        if case["state"] == "waiting" and not _wakes(seen, case_id):
            yield f"case {case_id} waits, and nothing would end it"


def _wakes(seen: Snapshot, case_id: str) -> bool:
    waits = [
        step
        for step in seen.steps.values()
        if step["case_id"] == case_id and step["rule"] == "wait_over" and step["state"] == "due"
    ]
    return [step["due_at"] for step in waits] == [seen.cases[case_id]["waiting_until"]]


def overdue(seen: Snapshot) -> Iterator[str]:
    """I7 after a worker's round: nothing that is due has been left."""
    for name, step in seen.steps.items():
        case = seen.cases[step["case_id"]]
        runs_on = step["rule"] == "wait_over" or step["clock"] in ("wait", "next_update")
        is_held = step["rule"] == "unanswered" and (case["acknowledged_until"] or seen.now) > seen.now
        stands_still = is_held or (case["state"] == "waiting" and not runs_on)  # its clock is stopped
        if step["state"] == "due" and step["due_at"] <= seen.now and not stands_still:
            yield f"step {name} was due at {step['due_at']} and did not fire"


def moved_earlier(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """I7: an instant once set is never brought forward, and what fired stays fired."""
    for name, step in before.steps.items():
        if after.steps[name]["due_at"] < step["due_at"]:
            yield f"step {name} was brought forward"
        if step["state"] == "fired" and after.steps[name] != step:
            yield f"step {name} had fired and was changed"


# --- I11: decisions one after another ------------------------------------------------------------------------


def contradictory(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """I11: a version skipped or reused, a text changed, a version of a draft decided twice."""
    for case_id, case in before.cases.items():
        now = after.cases[case_id]
        entries = [
            entry["payload"]["case"]["version"]
            for entry in after.audit[len(before.audit) :]
            if entry["case_id"] == case_id
        ]
        if now["version"] < case["version"] or sorted(entries) != entries:
            yield f"case {case_id} went back from version {case['version']}"
        changed = {name for name in case if case[name] != now[name]} - {"version", "updated_at"}
        if changed and now["version"] == case["version"]:
            yield f"case {case_id} changed ({', '.join(sorted(changed))}) and kept its version"
    for key, version in before.versions.items():
        if after.versions.get(key) != version:
            yield f"version {key[1]} of draft {key[0]} was changed"
    for name, row in before.approvals.items():
        if after.approvals.get(name) != row:
            yield f"decision {name} was changed"
    decided = Counter((row["draft_id"], row["draft_version"]) for row in after.approvals.values())
    if any(times > 1 for times in decided.values()):
        yield "a version of a draft was decided twice"
    for draft_id, draft in after.drafts.items():
        known = sorted(version for name, version in after.versions if name == draft_id)
        if known != list(range(1, draft["current_version"] + 1)):
            yield f"draft {draft_id} is in version {draft['current_version']} and has {known}"


def lost_edits(seen: Snapshot, edits: Mapping[tuple[str, int], str]) -> Iterator[str]:
    """I11: an edit that was confirmed and is not there."""
    for key, text in edits.items():
        version = seen.versions.get(key)
        if version is None or text not in json.dumps(version["content"]):
            yield f"the edit saved as version {key[1]} of draft {key[0]} is lost"


# --- I14: everything is counted, and a budget that is used up is heard of ----------------------------------------

KIND_OF = {"mail": "mail", "portal_webhook": "portal_message", "team_mail": "team_notice"}


def uncounted(seen: Snapshot, change: Leased) -> Iterator[str]:
    """I14: a transport is given something of which no row, or more than one, says that it is under way."""
    rows = [row for row in seen.usage if row["effect_id"] == change.effect_id and row["settled_at"] is None]
    if [(row["kind"], row["case_id"]) for row in rows] != [(KIND_OF[change.target], change.case_id)]:
        yield f"{len(rows)} rows of usage say so"


def unmetered(seen: Snapshot, receivers: Iterable[Receiver], most: Mapping[str, int]) -> Iterator[str]:
    """I14: attempts that are never settled or not counted, more than a budget allows, a message held in silence."""
    under_way = Counter(row["effect_id"] for row in seen.usage if row["settled_at"] is None)
    counted = Counter[str]()
    for row in seen.usage:
        counted[row["effect_id"]] += row["quantity"]
    taken = {key: times for far in receivers for key, times in far.taken.items()}
    for name, effect in seen.effects.items():
        if under_way[name] != int(effect["state"] == "claimed"):
            yield f"effect {name} is {effect['state']} with {under_way[name]} attempts under way in the usage"
        if effect["state"] != "claimed" and counted[name] < taken.get(effect["idempotency_key"], 0):
            yield f"effect {name} was taken more often than it was counted"
    for kind, allowed in most.items():
        rows = [row for row in seen.usage if row["kind"] == kind]
        for last in rows:
            window = [
                row for row in rows if last["started_at"] - DAY < row["started_at"] <= last["started_at"]
            ]
            if sum(row["quantity"] for row in window) > allowed:
                yield f"more than {allowed} ({kind}) left in a day"
    yield from _held_in_silence(seen, most)


def _held_in_silence(seen: Snapshot, most: Mapping[str, int]) -> Iterator[str]:
    told = Counter(entry["payload"]["details"].get("held_effect") for entry in seen.said("case:escalated"))
    notices = {
        entry["payload"]["details"]["held_effect"]: entry["payload"]["details"].get("effect_id")
        for entry in seen.said("case:escalated")
        if "held_effect" in entry["payload"]["details"]
    }
    for entry in seen.said(HELD):
        name = entry["object_id"]
        if not told[name] or notices[name] not in seen.effects:
            yield f"effect {name} is held for want of budget, and nobody was told"
        if KIND_OF[seen.effects[name]["target"]] not in most:
            yield f"effect {name} is held although no budget says so"
