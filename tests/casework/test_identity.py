"""What people decide about references that could not be placed: one decision at a time, undone, never overwritten."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from casework.errors import DetailsRefused, NotFound, NotPermitted, TransitionRefused
from casework.evidence import chain
from casework.identity import decisions
from casework.model import Contact, Grant, Role
from casework.store.engine import writing
from casework.store.tables import audit_entries, events, reference_decisions
from casework.store.work import Work, new_id
from tests.casework.office import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CARRIER,
    CUSTOMER,
    ENGINEER,
    LEAD,
    OWN_CARRIER,
    OWN_CUSTOMER,
    PLANNER,
    TENANT,
    Office,
)
from tests.casework.test_concurrency import at_once

PRO = ("PRO", "4711", OWN_CARRIER)
ELSEWHERE = "health"
NEWER = ("facility_id", "customer_id")


def match(office: Office, shipment: str | None = "SH-1", who: str = LEAD, **changed: Any) -> Any:
    reference = {"reference_type": "PRO", "reference_key": "4711", "carrier_id": OWN_CARRIER} | changed
    return office.casework.decide_reference(
        office.who(who), TENANT, means=shipment, **({"reason": "They rang."} | reference)
    )


def undo(office: Office, decision_id: str, who: str = LEAD, reason: str = "A slip.") -> Any:
    return office.casework.undo_reference_decision(office.who(who), TENANT, decision_id, reason)


def stored(office: Office) -> list[dict[str, Any]]:
    query = select(reference_decisions).order_by(reference_decisions.c.decision_id)
    with office.casework.desk.reading_across() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def told(office: Office, table: Any, column: Any) -> list[str]:
    query = select(column).where(table.c.tenant_id == TENANT).order_by(table.c.sequence)
    with office.casework.desk.reading(TENANT) as connection:
        names: list[str] = list(connection.scalars(query))
    return [name for name in names if "reference" in name]


def test_a_decision_stands_is_undone_and_decided_anew_and_all_of_it_is_told(office: Office) -> None:
    first = match(office)
    assert (first.decision, first.shipment_id, first.stands) == ("match", "SH-1", True)
    office.clock.forward(hours=1)
    undone = undo(office, first.decision_id, PLANNER, "  It was SH-2.  ")
    assert (undone.undone_by, undone.undo_reason, undone.undone_at) == (
        PLANNER,
        "It was SH-2.",
        office.clock(),
    )
    second = match(office, None, ENGINEER)
    assert (second.decision, second.shipment_id, second.decided_by) == ("ignore", None, ENGINEER)

    facts = ["reference:matched", "reference:decision:undone", "reference:ignored"]
    assert told(office, audit_entries, audit_entries.c.action) == facts
    expected = [f"tidewaiter.{fact.replace(':', '.')}" for fact in facts]
    assert told(office, events, events.c.type) == expected
    assert [row["decision_id"] for row in stored(office)] == [first.decision_id, second.decision_id]
    assert stored(office)[0]["reason"] == "They rang."
    assert chain.verify(office.casework, TENANT).ok


def test_while_one_stands_another_is_refused_with_what_stands_and_how_to_undo_it(office: Office) -> None:
    first = match(office, who=PLANNER)
    for shipment in ("SH-2", None):
        with pytest.raises(TransitionRefused) as refused:
            match(office, shipment)
        for words in ("Planner", "PRO 4711", OWN_CARRIER, "it means SH-1", first.decision_id, "undo it"):
            assert words in refused.value.message
    undo(office, first.decision_id)
    with pytest.raises(TransitionRefused, match="PRO 4711 .* was undone already"):
        undo(office, first.decision_id)
    left_out = match(office, None)
    with pytest.raises(TransitionRefused, match="it is to be left out"):
        match(office)
    assert [row.decision_id for row in office.casework.reference_decisions(office.who(LEAD), TENANT)] == [
        left_out.decision_id
    ]


def test_the_same_number_of_another_carrier_or_type_is_another_reference(office: Office) -> None:
    match(office)
    match(office, "SH-2", carrier_id="OTHR")
    match(office, "SH-3", reference_type="CONTAINER")
    match(office, "SH-4", carrier_id=None)
    with pytest.raises(TransitionRefused, match="PRO 4711 without a carrier"):
        match(office, "SH-5", carrier_id="  ")
    assert [row["shipment_id"] for row in stored(office)] == ["SH-1", "SH-2", "SH-3", "SH-4"]


@pytest.mark.parametrize(
    ("kind", "carrier", "column"),
    [
        ("PLACE", OWN_CARRIER, "facility_id"),
        ("place", None, "facility_id"),
        ("CUSTOMER", None, "customer_id"),
        ("ACCOUNT", None, "customer_id"),
        ("facility", "  ", "facility_id"),
    ],
)
def test_the_name_of_a_place_means_a_facility_and_a_customers_number_an_account(
    office: Office, kind: str, carrier: str | None, column: str
) -> None:
    made = match(office, "X-1", reference_type=kind, carrier_id=carrier)
    (row,) = stored(office)
    means = {name: row[name] for name in ("shipment_id", "facility_id", "customer_id")}
    assert means == dict.fromkeys(means) | {column: "X-1"}
    assert (made.means, made.reference_type, getattr(made, column)) == ("X-1", kind.upper(), "X-1")
    (told_of,) = decisions.standing(office.engine, TENANT)
    assert told_of[column] == "X-1"
    with pytest.raises(TransitionRefused, match="it means X-1"):
        match(office, None, reference_type=kind, carrier_id=carrier)
    assert chain.verify(office.casework, TENANT).ok


def test_one_of_ours_is_never_said_to_be_one_that_is_said_to_be_another(office: Office) -> None:
    def one(key: str, means: str | None, kind: str = "ACCOUNT") -> Any:
        return match(office, means, reference_type=kind, reference_key=key, carrier_id=None)

    first = one("A", "B")
    for key in ("B", "C"):
        with pytest.raises(
            TransitionRefused, match=f"A is itself said to be B .{first.decision_id}"
        ) as refused:
            one(key, "A")
        assert "Name B, or undo that decision first" in refused.value.message
    # what B is besides, what it is called elsewhere, and what was said to be no other are no ring
    second = one("B", "C")
    one("D", None)
    one("E", "D")
    one("A", "B", "FACILITY")
    one("A", "B", "PLACE")
    undo(office, first.decision_id)
    with pytest.raises(TransitionRefused, match="B is itself said to be C"):
        one("C", "B")
    undo(office, second.decision_id)
    assert one("B", "A").means == "A"
    assert chain.verify(office.casework, TENANT).ok


def test_a_decision_told_before_places_could_be_decided_still_is_what_the_log_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = Work.say

    def as_then(work: Work, fact: str, **told: Any) -> None:
        row = {
            name: value for name, value in told["details"]["reference_decision"].items() if name not in NEWER
        }
        say(work, fact, **told | {"details": {"reference_decision": row}})

    monkeypatch.setattr(Work, "say", as_then)
    match(office)
    assert chain.verify(office.casework, TENANT).ok
    with writing(office.engine, TENANT) as connection:
        mine = reference_decisions.c.tenant_id == TENANT
        connection.execute(update(reference_decisions).where(mine).values(facility_id="DC-666"))
    assert not chain.verify(office.casework, TENANT).ok


@pytest.mark.parametrize("carrier", [OWN_CARRIER, None])
def test_the_store_itself_lets_only_one_stand(office: Office, carrier: str | None) -> None:
    match(office, carrier_id=carrier)
    (row,) = stored(office)
    undone = {"undone_by": LEAD, "undone_at": office.clock(), "undo_reason": "x"}
    with writing(office.engine, TENANT) as connection:
        connection.execute(
            reference_decisions.insert(), [{**row, **undone, "decision_id": new_id()} for _ in "ab"]
        )
    with pytest.raises(IntegrityError), writing(office.engine, TENANT) as connection:
        connection.execute(reference_decisions.insert(), [{**row, "decision_id": new_id()}])


def test_of_many_decisions_at_once_about_one_reference_exactly_one_stands(office: Office) -> None:
    people = (LEAD, PLANNER, ENGINEER, LEAD)
    calls = [
        lambda number=number, who=who: office.door().decide_reference(
            office.who(who), TENANT, *PRO, f"SH-{number}", "They rang."
        )
        for number, who in enumerate(people)
    ]
    found = at_once(*calls)
    (won,) = [one for one in found if not isinstance(one, Exception)]
    assert sum(isinstance(one, TransitionRefused) for one in found) == len(people) - 1
    assert [row["shipment_id"] for row in stored(office)] == [won.shipment_id]
    undoing = [lambda: undo(office, won.decision_id), lambda: undo(office, won.decision_id, PLANNER)]
    assert sum(isinstance(one, TransitionRefused) for one in at_once(*undoing)) == 1
    assert chain.verify(office.casework, TENANT).ok


@pytest.mark.parametrize("who", [APPROVER, AUDITOR, ADMIN, CUSTOMER, CARRIER])
def test_whoever_has_not_the_right_decides_and_undoes_nothing(office: Office, who: str) -> None:
    standing = match(office)
    for attempt in (
        lambda: match(office, "SH-2", who, carrier_id="OTHR"),
        lambda: undo(office, standing.decision_id, who),
        lambda: undo(office, new_id(), who),
    ):
        with pytest.raises(NotPermitted, match="You hold no role that allows this here"):
            attempt()
    (row,) = stored(office)
    assert row["undone_at"] is None


@pytest.mark.parametrize(
    "scope", [{"customer_id": OWN_CUSTOMER}, {"carrier_id": OWN_CARRIER}, {"exception_types": ("late_now",)}]
)
def test_a_role_within_a_part_of_the_tenant_decides_for_none_of_it(
    office: Office, scope: dict[str, Any]
) -> None:
    office.casework.revoke(PLANNER, TENANT, "person:admin")
    office.casework.give(PLANNER, Grant(TENANT, Role.PLANNER, **scope), "person:admin")
    with pytest.raises(NotPermitted):
        match(office, who=PLANNER)
    with pytest.raises(NotPermitted):
        office.casework.reference_decisions(office.who(PLANNER), TENANT)


def test_a_partner_reads_no_decision_and_the_tenants_own_people_do(office: Office) -> None:
    match(office)
    for who in (CUSTOMER, CARRIER):
        with pytest.raises(NotPermitted):
            office.casework.reference_decisions(office.who(who), TENANT)
    for who in (PLANNER, APPROVER, AUDITOR, ENGINEER):
        (seen,) = office.casework.reference_decisions(office.who(who), TENANT)
        assert (seen.shipment_id, seen.decided_by_name) == ("SH-1", "Operations lead")


def test_another_tenants_decisions_are_neither_seen_nor_undone_nor_in_the_way(office: Office) -> None:
    office.casework.revoke(PLANNER, ELSEWHERE, "person:admin")
    theirs = office.casework.decide_reference(office.who(LEAD), ELSEWHERE, *PRO, "THEIRS", "x")
    ours = match(office)
    with pytest.raises(NotFound):
        undo(office, theirs.decision_id)
    with pytest.raises(NotPermitted):
        office.casework.reference_decisions(office.who(PLANNER), ELSEWHERE)
    for tenant, mine in ((TENANT, ours), (ELSEWHERE, theirs)):
        listed = office.casework.reference_decisions(office.who(LEAD), tenant)
        assert [one.decision_id for one in listed] == [mine.decision_id]
        (row,) = decisions.standing(office.engine, tenant)
        assert (row["tenant_id"], row["decision_id"]) == (tenant, mine.decision_id)
        assert chain.verify(office.casework, tenant).ok


def test_the_warehouse_is_told_what_stands_and_nothing_else(office: Office) -> None:
    undo(office, match(office, "SH-9").decision_id)
    standing = match(office)
    match(office, None, carrier_id=None)
    match_row, ignore_row = decisions.standing(office.engine, TENANT)
    assert match_row == {
        "tenant_id": TENANT,
        "reference_type": "PRO",
        "reference_key": "4711",
        "carrier_id": OWN_CARRIER,
        "decision": "match",
        "shipment_id": "SH-1",
        "facility_id": None,
        "customer_id": None,
        "decision_id": standing.decision_id,
        "decided_at": office.clock(),
    }
    assert (ignore_row["decision"], ignore_row["shipment_id"], ignore_row["carrier_id"]) == (
        "ignore",
        None,
        None,
    )


def test_what_stood_at_an_instant_stood_whether_or_not_it_was_undone_since(office: Office) -> None:
    before = office.clock()
    office.clock.forward(hours=1)
    decided = match(office)
    office.clock.forward(hours=1)
    between = office.clock()
    office.clock.forward(hours=1)
    undo(office, decided.decision_id)
    again = match(office, "SH-2")
    stood = {
        at: [row["decision_id"] for row in decisions.standing(office.engine, TENANT, at)]
        for at in (before, decided.decided_at, between, office.clock())
    }
    assert list(stood.values()) == [[], [decided.decision_id], [decided.decision_id], [again.decision_id]]
    assert decisions.standing(office.engine, TENANT) == decisions.standing(
        office.engine, TENANT, office.clock()
    )


def test_undone_ones_are_listed_on_demand_newest_first_a_page_at_a_time(office: Office) -> None:
    for number in range(3):
        undo(office, match(office, f"SH-{number}").decision_id)
    lead = office.who(LEAD)
    assert office.casework.reference_decisions(lead, TENANT) == ()
    every = office.casework.reference_decisions(lead, TENANT, include_undone=True)
    assert [one.shipment_id for one in every] == ["SH-2", "SH-1", "SH-0"]
    page = office.casework.reference_decisions(lead, TENANT, include_undone=True, limit=1, offset=1)
    assert [one.shipment_id for one in page] == ["SH-1"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 1_001}, "reason"),
        ({"shipment": " "}, "means"),
        ({"shipment": "S" * 121}, "means"),
        ({"reference_type": "CUSTOMER"}, "carrier_id"),
        ({"reference_type": "ACCOUNT"}, "carrier_id"),
        ({"reference_type": "FACILITY"}, "carrier_id"),
        ({"reference_type": "ACCOUNT", "carrier_id": None, "reference_key": "SH-1"}, "means"),
        ({"reference_type": ""}, "reference_type"),
        ({"reference_key": "\0 "}, "reference_key"),
        ({"reference_key": "9" * 201}, "reference_key"),
        ({"carrier_id": "C" * 121}, "carrier_id"),
    ],
)
def test_what_is_missing_or_too_long_is_refused_and_never_cut(
    office: Office, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(DetailsRefused) as refused:
        match(office, **wrong)
    assert refused.value.fields == {"field": field}
    assert stored(office) == []


def test_undoing_needs_a_reason_and_a_decision_that_is_there(office: Office) -> None:
    made = match(office)
    with pytest.raises(DetailsRefused):
        undo(office, made.decision_id, reason="\n")
    with pytest.raises(NotFound):
        undo(office, new_id())
    assert office.casework.reference_decisions(office.who(LEAD), TENANT) == (made,)


@pytest.mark.parametrize(
    "changed",
    [
        {"shipment_id": "SH-666"},
        {"facility_id": "DC-666"},
        {"customer_id": "C-666"},
        {"reason": "other"},
        {"undone_by": LEAD},
        {"reference_key": "1"},
    ],
)
def test_a_decision_changed_behind_the_logs_back_is_found(office: Office, changed: dict[str, str]) -> None:
    match(office)
    with writing(office.engine, TENANT) as connection:
        mine = reference_decisions.c.tenant_id == TENANT
        connection.execute(update(reference_decisions).where(mine).values(changed))
    report = chain.verify(office.casework, TENANT)
    assert not report.ok and "reference_decision" in str(report.problem)


@pytest.mark.parametrize("is_made_up", [True, False])
def test_a_decision_put_in_or_taken_out_behind_the_logs_back_is_found(
    office: Office, is_made_up: bool
) -> None:
    match(office)
    (row,) = stored(office)
    with writing(office.engine, TENANT) as connection:
        mine = reference_decisions.c.tenant_id == TENANT
        if is_made_up:
            made_up = {**row, "decision_id": new_id(), "carrier_id": "OTHR"}
            connection.execute(reference_decisions.insert(), [made_up])
        else:
            connection.execute(reference_decisions.delete().where(mine))
    assert not chain.verify(office.casework, TENANT).ok


def test_what_is_personal_of_a_party_leaves_the_decisions_too_and_the_log_still_explains_them(
    office: Office,
) -> None:
    address = "zoe@acme.example"
    known = Contact(OWN_CUSTOMER, "mail", "customer", "Acme", address, True)
    office.casework.put_contacts(TENANT, [known], LEAD)
    made = match(office, reason=f"Mail of {address} of Monday.")
    undo(office, made.decision_id, reason=f"{address} took it back.")
    office.casework.erase_party(office.who(LEAD), TENANT, OWN_CUSTOMER, "request 17")
    (row,) = stored(office)
    assert (row["reason"], row["undo_reason"]) == (
        "Mail of [erased] of Monday.",
        "[erased] took it back.",
    )
    assert row["shipment_id"] == "SH-1"
    assert chain.verify(office.casework, TENANT).ok
