"""The flow of work as people see it: cases by hand, waits, acknowledgements, teams, and the shift's end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from casework.metering.meter import MODEL_CALL, Meter, Use
from casework.model import Action, QueueFilter
from casework.teamwork.handover import Given
from tests.dashboard.conftest import signed_in
from tests.dashboard.test_pages import case_of, keys, open_case, who, words
from tests.dashboard.world import World


def shift(world: World, login: str) -> AppTest:
    """The shift page as somebody comes to it from the queue."""
    return signed_in(world, login, tenant="demo").button(key="open_shift").click().run()


def press(app: AppTest, opener: str, confirm: str) -> AppTest:
    """Press a dialog's button; a dialog is there only in the run that opens it, so it is opened with it."""
    app = app.button(key=opener).click().run()
    app.button(key=opener).click()
    return app.button(key=confirm).click().run()


def test_a_call_becomes_a_case_from_the_queue(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")
    app = app.button(key="manual_open").click().run()
    app.text_input(key="manual_title").input("Gate 4 is shut")
    app.text_area(key="manual_reason").input("The driver called.")
    app.text_input(key="manual_shipment").input("SHP-77")
    app.number_input(key="manual_penalty").set_value(120.0)
    app = press(app, "manual_open", "manual_confirm")

    assert "The case is open" in words(app)
    case = case_of(world, "SHP-77")
    assert (case.exception_type, str(case.expected_loss)) == ("manual", "120.00")
    page = signed_in(world, "lead", tenant="demo", case=case.case_id)
    assert "SHP\\-77\\: Gate 4 is shut" in page.title[0].value
    assert "no longer found" not in words(page)


def test_a_call_without_a_word_of_what_happened_is_refused_with_a_sentence(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")
    app = app.button(key="manual_open").click().run()
    app = press(app, "manual_open", "manual_confirm")

    assert "To open a case say what happened" in words(app)


def test_who_may_not_open_cases_is_not_asked(world: World) -> None:
    assert "manual_open" not in keys(signed_in(world, "auditor", tenant="demo"))


def test_a_wait_names_the_event_that_ends_it_and_the_page_says_so(world: World) -> None:
    app = open_case(world, "planner", "SHP-1")
    app = app.button(key="action_start").click().run()
    app = app.button(key="action_wait").click().run()
    app.selectbox(key="wait_event").set_value("reply_received")
    app.text_input(key="wait_reason").input("The carrier looks into it.")
    app.date_input(key="wait_until").set_value((datetime.now(UTC) + timedelta(days=2)).date())
    app = press(app, "action_wait", "wait_confirm")

    assert case_of(world, "SHP-1").waiting_for == "reply_received"
    assert "or when a reply comes in" in words(app)


def test_an_acknowledged_case_says_so_in_the_queue_and_on_its_page(world: World) -> None:
    app = open_case(world, "planner", "SHP-1")
    app = app.button(key="action_acknowledge").click().run()
    app = press(app, "action_acknowledge", "acknowledge_confirm")

    assert "Acknowledged until" in words(app)
    states = list(signed_in(world, "lead", tenant="demo").dataframe[0].value["State"])
    assert states[0].startswith("Ack. ") and states[1:] == ["New"] * 3
    app = app.button(key="action_triage").click().run()
    assert "action_acknowledge" not in keys(app)


def test_a_case_handed_to_a_team_is_found_in_its_queue_and_released_only_by_who_has_it(world: World) -> None:
    app = open_case(world, "planner", "SHP-2")
    assert "action_release" not in keys(app)
    app = app.button(key="action_assign_me").click().run()
    app = app.button(key="action_release").click().run()
    app.text_area(key="release_reason").input("Not mine.")
    app = press(app, "action_release", "release_confirm")
    assert case_of(world, "SHP-2").owner is None
    app = app.button(key="action_transfer").click().run()
    app.selectbox(key="transfer_team").set_value("customer_service")
    app.text_input(key="transfer_reason").input("They know the customer.")
    app = press(app, "action_transfer", "transfer_confirm")

    assert case_of(world, "SHP-2").team == "customer_service"
    queue = signed_in(world, "lead", tenant="demo")
    queue = queue.selectbox(key="facet_team").set_value("customer_service").run()
    assert list(queue.dataframe[0].value["At stake"]) == ["$5,001"]


def test_taking_a_case_that_somebody_took_meanwhile_is_refused(world: World) -> None:
    app = open_case(world, "planner", "SHP-1")
    case = case_of(world, "SHP-1")
    world.casework.perform(who(world, "lead"), "demo", case.case_id, Action.CLAIM)
    app = app.button(key="action_assign_me").click().run()

    assert "Someone else changed case" in words(app)
    assert case_of(world, "SHP-1").owner_name == "Operations lead"


@pytest.fixture
def owned(world: World) -> World:
    """A planner with two open cases of four."""
    planner = who(world, "planner")
    for shipment in ("SHP-1", "SHP-2"):
        world.casework.perform(planner, "demo", case_of(world, shipment).case_id, Action.CLAIM)
    return world


def test_a_shift_is_handed_over_and_accepted_on_the_page(owned: World) -> None:
    first, second = (case_of(owned, shipment).case_id for shipment in ("SHP-1", "SHP-2"))
    app = shift(owned, "planner")
    app.selectbox(key="handover_to").set_value("person:lead")
    app.text_input(key=f"handover_next_{first}").input("Call the carrier.")
    app = app.button(key="handover_offer").click().run()
    assert f"case {second}".replace("-", "\\-") in words(app)

    app.selectbox(key="handover_to").set_value("person:lead")
    app.text_input(key=f"handover_next_{first}").input("Call the carrier.")
    app.text_input(key=f"handover_next_{second}").input("I finish it at home.")
    app.checkbox(key=f"handover_left_{second}").check()
    app = app.button(key="handover_offer").click().run()
    assert "not accepted yet" in words(app)

    (packet,) = owned.casework.hand_overs(who(owned, "lead"), "demo")
    lead = shift(owned, "lead")
    assert "Planner hands over to you" in words(lead)
    lead = lead.button(key=f"handover_accept_{packet.handover_id}").click().run()
    assert "The cases are yours" in words(lead)
    assert case_of(owned, "SHP-1").owner_name == "Operations lead"
    assert case_of(owned, "SHP-2").owner_name == "Planner"


def test_a_hand_over_is_declined_with_a_reason_that_the_giver_reads(owned: World) -> None:
    mine = owned.casework.search(who(owned, "planner"), "demo", QueueFilter(owner="person:planner")).cases
    at = datetime.now(UTC) + timedelta(hours=2)
    given = [Given(case.case_id, "Call them.", at) for case in mine]
    packet = owned.casework.hand_over(who(owned, "planner"), "demo", "person:lead", given)
    lead = shift(owned, "lead")
    lead.text_input(key=f"handover_reason_{packet.handover_id}").input("I am off today.")
    lead.button(key=f"handover_decline_{packet.handover_id}").click().run()

    frames = [table.value for table in shift(owned, "planner").dataframe]
    (listed,) = [frame for frame in frames if "Why" in frame]
    assert (listed["State"][0], listed["Why"][0]) == ("declined", "I am off today.")


def test_the_shift_shows_who_has_how_much(owned: World) -> None:
    frames = [table.value for table in shift(owned, "lead").dataframe]
    (owners,) = [frame for frame in frames if "Owner" in frame]
    assert [tuple(row) for row in owners[["Owner", "Open", "At stake"]].values] == [
        ("Planner", 2, "$23,002"),
        ("nobody", 2, "$942"),
    ]


def test_a_right_to_approve_is_lent_on_the_shift_page_and_used_on_the_draft(world: World) -> None:
    lead = shift(world, "lead")
    lead.selectbox(key="lending_to").set_value("person:planner")
    lead.text_input(key="lending_reason").input("on leave")
    lead = lead.button(key="lending_lend").click().run()
    assert "They approve under their own name" in words(lead)
    (lent,) = world.casework.delegations(who(world, "lead"), "demo")
    assert (lent.to_principal, lent.reason) == ("person:planner", "on leave")

    app = open_case(world, "planner", "SHP-1")
    assert app.button(key="draft_approve_customer_update_for_person:lead").label.startswith(
        "Approve and send for"
    )
    app = app.button(key="draft_approve_customer_update_for_person:lead").click().run()
    assert "It leaves with the next turn" in words(app)
    detail = world.casework.get(who(world, "lead"), "demo", case_of(world, "SHP-1").case_id)
    (given,) = [g for d in detail.drafts if d.standing for g in d.standing.given]
    assert (given.approver, given.on_behalf_of) == ("person:planner", "person:lead")

    planner = shift(world, "planner")
    planner.text_input(key=f"lending_why_{lent.delegation_id}").input("they are back")
    planner = planner.button(key=f"lending_end_{lent.delegation_id}").click().run()
    assert world.casework.delegations(who(world, "lead"), "demo")[0].revoked_by == "person:planner"


def test_the_queue_goes_by_what_waiting_costs_when_asked(world: World) -> None:
    queue = signed_in(world, "lead", tenant="demo")
    assert "Wait costs" in queue.dataframe[0].value.columns
    queue = queue.toggle(key="queue_by_waiting").set_value(True).run()
    assert not queue.exception


def test_what_things_cost_is_on_the_case_and_for_the_lead_on_the_shift(world: World) -> None:
    case = case_of(world, "SHP-1")
    meter = Meter(world.casework.engine, world.casework.config)
    use = Use(MODEL_CALL, "customer_update", case.case_id, case.customer_id, "m")
    meter.settled(
        "demo", meter.started("demo", use), outcome="answered", input_tokens=10_000, output_tokens=5_000
    )

    page = words(open_case(world, "planner", "SHP-1"))
    assert "USD 0.0125" in str(cost_table(open_case(world, "planner", "SHP-1"), "What"))
    assert "USD 0.25 and 2.00 per million tokens" in page.replace("\\", "")
    lead = shift(world, "lead")
    assert "USD 0.0125" in str(cost_table(lead, "Kind"))
    assert "1 of 2000, USD 0.0125 of USD 20.0000" in str(cost_table(lead, "Budget"))
    assert not [f for f in shift(world, "planner").dataframe if "Budget" in f.value]


def cost_table(app: AppTest, column: str) -> list[dict[str, object]]:
    """The rows of the table that has this column."""
    frames = [frame.value for frame in app.dataframe if column in frame.value]
    return next(frame for frame in frames if {"Cost", "Budget"} & set(frame)).to_dict("records")
