"""What people see and may do on the pages, driven through Streamlit itself over a real store."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from streamlit.testing.v1 import AppTest

from casework.model import CaseView, Principal, QueueFilter
from casework.store import engine as store
from casework.store.tables import (
    approvals,
    effects,
    grants,
    ingested_files,
    principals,
    quarantined_rows,
    sessions,
)
from tests.dashboard.conftest import open_app, signed_in
from tests.dashboard.published import AS_OF
from tests.dashboard.world import CARRIER, HOSTILE, OURS, THEIRS, World


def who(world: World, login: str) -> Principal:
    token, principal = world.casework.sign_in(login, world.passwords[login])
    world.casework.sign_out(token)
    return principal


def case_of(world: World, shipment_id: str, login: str = "lead") -> CaseView:
    found = world.casework.search(who(world, login), "demo", QueueFilter(include_closed=True)).cases
    return next(case for case in found if case.shipment_id == shipment_id)


def open_case(world: World, login: str, shipment_id: str) -> AppTest:
    case = case_of(world, shipment_id)
    return signed_in(world, login, tenant="demo", case=case.case_id)


def words(app: AppTest) -> str:
    """Return all text of the page."""
    kinds = (
        "title",
        "subheader",
        "markdown",
        "caption",
        "text",
        "info",
        "warning",
        "success",
        "error",
        "code",
    )
    return "\n".join(str(element.value) for kind in kinds for element in getattr(app, kind))


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button if button.key}


def test_nobody_sees_anything_before_signing_in(world: World) -> None:
    app = open_app(tenant="demo", case=case_of(world, "SHP-1").case_id)

    assert app.text_input(key="sign_in_login")
    assert "SHP-1" not in words(app)
    assert not app.dataframe


def test_a_wrong_password_and_an_unknown_login_read_the_same(world: World) -> None:
    said = []
    for login in ("lead", "nobody"):
        app = open_app()
        app.text_input(key="sign_in_login").input(login)
        app.text_input(key="sign_in_password").input("wrong")
        app = app.button(key="sign_in_submit").click().run()
        said.append(app.error[0].value)
    assert said[0] == said[1]


def test_the_queue_ranks_by_money_and_counts_over_all_rows(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")

    frame = app.dataframe[0].value
    assert list(frame["At stake"]) == ["$18,001", "$5,001", "$901", "$41"]
    assert "SHP-1" in frame["What"][0]
    assert frame["Where"][0] == "Yantian terminal → Duisburg DC"
    assert any("Predicted late 3" in option for pill in app.button_group for option in pill.options)


def test_the_cursor_moves_by_key_and_takes_the_preview_with_it(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")
    assert "SHP\\-1 will miss its promise by about 19 h" in words(app)

    app = app.button(key="queue_next").click().run()
    assert "SHP\\-2 will miss" in words(app)
    app = app.button(key="queue_previous").click().run()
    assert "SHP\\-1 will miss" in words(app)


def test_taking_a_case_from_the_queue_makes_it_mine(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")
    app = app.button(key="queue_assign_me").click().run()

    assert case_of(world, "SHP-1").owner_name == "Planner"
    assert app.dataframe[0].value["Owner"][0] == "Planner"


def tick(app: AppTest, *rows: int) -> AppTest:
    """Choose several rows of the queue."""
    app = app.toggle(key="queue_several").set_value(True).run()
    app.session_state["queue_several_table"] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return app.run()


def test_several_cases_are_given_away_at_once_after_a_look_at_what_would_come_of_it(world: World) -> None:
    app = tick(signed_in(world, "lead", tenant="demo"), 0, 1)
    app = app.button_group(key="bulk_action").set_value("assign").run()
    app = app.selectbox(key="bulk_owner").select("person:planner").run()
    assert case_of(world, "SHP-1").owner is None
    assert "is new" in " ".join(app.dataframe[-1].value[""])

    app = app.button(key="bulk_confirm").click().run()
    assert "2 of 2 done" in words(app)
    assert {case_of(world, ship).owner for ship in ("SHP-1", "SHP-2")} == {"person:planner"}


def test_cases_become_one_and_are_taken_apart_again(world: World) -> None:
    lead = who(world, "lead")
    cases = world.casework.search(lead, "demo", QueueFilter()).cases
    same = [number for number, case in enumerate(cases) if case.customer_id == THEIRS]
    app = tick(signed_in(world, "lead", tenant="demo"), *same)
    app = app.button_group(key="bulk_action").set_value("merge").run()
    app = app.text_input(key="bulk_merge_reason").input("One truck.").run()
    app = app.button(key="bulk_merge").click().run()
    left = world.casework.search(lead, "demo", QueueFilter()).cases
    assert len(left) == len(cases) - len(same) + 1

    stays = next(case for case in left if world.casework.get(lead, "demo", case.case_id).merged)
    app = signed_in(world, "lead", tenant="demo", case=stays.case_id)
    assert "Merged into this case" in words(app)
    app = (
        app.multiselect(key="split_cases")
        .select(world.casework.get(lead, "demo", stays.case_id).merged[0].case_id)
        .run()
    )
    app = app.button(key="split").click().run()
    app.text_input(key="split_reason").input("Another truck.")
    app.button(key="split").click()  # this kind of rerun closes dialogs, a browser's does not
    app.button(key="split_confirm").click().run()
    assert len(world.casework.search(lead, "demo", QueueFilter()).cases) == len(left) + 1


def test_an_auditor_chooses_nothing(world: World) -> None:
    app = signed_in(world, "auditor", tenant="demo")
    assert not [toggle for toggle in app.toggle if toggle.key == "queue_several"]


def test_searching_and_facets_narrow_the_queue(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")
    app = app.text_input(key="queue_search").input("SHP-2").run()
    assert len(app.dataframe[0].value) == 1

    app = app.text_input(key="queue_search").input("no such thing").run()
    assert "No case fits" in words(app)


def test_a_deep_link_opens_the_case_after_signing_in(world: World) -> None:
    app = open_case(world, "planner", "SHP-1")

    assert "SHP\\-1 will miss its promise by about 19 h" in app.title[0].value
    assert "it left Singapore 34 h behind plan" in words(app)
    assert {"action_triage", "action_assign_me", "resolve_open", "case_back"} & keys(app) >= {"case_back"}


def test_a_session_ended_elsewhere_ends_on_the_next_click(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")
    with world.casework.engine.begin() as connection:
        connection.execute(update(sessions).values(revoked_at=datetime.now(UTC)))

    app = app.button(key="queue_next").click().run()

    assert app.text_input(key="sign_in_login")
    assert not app.dataframe


def test_a_role_taken_away_acts_on_the_next_click(world: World) -> None:
    app = signed_in(world, "planner", tenant="demo")
    with world.casework.engine.begin() as connection:
        planner = select(principals.c.principal_id).where(principals.c.login == "planner").scalar_subquery()
        connection.execute(
            update(grants).where(grants.c.principal_id == planner).values(revoked_at=datetime.now(UTC))
        )

    app = app.button(key="queue_next").click().run()

    assert not app.dataframe
    assert "no role in any tenant" in words(app)


def test_resolving_asks_for_both_codes_and_shows_their_definitions(world: World) -> None:
    app = open_case(world, "lead", "SHP-2")
    app = app.button(key="action_triage").click().run()
    app = app.button(key="action_start").click().run()
    app = app.button(key="resolve_open").click().run()
    assert app.button(key="resolve_confirm").disabled

    choice = app.selectbox(key="resolve_code")
    assert "Accepted: The harm stands and everybody who must know has agreed to it." in choice.options
    choice.set_value("accepted")
    app.selectbox(key="resolve_cause").set_value("congestion")
    app = (
        app.button(key="resolve_open").click().run()
    )  # this kind of rerun closes dialogs, a browser's does not
    app.button(key="resolve_open").click()
    app = app.button(key="resolve_confirm").click().run()

    case = case_of(world, "SHP-2")
    assert (case.state, case.resolution_code, case.root_cause_code) == ("resolved", "accepted", "congestion")


def test_someone_elses_change_refuses_mine_with_a_sentence(world: World) -> None:
    app = open_case(world, "lead", "SHP-2")
    world.casework.perform(
        who(world, "planner"), "demo", case_of(world, "SHP-2").case_id, "comment", text="mine"
    )
    world.casework.perform(who(world, "planner"), "demo", case_of(world, "SHP-2").case_id, "triage")

    app = app.button(key="action_triage").click().run()

    assert "Someone else changed" in words(app)


def test_an_edit_is_a_new_version_and_what_is_approved_is_what_was_shown(world: World) -> None:
    app = open_case(world, "lead", "SHP-2")
    app = app.button(key="draft_edit_customer_update").click().run()
    first = app.text_area(key="draft_text_customer_update_0")
    first.input(first.value + " We are sorry.")
    app = app.button(key="draft_save_customer_update").click().run()
    assert "We are sorry." in words(app)
    shown = [element.value for element in app.code if element.value.startswith("Subject: ")]

    app = app.button(key="draft_approve_customer_update").click().run()

    with world.casework.engine.connect() as connection:
        approval = connection.execute(select(approvals)).mappings().one()
        sent = connection.execute(select(effects)).mappings().all()
    assert approval["draft_version"] == 2
    assert "ops@two.example" in [effect["recipient"] for effect in sent]
    assert all("We are sorry." in str(effect["payload"]) for effect in sent)
    assert sum("We are sorry." in text for text in shown) == len(sent)
    assert "Approved" in words(app)


def test_rejecting_sends_nothing_and_keeps_the_reason(world: World) -> None:
    app = open_case(world, "lead", "SHP-1")
    app.text_input(key="draft_reject_reason_customer_update").input("Too early to say.")
    app = app.run()
    app = app.button(key="draft_reject_confirm_customer_update").click().run()

    with world.casework.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(effects)).scalar_one() == 0
    assert "Too early to say" in words(app)


def a_mail_of_unknown_fate(world: World) -> str:
    """Approve an update and leave its mail as a worker does that got no answer after the data."""
    app = open_case(world, "lead", "SHP-1")
    app.button(key="draft_approve_customer_update").click().run()
    with world.casework.engine.begin() as connection:
        (effect_id,) = connection.execute(select(effects.c.effect_id).where(effects.c.target == "mail")).one()
        connection.execute(
            update(effects).where(effects.c.effect_id == effect_id).values(state="needs_human", attempts=1)
        )
    return str(effect_id)


def state_of(world: World, effect_id: str) -> str:
    with world.casework.engine.connect() as connection:
        return str(connection.scalar(select(effects.c.state).where(effects.c.effect_id == effect_id)))


@pytest.mark.parametrize(("button", "state"), [("confirm", "applied"), ("resend", "pending")])
def test_a_person_decides_about_a_message_whose_fate_is_unknown(
    world: World, button: str, state: str
) -> None:
    effect_id = a_mail_of_unknown_fate(world)
    app = open_case(world, "lead", "SHP-1")

    app = app.button(key=f"effect_{button}_{effect_id}").click().run()
    assert state_of(world, effect_id) == "needs_human"
    assert "Say how you know" in words(app)

    app.text_input(key=f"effect_note_{effect_id}").input("They said so by phone.")
    app.button(key=f"effect_{button}_{effect_id}").click().run()
    assert state_of(world, effect_id) == state


def test_who_may_not_approve_decides_nothing_about_messages(world: World) -> None:
    effect_id = a_mail_of_unknown_fate(world)

    assert not [key for key in keys(open_case(world, "auditor", "SHP-1")) if effect_id in str(key)]


@pytest.mark.parametrize("login", ["auditor", "approver"])
def test_buttons_a_role_may_not_use_are_not_offered(world: World, login: str) -> None:
    offered = keys(open_case(world, login, "SHP-1"))

    assert "resolve_open" not in offered
    assert "action_assign_me" not in offered


def test_an_auditor_reads_a_case_as_it_stood_and_can_change_nothing_of_it(world: World) -> None:
    case = case_of(world, "SHP-1")
    lead = who(world, "lead")
    with store.writing_across(world.casework.engine) as connection:
        before = connection.execute(select(func.count()).select_from(approvals)).scalar_one()
    world.casework.perform(lead, "demo", case.case_id, "start")
    app = open_case(world, "auditor", "SHP-1")
    offered = keys(app)

    app.datetime_input(key="case_known_at").set_value(datetime(2020, 1, 1, 8, 0)).run()
    assert "was not open yet" in words(app)

    now = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=5)
    app.datetime_input(key="case_known_at").set_value(now).run()
    assert "owned by Operations lead" in words(app)
    assert "rests on audit entry" in words(app)
    assert keys(app) == offered
    with store.reading_across(world.casework.engine) as connection:
        assert connection.execute(select(func.count()).select_from(approvals)).scalar_one() == before
    assert case_of(world, "SHP-1").version == case.version + 1
    for login in ("planner", "customer"):
        assert not open_case(world, login, "SHP-1").datetime_input


def test_feed_text_reaches_the_browser_as_text_only(world: World) -> None:
    app = open_case(world, "lead", HOSTILE)

    for kind in ("title", "subheader", "markdown", "caption", "success", "warning", "info"):
        for element in getattr(app, kind):
            assert "![x](" not in element.value
            assert "<b>" not in element.value
            assert "](http" not in element.value
    assert app.title[0].value.startswith("SHP")


def test_a_partner_sees_its_own_and_no_money(world: World) -> None:
    app = signed_in(world, "carrier")

    assert app.title[0].value == "My shipments"
    page = words(app) + "".join(frame.value.to_string() for frame in app.dataframe)
    assert "SHP-1" in page
    assert "SHP-2" not in page
    assert "$" not in page
    assert THEIRS not in page
    assert OURS not in page


@pytest.mark.parametrize("login", ["customer", "carrier"])
def test_a_partner_asking_for_anothers_case_reads_what_anybody_reads_of_no_case(
    world: World, login: str
) -> None:
    real = case_of(world, "SHP-2").case_id
    said = {}
    for asked in (real, "no-such-case"):
        app = signed_in(world, login, tenant="demo", case=asked)
        assert not app.title or "SHP" not in app.title[0].value
        said[asked] = app.info[0].value.replace(asked.replace("-", "\\-"), "ID")
    assert said[real] == said["no-such-case"]


def test_a_partners_case_page_has_no_money_no_drafts_no_lineage(world: World) -> None:
    case = case_of(world, "SHP-1")
    app = signed_in(world, "carrier", tenant="demo", case=case.case_id)

    page = words(app)
    assert "SHP\\-1" in page
    assert "$" not in page
    assert "Lineage" not in page
    assert not any(key.startswith("draft_") for key in keys(app))
    assert "ab" * 6 not in page
    assert case.carrier_id == CARRIER


def test_a_platform_administrator_reads_no_case(world: World) -> None:
    app = signed_in(world, "admin", tenant="demo", case=case_of(world, "SHP-1").case_id)

    assert "SHP" not in words(app)


def test_data_health_and_model_say_what_to_do_when_there_is_nothing(world: World) -> None:
    app = signed_in(world, "engineer", tenant="demo")

    assert app.title[0].value == "Data health"
    assert "Nothing has arrived yet" in words(app)


def test_a_store_that_is_locked_says_not_saved(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_MS", 50)
    app = signed_in(world, "lead", tenant="demo", case=case_of(world, "SHP-1").case_id)
    other = sqlite3.connect(world.home / "operational.db", isolation_level=None)
    other.execute("begin immediate")

    app = app.button(key="action_triage").click().run()

    assert "Not saved" in words(app)
    other.close()
    assert case_of(world, "SHP-1").state == "new"


def test_changing_the_tenant_leaves_the_case_of_the_one_before(world: World) -> None:
    app = open_case(world, "lead", "SHP-1")
    app = app.selectbox(key="tenant_choice").set_value("health").run()

    assert "SHP" not in words(app)
    assert "Nothing here" in words(app)


@pytest.fixture
def quarantined(world: World) -> World:
    """The desk with one refused row and the file it came in."""
    now = datetime.now(UTC)
    file = {"tenant_id": "demo", "feed": "milestone", "file_sha256": "ef" * 32, "file_name": "m.jsonl"}
    with world.casework.engine.begin() as connection:
        connection.execute(
            ingested_files.insert().values(
                **file, size_bytes=9, state="loaded", attempts=1, row_count=10, loaded_count=9,
                quarantined_count=1, duplicate_count=0, landed_at=now, recorded_at=AS_OF, loaded_at=now,
            )
        )  # fmt: skip
        connection.execute(
            quarantined_rows.insert().values(
                **file, quarantine_id="Q-1", row_number=7, column_name="occurred_at", rule="format",
                message="Row 7 of m.jsonl: 'yesterday' in occurred_at is no instant.", raw=HOSTILE,
                values={"event_id": "E-1", "occurred_at": "yesterday"}, state="quarantined", quarantined_at=now,
            )
        )  # fmt: skip
    return world


def test_a_refused_row_is_put_right_where_it_is_shown(quarantined: World) -> None:
    app = signed_in(quarantined, "engineer", tenant="demo")
    assert any(HOSTILE in element.value for element in app.code)

    app.text_input(key="fix_occurred_at_Q-1").input("2026-09-01T10:00:00Z")
    app = app.button(key="fix_submit").click().run()

    with quarantined.casework.engine.connect() as connection:
        row = connection.execute(select(quarantined_rows)).mappings().one()
    assert row["state"] == "corrected"
    assert row["corrected_values"] == {"occurred_at": "2026-09-01T10:00:00Z"}
    assert "Kept" in words(app)


def test_of_a_row_that_could_not_be_told_apart_every_cell_shown_is_said(quarantined: World) -> None:
    told = {
        "rule": "cells",
        "column_name": None,
        "values": {"event_id": "E-1", "remark": "a\u200bb", "city": None},
    }
    with quarantined.casework.engine.begin() as connection:
        connection.execute(update(quarantined_rows).values(**told))
    app = signed_in(quarantined, "engineer", tenant="demo")
    assert "Look at each" in words(app)
    app.text_input(key="fix_event_id_Q-1").input("E-2")
    app.button(key="fix_submit").click().run()
    with quarantined.casework.engine.connect() as connection:
        row = connection.execute(select(quarantined_rows)).mappings().one()
    assert row["corrected_values"] == {"event_id": "E-2", "remark": "a\u200bb", "city": ""}


def test_what_never_left_is_said_to_stay_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing leaves this machine" in words(signed_in(world, "lead"))

    monkeypatch.setenv("TIDEWAITER_SMTP_URL", "smtp://mail.example:25")
    assert "this machine" not in words(signed_in(world, "lead"))

    monkeypatch.setenv("TIDEWAITER_SANDBOX", "mail portal")
    assert "nothing leaves this machine" in words(signed_in(world, "lead"))
    monkeypatch.setenv("TIDEWAITER_SANDBOX", "mail")
    assert "mail messages stay on this machine" in words(signed_in(world, "lead"))
