"""Whoever has nothing to look for here meets the words of a thing that is not there, at every method of the door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from casework.errors import CaseworkError
from casework.model import Grant, QuarantinePage, QueuePage, Role
from casework.permissions.masks import INTERNAL_COLUMNS
from casework.store.tables import cases
from tests.casework.invariants import day, door
from tests.casework.invariants.conftest import Stores
from tests.casework.invariants.day import ADMIN, ADMINS, INSIDERS, OUTSIDERS, STRANGER, WAREHOUSE
from tests.casework.invariants.door import ATTEMPTS, READS, Call, Things, outcome
from tests.casework.invariants.tenants import behind, normalised, open_to_all, rows_of
from tests.casework.office import CARRIER, CUSTOMER, LEAD, PLANNER, START, TENANT, Office
from tests.faults import figures

EVERYTHING = [(name, call) for name, calls in {**READS, **ATTEMPTS}.items() for call in calls]
# How feeds stand is no case: whoever keeps the platform running sees it.
ALLOWED = {(ADMIN, "feed_health"), (ADMIN, "reference_decisions"), (ADMIN, "file_answers")}


@pytest.fixture
def office(stores: Stores) -> Iterator[Office]:
    """A desk after a day."""
    made = stores.fresh()
    day.name_in_order()
    day.settle_people(made)
    for _name, do, _worker in day.steps(made):
        try:
            do()
        except CaseworkError:
            continue
    day.let_somebody_in(made)
    yield made
    stores.done(made)


def is_nothing(found: Any) -> bool:
    """Whether an outcome shows and does nothing: refused, or an empty answer."""
    if found[0] == "refused":
        return True
    answer = found[1]
    if isinstance(answer, QueuePage | QuarantinePage):
        return not answer.total and normalised(answer).count("Decimal('0.00')") <= 1
    if isinstance(answer, tuple) and answer and all(hasattr(item, "is_done") for item in answer):
        return not any(item.is_done for item in answer)
    return not answer


def words(found: Any, things: Things) -> str:
    """An outcome as text, without the names that were asked for."""
    text = normalised(found)
    for name in sorted(things.names(), key=len, reverse=True):
        text = text.replace(name, "<name>")
    return text


@pytest.mark.parametrize("person", OUTSIDERS)
def test_whoever_holds_nothing_here_cannot_tell_what_is_from_what_is_not(office: Office, person: str) -> None:
    things = Things.of(office)
    nothing = things.that_are_not()
    with office.casework.desk.reading(TENANT) as connection:
        before = rows_of(connection, TENANT)
    for name, call in EVERYTHING:
        if person == ADMIN and name in ADMINS:
            continue
        caller = door.who(office, person)
        there = outcome(call, office.casework, caller, things)
        assert is_nothing(there) or (person, name) in ALLOWED, (name, there)
        here = outcome(call, office.casework, caller, nothing)
        assert words(there, things) == words(here, nothing), name
    with office.casework.desk.reading(TENANT) as connection:
        assert rows_of(connection, TENANT) == before
    figures.count(
        "I8 I9", office.engine.dialect.name, "doors tried by somebody who holds nothing", len(EVERYTHING)
    )


def test_a_partner_finds_another_partys_case_as_little_as_one_that_is_not(office: Office) -> None:
    for person in (STRANGER, CUSTOMER):
        things = Things.of(office)
        # a case of C-OTHER's, which the customer is not
        others = replace(things, case_id=office.case_id("predicted_late:SH-2"))
        for name in (
            "get",
            "as_known_at",
            "perform",
            "perform_many",
            "escalation_plan",
            "legal_hold",
            "hand_over",
        ):
            for call in {**READS, **ATTEMPTS}[name]:
                caller = door.who(office, person)
                if "other_case_id" in call.__code__.co_names:
                    continue
                there = outcome(call, office.casework, caller, others)
                here = outcome(call, office.casework, caller, others.that_are_not())
                assert is_nothing(there), (name, there)
                assert words(there, others) == words(here, others.that_are_not()), name


def may(office: Office, person: str, call: Call, things: Things) -> bool:
    """Whether a call gets past the question who asks: an answer, or a refusal for another reason."""
    found = outcome(call, office.casework, door.who(office, person), things)
    if found[0] == "answer":
        return not is_nothing(found) or not isinstance(found[1], tuple)
    return found[1] not in ("NotPermitted", "CaseNotFound", "NotFound")


@pytest.mark.parametrize("person", [LEAD, ADMIN])
def test_a_role_taken_away_is_gone_with_the_next_call_of_every_method(office: Office, person: str) -> None:
    """Each method is let once and, after the revocation, refused in the words for a stranger."""
    things, caller, role = Things.of(office), door.who(office, person), ROLE_OF[person]
    of_the_role = {name for name, _ in EVERYTHING} - NOT_A_LEADS - ADMINS if person == LEAD else ADMINS
    let = {
        name for name, call in EVERYTHING if may_be_tried(name) and may(office, person, call, things)
    }  # fmt: skip
    missing = of_the_role - let
    assert not missing, f"never let, so nothing is shown by refusing: {missing}"
    things = Things.of(office)
    office.casework.revoke(person, TENANT, "service:operator")
    for name, call in EVERYTHING:
        found = outcome(call, office.casework, caller, things)
        assert is_nothing(found), (name, found)
    office.casework.give(person, Grant(TENANT, role), "service:operator")
    assert office.casework.feed_health(caller, TENANT) is not None
    figures.count("I9", office.engine.dialect.name, "doors closed by a revocation", len(EVERYTHING))


ROLE_OF = {LEAD: Role.OPS_LEAD, ADMIN: Role.PLATFORM_ADMIN}


def may_be_tried(name: str) -> bool:
    """Whether a lead's success at it leaves the other methods something to be tried on."""
    return name not in ("erase_party",)


# Shown otherwise: erasing would take away what the others are tried on; these are whoever's own.
NOT_A_LEADS = {"erase_party", "withdraw_hand_over", "hand_over", "split", "unmerge", "merge"}


def test_a_role_taken_away_between_two_reads_of_a_session_is_not_in_the_second(office: Office) -> None:
    held = {grant.role for grant in office.who(PLANNER).grants if grant.tenant_id == TENANT}
    assert held == {Role.PLANNER}
    office.casework.revoke(PLANNER, TENANT, "person:admin")
    assert not [grant for grant in office.who(PLANNER).grants if grant.tenant_id == TENANT]
    assert PLANNER in INSIDERS


# What may not make a difference to a partner, and another value each.
UNSEEN: dict[str, Any] = {
    **dict.fromkeys(("owner", "acknowledged_by"), "person:somebody"),
    **dict.fromkeys(("parent_case_id", "merged_into"), "D-999999"),
    **dict.fromkeys(("team", "waiting_for", "customer_tier", "severity", "assumption"), "other"),
    **dict.fromkeys(("resolution_code", "root_cause_code"), "other"),
    **dict.fromkeys(
        ("expected_loss", "sla_penalty_amount", "revenue_amount", "inventory_amount"), Decimal(7)
    ),
    **dict.fromkeys(("ranked_amount", "penalty_per_day"), Decimal(7)),
    **dict.fromkeys(("weights_version",), 7),
    **dict.fromkeys(("acknowledged_until", "flapping_until"), START),
    "customer_tier_amount": Decimal(7),
    "late_probability": 0.123,
}
OTHERS: dict[str, dict[str, Any]] = {
    CUSTOMER: {"carrier_id": "OTHER", "facility_id": "OTHER"},
    CARRIER: {"customer_id": "OTHER", "facility_id": "OTHER", "predicted_at": START},
    WAREHOUSE: {"customer_id": "OTHER", "carrier_id": "OTHER"},
}


@pytest.mark.parametrize("person", [CUSTOMER, CARRIER, WAREHOUSE])
def test_what_is_masked_makes_no_difference_to_a_partner(office: Office, person: str) -> None:
    """Neither what it is shown, nor how much of it, in which order, nor why it is refused."""
    open_to_all(office)
    things, caller = Things.of(office), door.who(office, person)
    asked = [call for calls in READS.values() for call in calls]
    for _twice in range(2):  # what tells of itself does so the first time
        expected = [outcome(call, office.casework, caller, things) for call in asked]
    assert sum(found[0] == "answer" for found in expected) > 3
    for number, (name, value) in enumerate((UNSEEN | OTHERS[person]).items()):
        with behind(office) as connection:
            mine = cases.c.tenant_id == TENANT
            some = mine & (cases.c.case_id != things.case_id) if number % 2 else mine
            connection.execute(update(cases).where(some).values({name: value}))
        found = [outcome(call, office.casework, caller, things) for call in asked]
        assert found == expected, name
    assert set(UNSEEN) == set(INTERNAL_COLUMNS) - {"owner_name"}
