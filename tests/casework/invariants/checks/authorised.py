"""I1: nothing leaves without an approval of exactly that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from casework.effects.adapter import Leased
from tests.casework.invariants.checks.common import (
    CHANNEL_OF,
    PARTY_OF,
    TIERS,
    TO_THE_TEAM,
    UP_TO,
    canonical,
    notices_told,
)
from tests.casework.invariants.snapshot import Row, Snapshot


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
