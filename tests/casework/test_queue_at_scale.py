"""A queue of any size: pages follow one another, what is kept equals what is counted, and nothing scans history."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, select, update

from casework.effects.worker import Worker
from casework.errors import CaseworkError, DetailsRefused
from casework.model import Action, CaseView, Grant, QueueFilter, QueuePage, Role, State
from casework.queue import search, tally
from casework.store.engine import open_store
from casework.store.tables import case_words, queue_counts, queue_totals
from tests.bench.seeding import seed
from tests.casework.conftest import copied
from tests.casework.office import (
    ADMIN,
    CARRIER,
    CUSTOMER,
    LEAD,
    OWN_CARRIER,
    PLANNER,
    TENANT,
    Office,
    exception,
)

NEVER: dict[str, Any] = {
    "sla_penalty_amount": Decimal(0),
    "revenue_amount": Decimal(0),
    "inventory_amount": Decimal(0),
}


def pages(office: Office, who: str, wanted: QueueFilter) -> Iterator[QueuePage]:
    while True:
        page = office.casework.search(office.who(who), TENANT, wanted)
        yield page
        if page.next is None:
            return
        wanted = replace(wanted, after=page.next)


# --- pages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [LEAD, CARRIER])
def test_the_pages_of_a_queue_show_every_case_once_in_order_also_where_many_cost_the_same(
    office: Office, who: str
) -> None:
    costs = [{}, NEVER, NEVER, NEVER, {}, NEVER, {}]
    for number in range(1, len(costs) + 1):
        office.clock.forward(minutes=number % 2)
        office.sync(*(exception(n, **costs[n - 1]) for n in range(1, number + 1)))
    shown = [page for page in pages(office, who, QueueFilter(limit=2))]
    found: list[CaseView] = [case for page in shown for case in page.cases]
    assert len({case.case_id for case in found}) == len(found) == len(costs)
    ranks = [(case.expected_loss if who == LEAD else case.opened_at, case.case_id) for case in found]
    assert ranks == sorted(ranks, reverse=True)
    assert {page.total for page in shown} == {len(costs)}


def test_a_case_that_leaves_the_queue_between_two_pages_hides_no_other(office: Office) -> None:
    office.sync(*(exception(n) for n in range(1, 6)))
    lead = office.who(LEAD)
    first = office.casework.search(lead, TENANT, QueueFilter(limit=2))
    office.perform(first.cases[0], Action.DISMISS, reason="done")
    rest = office.casework.search(lead, TENANT, QueueFilter(limit=9, after=first.next))
    assert len(rest.cases) == 3


def test_what_is_no_end_of_a_page_is_refused(sqlite_office: Office) -> None:
    for odd in ("x", "W10=", "bm90IGpzb24=", "WyJOYU4iLCAxXQ==", "é"):
        with pytest.raises(DetailsRefused, match="begin at the first page"):
            sqlite_office.casework.search(sqlite_office.who(LEAD), TENANT, QueueFilter(after=odd))


@pytest.mark.parametrize("at", ["0001-01-02T00:00:00Z", "9999-12-30T00:00:00Z"])
def test_the_instant_of_a_cursor_is_not_believed_for_ever(office: Office, at: str) -> None:
    office.sync(*(exception(n) for n in range(1, 4)))
    lead, forged = (
        office.who(LEAD),
        base64.urlsafe_b64encode(json.dumps(["1e9", "D-9", at]).encode()).decode(),
    )
    page = office.casework.search(lead, TENANT, QueueFilter(sort="waiting", after=forged))
    asked_now = office.casework.search(lead, TENANT, QueueFilter(sort="waiting"))
    assert page.waiting == asked_now.waiting


# --- what it adds up to ------------------------------------------------------------------------------------


def test_where_there_is_more_than_is_counted_the_page_says_at_least(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sync(*(exception(n) for n in range(1, 6)))
    monkeypatch.setattr(search, "COUNTED", 3)
    carriers = office.casework.search(office.who(CARRIER), TENANT)
    assert (carriers.total, carriers.is_exact) == (3, False)
    assert carriers.facets["state"] == {"new": 3}
    high = office.casework.search(office.who(LEAD), TENANT, QueueFilter(severities=("high",)))
    assert (high.total, high.is_exact, high.total_expected_loss) == (3, False, Decimal("3000.00"))
    whole = office.casework.search(office.who(LEAD), TENANT)
    assert (whole.total, whole.is_exact, whole.total_expected_loss) == (5, True, Decimal("5000.00"))


def test_what_has_to_be_searched_for_is_counted_as_far_as_its_first_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sync(*(exception(n) for n in range(1, 6)))
    monkeypatch.setattr(search, "FEW", 1)
    monkeypatch.setattr(search, "WALKED", 3)
    lead, wanted = office.who(LEAD), QueueFilter(search="SH", limit=2)
    first = office.casework.search(lead, TENANT, wanted)
    assert (len(first.cases), first.total, first.is_exact) == (2, 3, False)
    assert first.facets["state"] == {"new": 3} and first.total_expected_loss == Decimal("3000.00")
    second = office.casework.search(lead, TENANT, replace(wanted, after=first.next))
    assert len(second.cases) == 2 and second.total >= 2 and not second.is_exact
    whole = office.casework.search(lead, TENANT, replace(wanted, limit=5))
    assert (len(whole.cases), whole.total, whole.is_exact) == (5, 5, True)
    counted = office.casework.search(lead, TENANT, replace(wanted, limit=0))
    assert counted.cases == () and counted.total >= 2 and not counted.is_exact


def test_who_sees_less_than_the_whole_tenant_is_told_nothing_of_the_rest(office: Office) -> None:
    office.sync(exception(1), exception(2, carrier_id="OTHR", customer_id="C-OTHER", severity="low"))
    office.casework.revoke(PLANNER, TENANT, ADMIN)
    office.casework.give(PLANNER, Grant(TENANT, Role.PLANNER, carrier_id=OWN_CARRIER), ADMIN)
    for who in (PLANNER, CARRIER, CUSTOMER):
        page = office.casework.search(office.who(who), TENANT)
        assert page.total == 1
        told = {value for values in page.facets.values() for value in values}
        assert not told & {"OTHR", "C-OTHER", "low"}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["sync", "act", "merge", "unmerge"]),
        st.integers(0, 7),
        st.sampled_from(list(Action)),
        st.integers(0, 2**8 - 1),
    ),
    min_size=3,
    max_size=14,
)
DETAILS: dict[Action, dict[str, Any]] = {
    Action.WAIT: {"reason": "r"},
    Action.RESOLVE: {"resolution_code": "mitigated", "root_cause_code": "carrier_delay"},
    Action.DISMISS: {"reason": "r"},
    Action.REOPEN: {"reason": "r"},
    Action.ASSIGN: {"owner": PLANNER},
    Action.RELEASE: {"reason": "r"},
    Action.TRANSFER: {"team": "logistics", "reason": "r"},
    Action.ACKNOWLEDGE: {"minutes": 30},
    Action.COMMENT: {"text": "t"},
    Action.ESCALATE: {"reason": "r"},
}
RUN = count()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_after_any_history_what_is_kept_of_the_queue_is_what_its_cases_add_up_to(
    office: Office, steps: list[Any]
) -> None:
    run = next(RUN)
    for kind, number, action, bits in steps:
        office.clock.forward(minutes=1)
        with suppress(CaseworkError):  # refused: nothing may have changed
            _step(office, run, kind, number, action, bits)
        with office.casework.desk.reading_across() as connection:
            kept, counted = tally.read(connection, TENANT), tally.fresh(connection, TENANT)
            assert (kept, kept.ever) == (counted, counted.ever)


def _step(office: Office, run: int, kind: str, number: int, action: Action, bits: int) -> None:
    if kind == "sync":
        present = [n for n in range(8) if bits >> n & 1]
        office.sync(*(_record(run, n, bits) for n in present), publication=f"pub-{run}-{bits}")
        return
    known = office.casework.search(
        office.who(LEAD), TENANT, QueueFilter(include_closed=True, include_merged=True)
    )
    if not known.cases:
        return
    case = known.cases[number % len(known.cases)]
    if kind == "merge":
        others = [other.case_id for other in known.cases if other.is_open][:3]
        office.casework.merge(office.who(LEAD), TENANT, others, "one problem")
    elif kind == "unmerge":
        office.casework.unmerge(office.who(LEAD), TENANT, case.case_id, "not one")
    else:
        told = dict(DETAILS.get(action, {}))
        if action == Action.WAIT:
            told["until"] = office.clock() + timedelta(hours=2)
        office.perform(case, action, **told)


def _record(run: int, number: int, bits: int) -> Any:
    """An exception of a shipment that two of them share, costing this and belonging there by what is drawn."""
    shipment = f"SH-{run}-{number // 2}"
    return exception(
        number,
        exception_key=f"predicted_late:{run}-{number}",
        shipment_id=None if number == 7 else shipment,
        subject=shipment,
        sla_penalty_amount=Decimal(bits * (number + 1)),
        severity=("low", "high")[bits % 2],
        customer_id="C-2" if bits % 3 == 0 else None,
    )


def test_what_is_kept_can_be_made_anew(office: Office) -> None:
    office.sync(exception(1), exception(2), exception(3, customer_id=None))
    with office.casework.desk.reading_across() as connection:
        kept, found = tally.read(connection, TENANT), _words(connection)
    with office.casework.desk.writing(TENANT, "service:operator") as work:
        work.connection.execute(update(queue_totals).values(case_count=77, at_stake=Decimal(1)))
        work.connection.execute(delete(queue_counts))
        work.connection.execute(delete(case_words))
    was, counted = office.casework.recount(TENANT)
    assert counted == kept
    assert (was.count, was.facets["state"]) == (77, {})
    with office.casework.desk.reading_across() as connection:
        assert tally.read(connection, TENANT) == kept
        assert _words(connection) == found


def _words(connection: Any) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in connection.execute(select(case_words))}


def test_a_case_is_found_by_the_beginning_of_its_names_and_of_their_parts(office: Office) -> None:
    office.sync(exception(1, shipment_id="SH-00417/B", subject="Pump, 2 units"), exception(2))
    lead = office.who(LEAD)
    told = {"417": 1, "sh-004": 1, "B": 1, "pump": 1, "ump": 0, "sh": 2, "Pump 417": 1, "pump x": 0}
    for text, total in told.items():
        assert office.casework.search(lead, TENANT, QueueFilter(search=text)).total == total, text
    office.sync(exception(1, shipment_id="SH-9", subject="Valve", severity="low"), exception(2))
    assert office.casework.search(lead, TENANT, QueueFilter(search="pump")).total == 0
    assert office.casework.search(lead, TENANT, QueueFilter(search="valve")).total == 1


# --- plans -------------------------------------------------------------------------------------------------

HISTORY = {
    *("cases", "case_facts", "audit_entries", "events", "messages", "effects", "escalations", "drafts"),
    *("draft_versions", "approvals", "case_evidence", "case_words", "handover_items"),
}
# These hold what is open, waiting or due, and nothing of what is over.
SMALL = (
    *("ix_cases_queue", "ix_cases_unanswered", "ix_cases_sleeping", "ix_cases_waiting", "ix_cases_flapping"),
    *("ix_cases_newest", "ix_drafts_waiting", "uq_cases_one_open_case_per_exception"),
)


@contextmanager
def asked(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """The queries that are asked of a store meanwhile, with what was bound to them."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def scans(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """What a query reads of history without an index that leads it there; a tenant alone is all its history."""
    is_ranked = "LIMIT" in statement
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"explain query plan {statement}", parameters)
            return [row[3] for row in rows if _is_sqlite_scan(row[3], is_ranked)]
        connection.exec_driver_sql("set local enable_seqscan = off")  # a small table would be read whole
        row = connection.exec_driver_sql(f"explain (format json) {statement}", parameters).scalar()
        plan = row if isinstance(row, list) else json.loads(row)
        return list(_postgres_scans(plan[0]["Plan"], is_ranked))


def _is_small(index: str, is_ranked: bool) -> bool:
    """Whether an index holds nothing of what is over, or is walked by rank only until a page is full."""
    return any(name in index for name in SMALL) or (is_ranked and "ix_cases_history" in index)


def _is_sqlite_scan(step: str, is_ranked: bool) -> bool:
    kind, table, *rest = (*step.split(" (")[0].split(), "", "")
    if table not in HISTORY or kind not in ("SCAN", "SEARCH") or _is_small(" ".join(rest), is_ranked):
        return False
    named = re.findall(r"(\w+)[=<>]", step)
    return kind == "SCAN" or not set(named) - {"tenant_id"}


def _postgres_scans(node: dict[str, Any], is_ranked: bool) -> Iterator[str]:
    table, index = node.get("Relation Name", ""), node.get("Index Name", "")
    named = re.findall(r"\b(\w+)\)?(?:::text)? (?:=|<|>|IS)", node.get("Index Cond", ""))
    is_history = any(index.startswith((f"pk_{name}", f"ix_{name}", f"uq_{name}")) for name in HISTORY)
    if node["Node Type"] == "Seq Scan" and table in HISTORY:
        yield f"sequential scan of {table}"
    elif is_history and not _is_small(index, is_ranked) and not set(named) - {"tenant_id"}:
        yield f"whole scan of {index}: {node.get('Index Cond')}"
    for inner in node.get("Plans", ()):
        yield from _postgres_scans(inner, is_ranked)


def refuse_scans(office: Office, work: Callable[[], Any]) -> int:
    with asked(office.engine) as found:
        work()
    assert found
    plans = {statement: scans(office.engine, statement, parameters) for statement, parameters in found}
    wrong = {statement: read for statement, read in plans.items() if read}
    assert not wrong, "\n\n".join(f"{read}: {statement}" for statement, read in wrong.items())
    return len(found)


SIZE = 4_000  # enough for a planner to prefer what is right; one in fifty is open


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def busy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A desk with a long history, and at work: drafts, deadlines, merged cases, answered and ended ones."""
    template = request.getfixturevalue(f"{request.param}_template")
    home = tmp_path_factory.mktemp("busy") / "home"
    shutil.copytree(template.home, home)
    url = f"sqlite:///{home}/operational.db"
    if request.param == "postgres":
        url = copied(request.getfixturevalue("postgres_url"))
    engine = open_store(url)
    office = Office(engine, home)
    office.sync(*(exception(n) for n in range(1, 9)))
    office.perform(office.case_id("predicted_late:SH-1"), Action.START)
    office.perform(office.case_id("predicted_late:SH-2"), Action.DISMISS, reason="r")
    ids = [office.case_id(f"predicted_late:SH-{n}") for n in (3, 4)]
    office.casework.merge(office.who(LEAD), TENANT, ids, "one")
    seed(engine, TENANT, SIZE, 2)
    if request.param == "postgres":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("analyze")
    yield office
    engine.dispose()


FILTERS = {
    "all": QueueFilter(),
    "mine": QueueFilter(owner=LEAD),
    "unassigned": QueueFilter(owner="-"),
    "waiting": QueueFilter(states=(State.WAITING,)),
    "two states": QueueFilter(states=(State.NEW, State.TRIAGED)),
    "one type": QueueFilter(exception_types=("predicted_late",)),
    "severity": QueueFilter(severities=("high",)),
    "customer": QueueFilter(customer_id="C-1"),
    "carrier and type": QueueFilter(carrier_id=OWN_CARRIER, exception_types=("predicted_late", "late_now")),
    "facility": QueueFilter(facility_id="DC-1"),
    "incident": QueueFilter(parent_case_id="D-000001"),
    "words": QueueFilter(search="SH-1 1"),
    "approval": QueueFilter(is_awaiting_approval=True),
    "no approval": QueueFilter(is_awaiting_approval=False),
    "ended ones too": QueueFilter(include_closed=True),
    "ended ones of a carrier": QueueFilter(include_closed=True, carrier_id=OWN_CARRIER),
}


@pytest.mark.parametrize("few", [search.FEW, 0])
def test_no_page_of_the_queue_reads_through_history(
    busy: Office, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FEW", few)  # 0: as if everything asked for were frequent
    lead = busy.who(LEAD)
    first = busy.casework.search(lead, TENANT, QueueFilter(limit=2))
    breaching = QueueFilter(response_due_before=busy.clock() + timedelta(hours=1))
    for wanted in (*FILTERS.values(), breaching, QueueFilter(limit=2, after=first.next)):
        refuse_scans(busy, lambda wanted=wanted: busy.casework.search(lead, TENANT, wanted))
    for who in (CUSTOMER, CARRIER):
        partner = busy.who(who)
        refuse_scans(busy, lambda partner=partner: busy.casework.search(partner, TENANT))


def test_behind_row_level_security_a_page_begins_where_the_last_one_ended(busy: Office) -> None:
    if busy.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no row-level security")
    for who, wanted in ((LEAD, QueueFilter(limit=2)), (LEAD, QueueFilter(limit=2, include_closed=True))):
        first = busy.casework.search(busy.who(who), TENANT, wanted)
        with asked(busy.engine) as found:
            busy.casework.search(busy.who(who), TENANT, replace(wanted, after=first.next))
        (page,) = (one for one in found if "AS place" in one[0])
        with busy.casework.desk.reading(TENANT) as connection:
            connection.exec_driver_sql("set local enable_seqscan = off")
            connection.exec_driver_sql("set local enable_sort = off")
            plan = connection.exec_driver_sql(f"explain {page[0]}", page[1]).scalars().all()
        (condition,) = (line for line in plan if "Index Cond" in line)
        assert "ROW(" in condition, plan  # not a filter over all that comes before


def test_no_page_of_a_case_and_no_decision_reads_through_history(busy: Office) -> None:
    case_id = busy.case_id("predicted_late:SH-1")
    for who in (LEAD, CUSTOMER):
        reader = busy.who(who)
        refuse_scans(busy, lambda reader=reader: busy.casework.get(reader, TENANT, case_id))
    lead = busy.who(LEAD)
    refuse_scans(busy, lambda: busy.casework.workload(lead, TENANT))
    refuse_scans(busy, lambda: busy.casework.hand_overs(lead, TENANT))
    until = busy.clock() + timedelta(hours=1)
    refuse_scans(busy, lambda: busy.perform(case_id, Action.WAIT, until=until, reason="r"))
    refuse_scans(busy, lambda: busy.perform(case_id, Action.COMMENT, CUSTOMER, text="any news?"))
    code = {"resolution_code": "mitigated", "root_cause_code": "carrier_delay"}
    refuse_scans(busy, lambda: busy.perform(case_id, Action.RESOLVE, **code))


def test_no_round_of_the_worker_and_its_auditor_reads_through_history(busy: Office) -> None:
    worker = Worker(busy.casework, {}, clock=busy.clock)
    busy.clock.forward(days=2)
    refuse_scans(busy, worker.tick)
    auditor = busy.who(LEAD)
    refuse_scans(busy, lambda: busy.casework.audit_escalations(auditor, TENANT))
