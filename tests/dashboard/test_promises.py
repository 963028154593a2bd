"""Whether feeds keep their contracts, on the data health page: the worst first, and nothing of other tenants."""

from __future__ import annotations

from dashboard.app_pages.data_health import spelled
from dashboard.components.text import visible
from tests.dashboard.published import HOSTILE_REMARK
from tests.dashboard.test_unmatched import health
from tests.dashboard.world import World


def test_feeds_that_break_their_contract_stand_first_with_what_they_broke(world: World) -> None:
    app = health(world)
    assert not app.exception
    (table,) = [table.value for table in app.dataframe if "Keeps its contract" in table.value]
    assert list(table["Feed"]) == ["milestone", "document", "order", "shipment"]
    assert list(table["Keeps its contract"]) == [
        "✗ stale",
        "✗ newest file not read",
        "▲ 30.0% in quarantine",
        "✓ yes",
    ]
    assert table["Why the newest was not"][1] == visible(f"Columns are missing: {HOSTILE_REMARK}")
    assert set(table["Every"]) == {"24 hours"}


def test_an_older_publication_without_it_is_no_error(world: World) -> None:
    (world.home / "published" / "pub-1" / "fct_feed_health.parquet").unlink()
    app = health(world)
    assert not app.exception
    assert not [table for table in app.dataframe if "Keeps its contract" in table.value]


def test_a_pace_is_told_in_hours_or_days() -> None:
    assert (spelled(6.0), spelled(24.0), spelled(744.0)) == ("6 hours", "24 hours", "31 days")
