"""References that named no shipment, on the data health page: what is seen, decided and undone there."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from casework.errors import NotPermitted
from dashboard import queries
from dashboard.components.text import literal
from dashboard.components.unmatched import candidates, mark_of
from tests.dashboard.conftest import signed_in
from tests.dashboard.published import HOSTILE_REMARK, publish, strange_names, two_of_one, unmatched
from tests.dashboard.test_pages import keys, who, words
from tests.dashboard.world import World

CONTAINER, PRO, LEFT_OUT, THEIRS = unmatched()
MARK = mark_of(PRO)


def health(world: World, login: str = "lead") -> AppTest:
    """The data health page; pages here are functions, and `AppTest.switch_page` knows files alone."""
    app = signed_in(world, login, tenant="demo")
    known = app._registered_pages.items()
    app._page_hash = next(name for name, page in known if page.get("url_pathname") == "data_health")
    return app.run()


def decisions(world: World) -> tuple[Any, ...]:
    return world.casework.reference_decisions(who(world, "lead"), "demo", include_undone=True)


def decide(
    app: AppTest, choice: str | None, *, number: str = "", reason: str = "They rang.", mark: str = MARK
) -> AppTest:
    if choice is not None:
        app.radio(key=f"unmatched_choice_{mark}").set_value(choice)
    app.text_input(key=f"unmatched_other_{mark}").input(number)
    app.text_input(key=f"unmatched_reason_{mark}").input(reason)
    return app.button(key="unmatched_decide").click().run()


def waiting(app: AppTest) -> list[Any]:
    return [table.value for table in app.dataframe if "May mean" in table.value]


def test_what_waits_is_ranked_by_its_messages_and_shown_as_it_was_written(world: World) -> None:
    app = health(world)
    (table,) = waiting(app)
    assert [tuple(row) for row in table[["Reference", "Carrier", "Messages", "May mean"]].values] == [
        ("PRO# **4711**", "OTHR", 7, "SHP-2 (93%)"),
        ("PRO# **MSCU123456**", "not said", 2, ""),
    ]
    assert "PRO# **4711**" in [text.value for text in app.text]
    assert HOSTILE_REMARK in [code.value for code in app.code]
    assert not any("evil.test)" in text.value for text in app.markdown)
    assert "THEIRS" not in words(app)
    (choice,) = [radio for radio in app.radio if radio.key == f"unmatched_choice_{MARK}"]
    assert choice.value is None
    assert choice.options == [
        literal("SHP-2: 93%. one sign differs, the same carrier"),
        literal("Another shipment, named below"),
        literal("None of ours: leave it out"),
    ]


def test_a_candidate_is_chosen_with_a_reason_and_the_decision_is_listed_and_undone(world: World) -> None:
    app = decide(health(world), "0")
    (made,) = decisions(world)
    assert (made.reference_type, made.reference_key, made.carrier_id) == ("PRO", "4711", "OTHR")
    assert (made.shipment_id, made.reason, made.decided_by) == ("SHP-2", "They rang.", "person:lead")
    assert "Kept" in words(app)
    (table,) = waiting(app)
    assert list(table["Messages"]) == [2]
    (decided,) = [frame.value for frame in app.dataframe if "Means" in frame.value]
    assert tuple(decided[["Reference", "Means", "Why"]].values[0]) == ("PRO 4711", "SHP-2", "They rang.")

    app.text_input(key="decided_why").input("The wrong one.")
    app = app.button(key="decided_undo").click().run()
    assert "Undone" in words(app)
    (made,) = decisions(world)
    assert (made.stands, made.undo_reason) == (False, "The wrong one.")
    assert len(waiting(app)[0]) == 2
    assert "decided_undo" not in keys(app)


def test_another_shipment_is_typed_and_a_number_that_none_has_is_refused(world: World) -> None:
    app = decide(health(world), "another", number="SHP-404")
    assert "No published shipment is called" in words(app)
    assert decisions(world) == ()
    decide(app, "another", number=" SHP-1 ")
    assert [one.shipment_id for one in decisions(world)] == ["SHP-1"]


def test_a_reference_is_left_out(world: World) -> None:
    decide(health(world), "ignore", reason="A test of theirs.")
    (made,) = decisions(world)
    assert (made.decision, made.shipment_id, made.reason) == ("ignore", None, "A test of theirs.")


@pytest.mark.parametrize(
    ("choice", "number", "reason", "told"),
    [
        (None, "", "x", "Choose the shipment"),
        ("0", "SHP-1", "x", "You chose an answer and typed"),
        ("ignore", "SHP-1", "x", "You chose an answer and typed"),
        ("0", "", " ", "Say why"),
    ],
)
def test_what_is_not_clear_decides_nothing(
    world: World, choice: str | None, number: str, reason: str, told: str
) -> None:
    app = decide(health(world), choice, number=number, reason=reason)
    assert told in words(app)
    assert decisions(world) == ()


def test_whoever_may_not_decide_sees_no_controls_and_the_door_refuses(world: World) -> None:
    world.casework.decide_reference(who(world, "lead"), "demo", "PRO", "1", None, None, "x")
    for login in ("approver", "auditor"):
        app = health(world, login)
        assert len(waiting(app)[0]) == 2
        assert "one sign" in words(app)  # what it may mean is there to read
        controls = (
            "unmatched_choice",
            "unmatched_other",
            "unmatched_reason",
            "unmatched_decide",
            "decided_w",
        )
        assert not any(key.startswith((*controls, "decided_undo")) for key in keys(app))
        with pytest.raises(NotPermitted):
            world.casework.decide_reference(who(world, login), "demo", "PRO", "2", None, None, "x")
    for login in ("customer", "carrier"):
        with pytest.raises(NotPermitted):
            world.casework.reference_decisions(who(world, login), "demo")


@pytest.mark.parametrize("login", ["planner", "engineer"])
def test_planners_and_data_engineers_decide_too(world: World, login: str) -> None:
    decide(health(world, login), "0")
    assert [one.decided_by for one in decisions(world)] == [f"person:{login}"]


def test_a_decision_of_somebody_else_meanwhile_stands(world: World) -> None:
    app = health(world)
    world.casework.decide_reference(who(world, "planner"), "demo", "PRO", "4711", "OTHR", "SHP-1", "x")
    app = decide(app, "0")
    assert [one.shipment_id for one in decisions(world)] == ["SHP-1"]
    assert "SHP-2" not in {one.shipment_id for one in decisions(world)}


def test_a_place_and_a_customers_number_are_decided_by_what_they_mean(world: World) -> None:
    publish(world.home, [("SHP-1", "C-1", "OTHR")], publication_id="pub-2", waiting=strange_names)
    place, number = (mark_of(row) for row in strange_names())
    app = health(world)
    (choice,) = [radio for radio in app.radio if radio.key == f"unmatched_choice_{place}"]
    assert choice.label == "Which facility is meant?"
    assert choice.options[:2] == [
        literal("SIN (Port of Singapore): 80%. 3 km away"),
        literal("Another facility, named below"),
    ]
    assert "no facility is called so" in words(app)
    app = decide(app, "another", number="SHP-1", mark=place)
    assert "No published facility is called" in words(app)
    app = decide(app, "0", mark=place)
    assert "no account has that number" in words(app)
    assert "2 shipments and orders" in words(app)
    app = decide(app, "another", number="SIN", mark=number)
    assert "No published customer is called" in words(app)
    app = decide(app, "another", number="C-1", mark=number)
    assert [(one.reference_type, one.facility_id, one.customer_id) for one in decisions(world)] == [
        ("CUSTOMER", None, "C-1"),
        ("PLACE", "SIN", None),
    ]
    (decided,) = [frame.value for frame in app.dataframe if "Means" in frame.value]
    assert list(decided["Means"]) == ["C-1", "SIN"]


def test_an_account_that_may_be_another_is_made_one_with_it_and_two_again(world: World) -> None:
    shipments = [("SHP-1", "C-1", "OTHR"), ("SHP-2", "C-2", "OTHR")]
    publish(world.home, shipments, publication_id="pub-2", waiting=two_of_one)
    (mark,) = (mark_of(row) for row in two_of_one())
    app = health(world)
    (choice,) = [radio for radio in app.radio if radio.key == f"unmatched_choice_{mark}"]
    assert choice.label == "Which customer is it? That one is kept."
    assert choice.options == [
        literal("C-1 (Firm C-1): 80%. the same name"),
        literal("Another customer, named below"),
        literal("No other: it stands for itself"),
    ]
    for said in ("may be one with another of ours", "1 row of the master data", literal("ACCOUNT C-2")):
        assert said in words(app)
    assert "no carrier said" not in words(app)
    app = decide(app, "another", number="C-2", mark=mark)
    assert literal("C-2 is that account itself.") in words(app)
    app = decide(app, "0", mark=mark)
    (made,) = decisions(world)
    assert (made.reference_type, made.reference_key, made.customer_id) == ("ACCOUNT", "C-2", "C-1")
    assert waiting(app) == []
    app.text_input(key="decided_why").input("They are two firms.")
    app.button(key="decided_undo").click().run()
    assert decisions(world)[0].undo_reason == "They are two firms."


def test_without_the_table_the_page_says_that_nothing_waits(world: World) -> None:
    folder = publish(world.home, [("SHP-1", "C", "OTHR")], publication_id="pub-2")
    (folder / "fct_unmatched_references.parquet").unlink()
    app = health(world)
    assert "No reference waits" in words(app)
    assert not app.exception


def test_a_list_of_candidates_that_cannot_be_read_is_an_empty_one() -> None:
    for broken in ("", "no json", "[3]", '[{"score": 1}]', None):
        assert candidates({"candidates": broken}) == []


def test_more_than_a_page_is_asked_for_a_page_at_a_time(world: World) -> None:
    publication = queries.current(world.home / "published")
    assert publication is not None
    first = queries.unmatched(publication, "demo", limit=1)
    second = queries.unmatched(publication, "demo", limit=1, offset=1)
    assert [row["reference_key"] for row in first + second] == ["4711", "MSCU123456"]
    assert queries.unmatched(publication, "nobody", limit=5) == []
