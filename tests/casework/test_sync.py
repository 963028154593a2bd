"""The same exception is the same case: syncing again changes nothing, whatever the order."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from casework.errors import SyncRefused
from casework.evidence import chain
from casework.model import Action, DraftState, ExceptionRecord, Publication, QueueFilter, State
from casework.ranking import priority
from casework.store.tables import audit_entries, cases, draft_versions, events
from tests.casework.office import LEAD, TENANT, Office, exception, with_fact


def entries(office: Office) -> int:
    with office.casework.desk.reading_across() as connection:
        return connection.scalar(select(func.count()).select_from(audit_entries)) or 0


def test_an_exception_opens_one_case_with_its_evidence_deadlines_and_drafts(office: Office) -> None:
    assert office.sync(exception()).opened == 1
    detail = office.detail()
    assert (detail.case.state, detail.case.expected_loss) == (State.NEW, Decimal("1000.00"))
    assert detail.case.first_response_due_at == office.clock() + timedelta(hours=1)
    assert {draft.kind.value for draft in detail.drafts} == {
        "customer_update",
        "carrier_request",
        "recovery_recommendation",
    }
    assert detail.lineage is not None
    assert detail.lineage.files == ({"file_sha256": "ab" * 32, "row_numbers": [1]},)
    assert [fact.fact_id for fact in detail.facts] == [fact.fact_id for fact in exception().facts]
    assert [step.state for step in detail.escalations] == ["due"] * 6  # the last is the reminder


def test_syncing_the_same_again_changes_nothing_at_all(office: Office) -> None:
    records = [exception(number) for number in range(5)]
    office.sync(*records)
    before, told = [office.case(record.exception_key) for record in records], entries(office)
    again = office.sync(*reversed(records), publication="pub-2")
    assert (again.opened, again.updated, again.recovered, again.unchanged, again.drafted) == (0, 0, 0, 5, 0)
    assert [office.case(record.exception_key) for record in records] == before
    assert entries(office) == told


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.permutations(range(6)),
    repeats=st.lists(st.integers(0, 5), max_size=4),
    seed=st.integers(0, 9**6),
)
def test_neither_order_nor_repetition_of_exceptions_matters(
    module_office: Office, order: list[int], repeats: list[int], seed: int
) -> None:
    """A fresh group of exceptions, permuted and repeated, gives the cases that the sorted group gives."""
    group = [
        exception(1000 * seed + n, parent_exception_key=f"disruption:{seed}" if n else None) for n in range(6)
    ]
    storm = exception(seed, exception_key=f"disruption:{seed}", exception_type="disruption")
    shuffled = [group[n] for n in (*order, *repeats)]
    shuffled.insert(len(shuffled) // 2, storm)
    module_office.sync(*shuffled)
    parent = module_office.case(storm.exception_key)
    opened = [module_office.case(record.exception_key) for record in group]
    assert [case["parent_case_id"] for case in opened] == [None, *[parent["case_id"]] * 5]
    ids = [case["case_id"] for case in opened if case["parent_case_id"]]
    assert ids == sorted(ids)
    assert module_office.sync(*group, storm).unchanged == 7


def test_one_key_with_two_contents_is_refused_before_anything_is_opened(office: Office) -> None:
    with pytest.raises(SyncRefused, match="twice, differently"):
        office.sync(exception(1), exception(1, severity="low"))
    with pytest.raises(SyncRefused, match="not in the catalogue"):
        office.sync(exception(1), exception(2, exception_type="meteor"))
    with pytest.raises(SyncRefused, match="belongs to tenant"):
        office.sync(exception(1), exception(2, tenant_id="health"))
    assert office.case() == {}


def test_changed_facts_become_the_next_version_and_the_old_one_stays(office: Office) -> None:
    office.sync(exception())
    changed = exception(
        expected_loss=Decimal("2000"), sla_penalty_amount=Decimal("1600"), facts=exception().facts[:-1]
    )
    result = office.sync(changed, publication="pub-2")
    assert (result.updated, result.drafted) == (1, 3)
    detail = office.detail()
    assert (detail.case.facts_version, detail.case.publication_id) == (2, "pub-2")
    assert detail.case.expected_loss == Decimal("2000.00")
    assert len(detail.facts) == len(exception().facts) - 1
    with office.casework.desk.reading_across() as connection:
        versions = connection.execute(
            select(draft_versions.c.version, draft_versions.c.facts_version).order_by(
                draft_versions.c.draft_id, draft_versions.c.version
            )
        ).all()
    assert Counter(tuple(row) for row in versions) == {(1, 1): 3, (2, 2): 3}


def test_a_row_that_moved_to_another_file_with_the_same_content_is_no_change(office: Office) -> None:
    office.sync(exception())
    from dataclasses import replace

    moved = tuple(replace(fact, file_sha256="cd" * 32, row_number=7) for fact in exception().facts)
    assert office.sync(exception(facts=moved)).unchanged == 1


def test_the_loss_is_always_the_sum_of_its_parts(office: Office) -> None:
    wrong = exception(expected_loss=Decimal("77777.77"), revenue_amount=Decimal("0.10"))
    office.sync(wrong)
    case = office.case()
    assert case["expected_loss"] == Decimal("700.10")
    assert sum(amount for _label, amount in priority.decomposition(case)) == case["expected_loss"]


def test_the_queue_is_ranked_by_money_and_its_totals_cover_every_page(office: Office) -> None:
    parts = {"revenue_amount": Decimal(0), "inventory_amount": Decimal(0)}
    amounts = [Decimal("10.01"), Decimal("99999.99"), Decimal("0.10"), Decimal("500.00")]
    office.sync(*(exception(n, sla_penalty_amount=amount, **parts) for n, amount in enumerate(amounts)))
    first = office.casework.search(office.who(LEAD), TENANT, QueueFilter(limit=2))
    pages = [first, office.casework.search(office.who(LEAD), TENANT, QueueFilter(limit=2, after=first.next))]
    shown = [case.expected_loss for page in pages for case in page.cases]
    assert shown == sorted(amounts, reverse=True)
    assert {page.total for page in pages} == {4}
    assert {page.total_expected_loss for page in pages} == {sum(amounts)}
    assert pages[1].facets["state"] == {"new": 4} and pages[1].next is None


def test_what_is_at_stake_counts_a_shipment_and_an_incident_once(office: Office) -> None:
    def case(number: int, kind: str, loss: str, **changed: Any) -> ExceptionRecord:
        subject = changed.pop("subject", f"SH-{number}")
        amounts = {
            "sla_penalty_amount": Decimal(loss),
            "revenue_amount": Decimal(0),
            "inventory_amount": Decimal(0),
        }
        return exception(
            number, exception_type=kind, exception_key=f"{kind}:{subject}", subject=subject,
            expected_loss=Decimal(loss), **amounts, **changed,
        )  # fmt: skip

    storm = {"parent_exception_key": "disruption:WX-1"}
    office.sync(
        case(1, "late_now", "500"),
        case(1, "tracking_silent", "200"),
        case(2, "disruption", "900", subject="WX-1", subject_type="incident", shipment_id=None),
        case(3, "predicted_late", "600", **storm),
        case(4, "customs_hold", "100", **storm),
    )
    page = office.casework.search(office.who(LEAD), TENANT, QueueFilter())
    assert (page.total, page.total_expected_loss) == (5, Decimal("1400.00"))


def test_the_search_takes_words_literally(office: Office) -> None:
    office.sync(exception(1), exception(2, subject="100%_X", exception_key="predicted_late:100%_X"))
    found = {
        text: office.casework.search(office.who(LEAD), TENANT, QueueFilter(search=text)).total
        for text in ("sh-1", "%", "_", "100%_x", "' or 1=1 --", "SH-1 3")
    }
    assert found == {"sh-1": 1, "%": 0, "_": 0, "100%_x": 1, "' or 1=1 --": 0, "SH-1 3": 0}


# --- vanishing and coming back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "kind", "after"),
    [
        ((), "predicted_late", State.RESOLVED),
        ((Action.TRIAGE,), "predicted_late", State.RESOLVED),
        ((Action.TRIAGE, Action.WAIT), "predicted_late", State.RESOLVED),
        ((Action.START,), "predicted_late", State.IN_PROGRESS),
        ((), "facility_dwell", State.NEW),
    ],
)
def test_a_vanished_exception_resolves_its_case_unless_latched_or_taken(
    office: Office, actions: tuple[Action, ...], kind: str, after: State
) -> None:
    office.sync(exception(exception_type=kind))
    for action in actions:
        told = {"until": office.clock() + timedelta(hours=9), "reason": "x"} if action == Action.WAIT else {}
        office.perform(office.case_id(), action, **told)
    result = office.sync()
    case = office.case()
    assert (case["state"], case["is_present"]) == (after, False)
    assert result.recovered == int(after == State.RESOLVED)
    assert case["resolution_code"] == ("self_recovered" if after == State.RESOLVED else None)
    assert office.facts_of().count("exception:recovered") == 1
    if after == State.RESOLVED:
        assert {draft.state for draft in office.detail().drafts} == {DraftState.SUPERSEDED}
        assert {step.state for step in office.detail().escalations} == {"cancelled"}
    told_before = entries(office)
    office.sync()
    assert entries(office) == told_before
    assert chain.verify(office.casework, TENANT).ok


def test_an_exception_that_comes_back_before_its_case_is_closed_opens_that_case_again(office: Office) -> None:
    office.sync(exception())
    first = office.case_id()
    office.sync()
    office.clock.forward(hours=3)
    result = office.sync(exception())
    case = office.case()
    assert (result.reappeared, case["case_id"], case["state"]) == (1, first, State.NEW)
    assert case["first_response_due_at"] == office.clock() + timedelta(hours=1)
    assert sum(step.state == "due" for step in office.detail().escalations) == 6


def test_an_exception_that_comes_back_after_its_case_was_closed_is_a_new_case(office: Office) -> None:
    office.sync(exception())
    first = office.case_id()
    office.sync()
    office.perform(first, Action.CLOSE)
    assert office.sync(exception()).opened == 1
    assert office.case_id() != first


def test_an_exception_that_stands_while_its_case_is_dismissed_opens_nothing(office: Office) -> None:
    """Otherwise a false alarm would come back with every run."""
    office.sync(exception())
    office.perform(office.case_id(), Action.DISMISS, reason="a test shipment")
    for _ in range(2):
        assert office.sync(exception()).unchanged == 1
    office.sync()
    assert office.sync(exception()).opened == 1


def test_one_tenants_sync_leaves_every_other_tenant_alone(office: Office) -> None:
    office.casework.sync("health", Publication("p"), [exception(5, tenant_id="health")])
    office.sync(exception(1))
    office.sync()
    assert office.case("predicted_late:SH-5")["state"] == State.NEW


def test_children_know_their_incident_and_the_incident_its_children(office: Office) -> None:
    storm = exception(9, exception_key="disruption:DUR", exception_type="disruption", shipment_id=None)
    hit = [exception(n, parent_exception_key="disruption:DUR") for n in (1, 2)]
    office.sync(*hit, storm)
    parent = office.detail(office.case_id("disruption:DUR"))
    assert {case.subject for case in parent.children} == {"SH-1", "SH-2"}
    child = office.detail(office.case_id("predicted_late:SH-1"))
    assert child.parent is not None and child.parent.case_id == parent.case.case_id


def test_cases_of_one_shipment_are_each_others_siblings(office: Office) -> None:
    other = exception(1, exception_key="pod_missing:SH-1", exception_type="pod_missing")
    office.sync(exception(1), other, exception(2))
    assert [case.exception_key for case in office.detail().siblings] == ["pod_missing:SH-1"]


def test_events_are_numbered_without_gaps_and_read_on_from_a_cursor(office: Office) -> None:
    from casework.events import last, read

    office.sync(exception(1), exception(2))
    everything = read(office.engine, TENANT)
    assert [event["sequence"] for event in everything] == list(range(1, last(office.engine, TENANT) + 1))
    assert sum(event["type"] == "tidewaiter.case.opened" for event in everything) == 2
    assert len({event["id"] for event in everything}) == len(everything)
    half = len(everything) // 2
    assert read(office.engine, TENANT, after=half) == everything[half:]
    with office.casework.desk.reading_across() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) >= len(everything)


def test_a_thousand_exceptions_are_taken_up_in_seconds(sqlite_office: Office) -> None:
    sqlite_office.casework = sqlite_office.door()
    sqlite_office.drafter = None
    door = sqlite_office.door()
    records = [exception(number, customer_id=f"C{number % 40}") for number in range(1000)]
    used = time.process_time()
    assert door.sync(TENANT, Publication("pub-1"), records).opened == 1000
    changed = [with_fact(record, "late_probability", 0.5) for record in records]
    assert door.sync(TENANT, Publication("pub-2"), changed).updated == 1000
    assert door.sync(TENANT, Publication("pub-3"), []).recovered == 1000
    assert time.process_time() - used < 15
    assert chain.verify(door, TENANT).ok
    with door.desk.reading_across() as connection:
        assert connection.scalar(select(func.count()).where(cases.c.is_open)) == 0


def test_case_numbers_tell_their_tenant_and_never_repeat(office: Office) -> None:
    office.sync(*(exception(number) for number in range(3)))
    office.casework.sync("health", Publication("p"), [exception(1, tenant_id="health")])
    with office.casework.desk.reading_across() as connection:
        numbers = list(connection.scalars(select(cases.c.case_id).order_by(cases.c.case_id)))
    assert numbers == ["D-000001", "D-000002", "D-000003", "H-000001"]
    operator = office.casework.operator()
    assert [office.casework.tenant_of(operator, number) for number in numbers] == [TENANT] * 3 + ["health"]
    assert len(set(itertools.chain(numbers))) == 4
