"""A tenant weighs the parts of the loss: the amounts stay, the ranking changes, and the log says so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from casework.config import HERE
from casework.config.priority import Weights
from casework.model import Action, Publication
from casework.ranking import priority
from casework.store.tables import cases, priority_weights
from tests.casework.office import CUSTOMER, PLANNER, TENANT, Office, exception

AMOUNTS = {  # penalty, revenue, stock-out
    1: ("100", "900", "0"),
    2: ("600", "0", "0"),
    3: ("0", "0", "500"),
}


@pytest.fixture
def desk(office: Office) -> Office:
    office.sync(*(record(number) for number in AMOUNTS))
    return office


def record(number: int, **changed: Any) -> Any:
    penalty, revenue, inventory = (Decimal(amount) for amount in AMOUNTS[number])
    amounts = {"sla_penalty_amount": penalty, "revenue_amount": revenue, "inventory_amount": inventory}
    return exception(number, expected_loss=sum(amounts.values()), **amounts | changed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(HERE, tmp_path / "config")
    return tmp_path / "config"


def weigh(folder: Path, **weights: float) -> None:
    path = folder / "tenants" / "demo.yml"
    path.write_text(f"{(HERE / 'tenants' / 'demo.yml').read_text()}\npriority: {{weights: {weights}}}\n")


def queue(office: Office) -> list[str]:
    page = office.casework.search(office.who(PLANNER), TENANT)
    return [case.subject for case in page.cases]


def standing(office: Office, tenant_id: str) -> list[Any]:
    with office.casework.desk.reading_across() as connection:
        return list(connection.execute(select(cases).where(cases.c.tenant_id == tenant_id)).all())


def test_cases_rank_by_their_loss_while_nothing_is_weighed(desk: Office) -> None:
    assert queue(desk) == ["SH-1", "SH-2", "SH-3"]
    case = desk.case()
    assert (case["ranked_amount"], case["weights_version"]) == (case["expected_loss"], 0)


def test_a_change_is_foreseen_then_applied_in_one_transaction_and_told(desk: Office, folder: Path) -> None:
    weigh(folder, inventory=3, revenue=0.5)
    plan = desk.casework.config_diff(folder)
    moves = {move.case_id: (move.rank, move.new_rank) for move in plan.moves[TENANT]}
    third = desk.case_id("predicted_late:SH-3")
    assert moves[third] == (3, 1)
    assert queue(desk) == ["SH-1", "SH-2", "SH-3"], "looking changes nothing"
    desk.casework.config_apply(folder, note="stock first")
    assert queue(desk) == ["SH-3", "SH-2", "SH-1"]
    detail = desk.detail(third)
    assert (detail.case.expected_loss, detail.case.ranked_amount) == (Decimal("500.00"), Decimal("1500.00"))
    assert detail.case.weights_version == 1
    assert {part.label: part.weight for part in detail.ranking}["stock-out"] == 3
    assert sum(part.ranked for part in detail.ranking) == detail.case.ranked_amount
    assert desk.facts_of(third)[-1] == "case:ranked"
    assert desk.casework.verify_audit(TENANT).ok
    assert desk.casework.config_apply(folder).applied is None, "applying it again changes nothing"
    assert desk.facts_of(third).count("case:ranked") == 1


def test_a_roll_back_brings_the_old_ranking_back_as_a_new_version(desk: Office, folder: Path) -> None:
    weigh(folder, inventory=3)
    desk.casework.config_apply(folder)
    desk.casework.config_rollback(1, folder)
    assert queue(desk) == ["SH-1", "SH-2", "SH-3"]
    case = desk.case()
    assert (case["ranked_amount"], case["weights_version"]) == (case["expected_loss"], 2)
    assert desk.casework.verify_audit(TENANT).ok


def test_new_facts_new_cases_and_reopened_ones_rank_by_what_is_in_force(desk: Office, folder: Path) -> None:
    ended = desk.case_id("predicted_late:SH-2")
    desk.perform(ended, Action.DISMISS, reason="arrived")
    weigh(folder, sla_penalty=2)
    desk.casework.config_apply(folder)
    assert desk.detail(ended).case.ranked_amount == Decimal("600.00"), "what has ended keeps its ranking"
    desk.sync(record(1, sla_penalty_amount=Decimal(200)), record(3), exception(4), publication="pub-2")
    assert desk.case()["ranked_amount"] == Decimal("1300.00")
    assert desk.case("predicted_late:SH-4")["weights_version"] == 1
    desk.perform(ended, Action.REOPEN, reason="it did not")
    assert desk.detail(ended).case.ranked_amount == Decimal("1200.00")
    assert desk.casework.verify_audit(TENANT).ok


def test_another_tenants_weights_are_its_own_and_a_partner_sees_none(desk: Office, folder: Path) -> None:
    theirs = replace(record(3), tenant_id="health")
    desk.casework.sync("health", Publication("pub-1"), [theirs])
    before = standing(desk, "health")
    weigh(folder, inventory=3)
    plan = desk.casework.config_diff(folder)
    assert {name: len(moves) for name, moves in plan.moves.items() if moves} == {TENANT: 3}
    desk.casework.config_apply(folder)
    assert standing(desk, "health") == before and len(before) == 1
    with desk.casework.desk.reading_across() as connection:
        assert connection.scalars(select(priority_weights.c.tenant_id)).all() == [TENANT]
    page = desk.casework.search(desk.who(CUSTOMER), TENANT)
    assert {(case.ranked_amount, case.weights_version) for case in page.cases} == {(None, None)}
    assert page.waiting == {}
    assert desk.detail(page.cases[0].case_id, CUSTOMER).ranking == ()


def test_weights_in_force_cannot_be_rewritten(desk: Office, folder: Path) -> None:
    weigh(folder, inventory=3)
    desk.casework.config_apply(folder)
    with pytest.raises(Exception, match="append-only"), desk.engine.begin() as connection:
        connection.execute(update(priority_weights).values(weights={}))


cents = st.decimals(0, 10**9, places=2)
weights = st.builds(
    Weights, **dict.fromkeys(Weights.model_fields, st.decimals(0, 100, places=4).map(lambda d: d))
)


@given(amounts=st.fixed_dictionaries(dict.fromkeys(priority.PARTS, cents)), by=weights)
def test_what_is_shown_adds_up_to_what_is_ranked_by(amounts: dict[str, Decimal], by: Weights) -> None:
    parts = priority.ranking(amounts, by)
    assert sum((part.ranked for part in parts), Decimal(0)) == priority.ranked_amount(amounts, by)
    assert [part.amount for part in parts] == [amounts[column] for column in priority.PARTS]
    assert priority.ranked_amount(amounts, Weights()) == sum(amounts.values())
