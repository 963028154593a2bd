"""What partners told of a shipment, on its case: in their own codes, and only for the tenant's own people."""

from __future__ import annotations

from dashboard import queries
from dashboard.queries import Scope
from tests.dashboard.conftest import signed_in
from tests.dashboard.published import HOSTILE_REMARK
from tests.dashboard.test_pages import case_of, words
from tests.dashboard.world import World


def test_a_case_shows_what_was_told_and_what_cannot_be_true(world: World) -> None:
    app = signed_in(world, "lead", tenant="demo", case=case_of(world, "SHP-1").case_id)
    (table,) = [frame.value for frame in app.dataframe if "Understood" in frame.value]
    (row,) = table.to_dict("records")
    assert (row["Code"], row["Meaning"], row["Why"]) == ("SD", "Delayed", "Weather · uncontrollable")
    assert (row["Understood"], row["Remark"]) == ("yes", HOSTILE_REMARK)
    assert any("2,065 km/h" in warning.value for warning in app.warning)


def test_a_partner_reads_nothing_that_another_said(world: World) -> None:
    app = signed_in(world, "carrier", tenant="demo", case=case_of(world, "SHP-1").case_id)
    assert not [frame for frame in app.dataframe if "Understood" in frame.value]
    assert not app.warning
    assert "evil" not in words(app)


def test_a_shipment_out_of_scope_says_nothing(world: World) -> None:
    publication = queries.current(world.home / "published")
    assert publication is not None
    assert queries.told(publication, Scope("demo"), "SHP-1")[0]
    assert queries.told(publication, Scope("demo", customer_id="SOMEBODY"), "SHP-1") == ([], [])
    assert queries.told(publication, Scope("other"), "SHP-1") == ([], [])
