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
# How the desk whose lives are lived is configured (`desk_choices`), said once more: from how much at stake on,
# how many people, in which roles, one of them in which, and who may approve an own edit.
TIERS: tuple[tuple[Decimal, int, set[str], str | None, set[str]], ...] = (
    (Decimal(0), 1, {"planner", "approver", "ops_lead"}, None, {"ops_lead"}),
    (Decimal(20000), 1, {"approver", "ops_lead"}, None, {"ops_lead"}),
    (Decimal(100000), 2, {"approver", "ops_lead"}, "ops_lead", set()),
)
UP_TO: dict[str, Decimal | None] = {"planner": Decimal(5000), "approver": None, "ops_lead": None}
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


# --- what the queue adds up to -------------------------------------------------------------------------------

FACETS = ("state", "exception_type", "severity", "owner", "team", "customer_id", "carrier_id", "facility_id")


def queue_counted(seen: Snapshot) -> tuple[int, dict[str, dict[str, int]], Decimal, int]:
    """How many cases the queue holds, of which kinds, what is at stake in them, and how many cases ever were."""
    queue = [case for case in seen.cases.values() if case["is_open"] and case["merged_into"] is None]
    facets = {name: dict(Counter(case[name] or "-" for case in queue)) for name in FACETS}
    greatest: dict[str, Decimal] = {}
    for case in queue:
        group = case["parent_case_id"] or case["shipment_id"] or case["case_id"]
        greatest[group] = max(case["expected_loss"], greatest.get(group, Decimal(0)))
    return len(queue), facets, sum(greatest.values(), Decimal("0.00")), len(seen.cases)


# --- I1: nothing leaves without an approval of exactly that --------------------------------------------------


def tier_of(case: Row) -> tuple[Decimal, int, set[str], str | None, set[str]]:
    """What a case's drafts ask."""
    return [tier for tier in TIERS if tier[0] <= case["expected_loss"]][-1]


def own_roles(seen: Snapshot, who: str, case: Row) -> dict[str, Decimal | None]:
    """Role -> up to how much, of what a person's own grants let them approve of a case now."""
    found: dict[str, Decimal | None] = {}
    for grant in seen.grants:
        parties = all(
            grant[part] in (None, case[part]) for part in ("customer_id", "carrier_id", "facility_id")
        )
        types = grant["exception_types"] is None or case["exception_type"] in grant["exception_types"]
        held = grant["principal_id"] == who and grant["revoked_at"] is None
        if held and parties and types and grant["role"] in UP_TO:
            found[grant["role"]] = UP_TO[grant["role"]]
    return found


def roles_by(seen: Snapshot, who: str, case: Row, lender: str | None, lent: str | None) -> set[str]:
    """The roles of the tier in which a person may approve a case now, by their own right or by one lent."""
    roles, band = own_roles(seen, lender or who, case), None
    if lender is not None:
        row = seen.delegations.get(lent or "")
        parties = ("from_principal", "to_principal")
        if row is None or tuple(row[name] for name in parties) != (lender, who):
            return set()
        if row["revoked_at"] is not None or not row["starts_at"] <= seen.now < row["ends_at"]:
            return set()
        band = row["up_to"]
    at_stake = case["expected_loss"]
    return {
        role
        for role, up_to in roles.items()
        if role in tier_of(case)[2]
        and (up_to is None or at_stake <= up_to)
        and (band is None or at_stake <= band)
    }


def needs_somebody_else(seen: Snapshot, who: str, case: Row, author: str, lender: str | None) -> bool:
    """Whether the text is theirs, or of whom they act for, and somebody else must approve it."""
    if author not in (who, lender):
        return False
    return lender is not None or not (own_roles(seen, who, case).keys() & tier_of(case)[4])


def lent_by(seen: Snapshot, who: str, case: Row, lender: str | None) -> list[str | None]:
    """The delegations that a person could act by for a lender; none of them for themselves."""
    if lender is None:
        return [None]
    return [name for name, row in seen.delegations.items() if roles_by(seen, who, case, lender, name) and row]


def why_no_approval(seen: Snapshot, draft: Row, version: int, who: str, lender: str | None) -> list[str]:
    """Why a person may not approve a version of a draft as things stand."""
    case, current = seen.cases[draft["case_id"]], seen.versions[draft["draft_id"], draft["current_version"]]
    ways = lent_by(seen, who, case, lender)
    return [
        problem
        for problem, is_so in (
            ("it is not waiting", draft["state"] != "waiting"),
            ("another version is current", draft["current_version"] != version),
            ("its facts are old", current["facts_version"] != case["facts_version"]),
            ("the case is over", case["state"] in ("closed", "dismissed")),
            ("the person may not", not any(roles_by(seen, who, case, lender, lent) for lent in ways)),
            ("it is the person's own", needs_somebody_else(seen, who, case, current["author"], lender)),
        )
        if is_so
    ]


def counted(seen: Snapshot, draft: Row, version: int, bound: tuple[Any, ...]) -> list[Row]:
    """The approvals of a version that count now, for what is bound: content, recipients, facts."""
    case, author = seen.cases[draft["case_id"]], seen.versions[draft["draft_id"], version]["author"]
    ends = [
        e["sequence"] for e in seen.said("case:dismissed", "case:closed") if e["case_id"] == case["case_id"]
    ]
    given = {
        entry["payload"]["details"]["sign_off"]["sign_off_id"]: entry["sequence"]
        for entry in seen.said("draft:signed", "draft:approved")
    }
    return [
        one
        for one in seen.sign_offs.values()
        if (one["draft_id"], one["draft_version"]) == (draft["draft_id"], version)
        and seen.now < one["expires_at"]
        and given[one["sign_off_id"]] > max(ends, default=0)
        and (one["content_sha256"], one["recipients_sha256"], one["facts_version"]) == bound
        and roles_by(seen, one["approver"], case, one["on_behalf_of"], one["delegation_id"])
        and not needs_somebody_else(seen, one["approver"], case, author, one["on_behalf_of"])
    ]


def not_enough(seen: Snapshot, draft: Row, version: int, bound: tuple[Any, ...]) -> list[str]:
    """I1: what the approvals of a version lack of what its tier asks at this moment."""
    case = seen.cases[draft["case_id"]]
    _from, needed, _roles, must, _own = tier_of(case)
    found = counted(seen, draft, version, bound)
    together = {one["approver"]: one["on_behalf_of"] for one in found if one["on_behalf_of"]}
    people = {one["approver"] for one in found}
    alone = people - set(together) - set(together.values())
    joined = {frozenset((who, whom)) for who, whom in together.items()}
    while any(a & b for a in joined for b in joined if a != b):
        a, b = next((a, b) for a in joined for b in joined if a != b and a & b)
        joined = joined - {a, b} | {a | b}
    eyes = len(alone) + len(joined)
    roles = {
        role
        for one in found
        for role in roles_by(seen, one["approver"], case, one["on_behalf_of"], one["delegation_id"])
    }
    problems = [f"{eyes} of {needed} people approved it"] if eyes < needed else []
    return problems + ([f"no {must} approved it"] if must and must not in roles else [])


def bound_of(approval: Row) -> tuple[Any, ...]:
    """What a decision binds."""
    return approval["content_sha256"], canonical(approval["recipients"]), approval["facts_version"]


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
    return not_enough(seen, draft, approval["draft_version"], bound_of(approval)) + [
        problem
        for problem, is_so in (
            ("it was not leased to this worker", effect["claimed_by"] != change.token),
            ("it is not claimed", effect["state"] != "claimed"),
            ("it was not approved", approval["decision"] != "approved"),
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
    # Whoever sends something again answers for what was before.
    again = {entry["object_id"] for entry in seen.said("writeback:queued:again")}
    for name, row in seen.effects.items():
        times = taken.get(row["idempotency_key"], 0)
        if row["state"] not in ENDED:
            yield f"effect {name} is still {row['state']}"
        if row["state"] == "applied" and not times and not (row["receipt"] or {}).get("confirmed_by"):
            yield f"effect {name} is applied, but its target has nothing"
        untaken = row["state"] in ("refused", "superseded", "dead")
        if untaken and times and name not in again:
            yield f"effect {name} is {row['state']}, but its target has it"


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
    reminded = {
        step["case_id"]
        for step in seen.steps.values()
        if step["rule"] == "still_open" and step["state"] == "due"
    }
    for case_id, case in seen.cases.items():
        if case["state"] not in OPEN:
            if ahead[case_id]:
                yield f"case {case_id} is {case['state']} and still has {ahead[case_id]} steps due"
        elif case["resolution_due_at"] is None:
            yield f"case {case_id} is open without a deadline"
        elif case_id not in reminded and case["merged_into"] is None:
            yield f"case {case_id} is open, and the day would come when nothing wakes it"
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
    for name, row in before.sign_offs.items():
        if after.sign_offs.get(name) != row:
            yield f"approval {name} was changed"
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


# --- I15: a link shows what was granted, while it lasts, and each look is on record ---------------------------

OWN_PARTY = {"customer": "customer_id", "carrier": "carrier_id", "warehouse": "facility_id"}


def is_live(link: Row, now: datetime) -> bool:
    """Whether a link opens anything at an instant."""
    return link["revoked_at"] is None and now < link["expires_at"]


def shows(link: Row, case: Row, shared: Iterable[str]) -> bool:
    """Whether a link is to show a case, when these exception types are shared with its kind of partner."""
    own = OWN_PARTY[link["party_role"]]
    return (
        link["case_id"] in (None, case["case_id"])
        and link[own] is not None
        and link[own] == case[own]
        and case["exception_type"] in shared
    )


def unrecorded(seen: Snapshot) -> Iterator[str]:
    """I15: looks that the log or the table of looks does not have, and links that nobody made."""
    told = Counter(
        entry["payload"]["details"]["view_id"]
        for entry in seen.said("link:opened", "case:read:sensitive")
        if "view_id" in entry["payload"]["details"]
    )
    if told != Counter(view["view_id"] for view in seen.views):
        yield "what was seen through links is not what the log tells"
    made = {entry["object_id"] for entry in seen.said("link:created")}
    if made != set(seen.links):
        yield "the links are not those the log tells of"
    ended = {entry["object_id"] for entry in seen.said("link:revoked")}
    if ended != {name for name, link in seen.links.items() if link["revoked_at"]}:
        yield "the links taken back are not those the log tells of"


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
