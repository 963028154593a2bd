"""What the figures say: parts add up, rows stand in the order of the trip, nothing from outside is markup."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from decimal import Decimal

from casework.config import load_config
from casework.model import CaseDetail
from dashboard.components.lineage import lineage_steps
from dashboard.components.map import Stop, route_map
from dashboard.components.outlook import eta_points
from dashboard.components.timeline import Prediction, trip_sheet
from dashboard.components.trust import reliability_curve
from dashboard.components.waterfall import waterfall
from dashboard.components.wording import breach_text, is_breached, type_label
from tests.dashboard.published import AS_OF, _milestones
from tests.dashboard.test_pages import case_of
from tests.dashboard.world import HOSTILE, World


def test_the_parts_of_the_waterfall_end_where_the_total_does() -> None:
    amounts = {"sla_penalty_amount": Decimal("9000"), "inventory_amount": Decimal("7400.50")}
    bars = waterfall(amounts, Decimal("16400.50"), "USD", is_lost=False).data[0]

    assert list(bars.y) == ["Late penalty", "Stock-out", "Expected loss"]
    assert bars.base[1] == bars.x[0]
    assert bars.base[1] + bars.x[1] == bars.x[2]


def test_red_is_kept_for_money_already_lost() -> None:
    amounts = {"sla_penalty_amount": Decimal(1), "revenue_amount": Decimal(1)}
    at_risk = waterfall(amounts, Decimal(2), "USD", is_lost=False).data[0].marker.color
    lost = waterfall(amounts, Decimal(2), "USD", is_lost=True).data[0].marker.color

    assert at_risk[0] == at_risk[1]
    assert lost[0] != at_risk[0]
    assert lost[1] == at_risk[1]


def test_the_trip_sheet_tells_planned_estimated_and_actual_apart_by_shape() -> None:
    rows = [row | {"facility_name": None} for row in _milestones("S-1")]
    predicted = Prediction(AS_OF + timedelta(days=4), AS_OF + timedelta(days=3), AS_OF + timedelta(days=5))
    figure = trip_sheet(rows, promised_at=AS_OF, as_of=AS_OF, prediction=predicted, zone=UTC)

    shapes = {
        trace.name: trace.marker.symbol for trace in figure.data if trace.name and trace.mode == "markers"
    }
    assert len(set(shapes.values())) == len(shapes) == 4
    assert figure.layout.yaxis.categoryarray[-1].startswith("Gate out")
    assert figure.layout.yaxis.categoryarray[0] == "Predicted arrival"


def test_a_later_report_of_the_same_milestone_replaces_the_earlier_one() -> None:
    rows = [row | {"facility_name": None} for row in _milestones("S-1") if row["classifier"] == "actual"][:1]
    moved = rows[0] | {"occurred_at": rows[0]["occurred_at"] + timedelta(hours=5), "recorded_at": AS_OF}
    figure = trip_sheet([moved, rows[0]], promised_at=None, as_of=AS_OF, zone=UTC)

    marks = next(trace for trace in figure.data if trace.name == "Actual")
    assert list(marks.x) == [moved["occurred_at"]]


def test_names_in_figures_are_never_tags() -> None:
    rows = [row | {"facility_name": HOSTILE} for row in _milestones("S-1")]
    sheet = trip_sheet(rows, promised_at=None, as_of=AS_OF, zone=UTC).to_json()
    route = route_map([Stop(HOSTILE, 1, 1, "reached"), Stop("<a href='x'>y</a>", 2, 2, "planned")]).to_json()

    for figure in (sheet, route):
        said = json.dumps(json.loads(figure), ensure_ascii=False)
        assert "&lt;b" in said
        assert "<b>" not in said
        assert "<a" not in said


def test_a_trip_over_the_pacific_is_not_drawn_around_the_world() -> None:
    figure = route_map([Stop("Shanghai", 31, 121, "reached"), Stop("Los Angeles", 34, -118, "planned")])
    west, east = figure.layout.xaxis.range

    assert east - west < 250
    assert west < 121 < 242 < east


def test_estimates_are_told_apart_by_who_made_them_and_in_order() -> None:
    late = {
        "classifier": "estimated",
        "milestone_code": "ETA",
        "sequence": 9,
        "recorded_at": AS_OF,
        "occurred_at": AS_OF,
    }
    early = late | {"recorded_at": AS_OF - timedelta(days=1)}
    points = eta_points([late, early], [])

    assert [point["known_at"] for point in points["carrier"]] == [early["recorded_at"], AS_OF]
    assert points["model"] == []


def test_the_reliability_curve_shows_what_was_said_against_what_came() -> None:
    curve = reliability_curve([0.1, 0.9], [0.2, 0.8], [90, 10]).data[1]

    assert list(curve.x) == [0.1, 0.9]
    assert list(curve.y) == [0.2, 0.8]
    assert curve.marker.size[0] > curve.marker.size[1]


def test_a_clock_runs_until_its_deadline_and_pauses_while_waiting(world: World) -> None:
    case = case_of(world, "SHP-1")
    due = case.first_response_due_at
    assert due

    assert not is_breached(case, due - timedelta(minutes=1))
    assert is_breached(case, due + timedelta(minutes=1))
    assert breach_text(case, due + timedelta(minutes=90)) == "▲ 1 h 30 m over"


def test_the_lineage_names_every_step_and_says_which_are_still_to_come(world: World) -> None:
    lead = world.casework.sign_in("lead", world.passwords["lead"])[1]
    detail: CaseDetail = world.casework.get(lead, "demo", case_of(world, "SHP-1").case_id)
    steps = {step.name: step for step in lineage_steps(detail, None)}

    assert list(steps) == [
        "File", "Run", "dbt", "Published", "Features", "Model", "Score", "Drafts", "Approval", "Receipt",
    ]  # fmt: skip
    assert "ab" * 32 in steps["File"].lines[0]
    assert steps["Run"].lines == ("Dagster run run-1",)
    assert steps["Approval"].short == "not yet"


def test_every_type_of_the_catalogue_has_its_label() -> None:
    config = load_config()

    assert {type_label(config, name) for name in config.types} == {
        kind.label for kind in config.types.values()
    }
