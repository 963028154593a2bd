"""What people do all day, in a real browser, each at their own: shifts, several cases at once, two approvers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from casework.model import Action, DraftState, State
from tests.browser.conftest import Desk, choose, press, tell, tick_rows
from tests.system.running import wait_for

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]


def test_a_shift_is_handed_over_by_one_and_accepted_by_the_other(desk: Desk, person: SignIn) -> None:
    case = desk.case("SHP-1")
    desk.world.casework.perform(desk.who("person:planner"), "demo", case.case_id, Action.CLAIM)
    planner = person("planner")
    press(planner, "open_shift")
    choose(planner, "handover_to", "Operations lead")
    tell(planner, f"handover_next_{case.case_id}", "Call the carrier.")
    press(planner, "handover_offer")
    expect(planner.get_by_text("is not accepted yet")).to_be_visible()
    assert desk.case("SHP-1").owner == "person:planner"

    lead = person("lead")
    press(lead, "open_shift")
    expect(lead.get_by_text("Planner hands over to you")).to_be_visible()
    (packet,) = desk.world.casework.hand_overs(desk.who("person:lead"), "demo")
    press(lead, f"handover_accept_{packet.handover_id}")
    expect(lead.locator(".st-key-notice")).to_contain_text("The cases are yours")
    assert desk.case("SHP-1").owner == "person:lead"


def several(page: Page, *numbers: int) -> None:
    """Choose rows of the queue for one action on all of them."""
    page.locator(".st-key-queue_several label").first.click()
    tick_rows(page, "queue_several_table", *numbers)
    expect(page.locator(".st-key-bulk")).to_contain_text(f"{len(numbers)} chosen")


def test_two_cases_are_assigned_at_once(desk: Desk, person: SignIn) -> None:
    page = person("lead")
    several(page, 0, 1)
    page.locator(".st-key-bulk_action").get_by_text("Assign").click()
    choose(page, "bulk_owner", "Planner")
    press(page, "bulk_confirm")

    expect(page.get_by_text("Assign: 2 of 2 done.")).to_be_visible()
    assert [desk.case(name).owner for name in ("SHP-1", "SHP-2")] == ["person:planner"] * 2
    assert desk.case("SHP-3").owner is None


def test_cases_are_snoozed_at_once_and_the_one_that_cannot_is_named(desk: Desk, person: SignIn) -> None:
    door, planner = desk.world.casework, desk.who("person:planner")
    for shipment in ("SHP-1", "SHP-2"):
        door.perform(planner, "demo", desk.case(shipment).case_id, Action.CLAIM)
    door.perform(planner, "demo", desk.case("SHP-1").case_id, Action.START)
    page = person("planner")
    several(page, 0, 1)
    page.locator(".st-key-bulk_action").get_by_text("Snooze").click()
    tell(page, "bulk_reason", "The port opens tomorrow.")
    foreseen = {
        result.case_id: result.is_done
        for result in door.perform_many(
            planner, "demo", [desk.case(name).case_id for name in ("SHP-1", "SHP-2")], Action.WAIT,
            is_dry_run=True, until=datetime.now(UTC) + timedelta(days=1), reason="x",
        )
    }  # fmt: skip
    possible = sum(foreseen.values())
    press(page, "bulk_confirm")

    expect(page.get_by_text(f"Snooze: {possible} of 2 done.")).to_be_visible()
    assert desk.case("SHP-1").state == State.WAITING
    assert (desk.case("SHP-2").state == State.WAITING) == foreseen[desk.case("SHP-2").case_id]


def merge_rows(page: Page, *numbers: int) -> None:
    several(page, *numbers)
    page.locator(".st-key-bulk_action").get_by_text("Merge").click()
    tell(page, "bulk_merge_reason", "Both are on one truck.")
    press(page, "bulk_merge")


def test_cases_of_different_customers_are_never_merged(desk: Desk, person: SignIn) -> None:
    page = person("lead")
    merge_rows(page, 0, 1)
    expect(page.locator(".st-key-notice")).to_contain_text("These cases belong to different customers")
    assert desk.case("SHP-1").merged_into is desk.case("SHP-2").merged_into is None


def test_cases_are_merged_and_split_again(desk: Desk, person: SignIn) -> None:
    page = person("lead")
    merge_rows(page, 1, 2)
    expect(page.locator(".st-key-notice")).to_contain_text("2 cases are one")
    first, second = desk.case("SHP-2"), desk.case("SHP-3")
    stays, joined = (first, second) if second.merged_into else (second, first)
    assert joined.merged_into == stays.case_id

    page.goto(f"{desk.address}/case?tenant=demo&case={stays.case_id}", wait_until="networkidle")
    choose(page, "split_cases", joined.case_id)
    page.keyboard.press("Escape")
    press(page, "split")
    tell(page, "split_reason", "Two trucks after all.")
    press(page, "split_confirm")
    expect(page.locator(".st-key-notice")).to_contain_text("Taken out of")
    assert desk.case("SHP-2").merged_into is desk.case("SHP-3").merged_into is None


def test_who_wrote_the_last_words_cannot_approve_them_and_a_second_person_can(
    desk: Desk, person: SignIn
) -> None:
    case_id = desk.case("SHP-1").case_id
    address = f"case?tenant=demo&case={case_id}"
    writer, second = person("approver", address), person("lead", address)
    press(writer, "draft_edit_customer_update")
    text = writer.locator(".st-key-draft_text_customer_update_0 textarea")
    text.fill(text.input_value() + " We are sorry.")
    press(writer, "draft_save_customer_update")
    expect(writer.locator(".st-key-draft_approve_customer_update button").last).to_be_disabled()

    # The other page still shows the words before the edit: to approve those is refused.
    press(second, "draft_approve_customer_update")
    expect(second.get_by_text("but the draft is now in version")).to_be_visible()
    assert not effects_of(desk, case_id)

    second.goto(f"{desk.address}/{address}", wait_until="networkidle")
    expect(second.get_by_text("We are sorry.").first).to_be_visible()
    press(second, "draft_approve_customer_update")
    wait_for(lambda: effects_of(desk, case_id), 20, "the messages to be queued")
    detail = desk.world.casework.get(desk.who("person:lead"), "demo", case_id)
    (draft,) = (draft for draft in detail.drafts if draft.kind == "customer_update")
    assert (draft.state, draft.version, draft.author) == (DraftState.APPROVED, 2, "person:approver")


def effects_of(desk: Desk, case_id: str) -> tuple[object, ...]:
    return desk.world.casework.get(desk.who("person:lead"), "demo", case_id).effects


def test_an_auditor_reads_history_and_changes_nothing(desk: Desk, person: SignIn) -> None:
    case_id = desk.case("SHP-1").case_id
    desk.world.casework.perform(desk.who("person:planner"), "demo", case_id, Action.CLAIM)
    page = person("auditor", f"case?tenant=demo&case={case_id}")
    expect(page.locator(".st-key-case_verdict")).to_be_visible()
    page.get_by_role("tab", name="Audit").click()
    expect(page.locator(".st-key-case_audit")).to_contain_text("case:claim")

    changing = ("case_actions", "draft_approve", "draft_edit", "draft_reject", "draft_regenerate")
    for key in changing:
        assert page.locator(f"[class*='st-key-{key}'] button:enabled").count() == 0
    page.goto(f"{desk.address}/?tenant=demo", wait_until="networkidle")
    expect(page.locator(".st-key-queue_table")).to_be_visible()
    for key in ("queue_several", "manual_open", "queue_assign_me"):
        assert page.locator(f".st-key-{key}").count() == 0
