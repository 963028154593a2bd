"""Track records count what was recorded by the cutoff, no more and no less."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml import history

DAY = pd.Timedelta(days=1)
NOON = pd.Timestamp("2026-06-01T12:00Z")


def outcome(days: float, late: bool, vendor: str = "V", place: str = "P", hours: float = 0.0) -> dict:
    return {"carrier_id": None, "vendor_id": vendor, "origin": "O", "destination": place, "mode": None,
            "fulfill_via": None, "recorded_at": NOON + days * DAY, "is_late": late, "delay_hours": hours}  # fmt: skip


def asked(*days: float, vendor: str | None = "V", place: str | None = "P") -> pd.DataFrame:
    row = {"carrier_id": None, "vendor_id": vendor, "origin": "O", "destination": place, "mode": None,
           "fulfill_via": None}  # fmt: skip
    return pd.DataFrame([{**row, "cutoff_at": NOON + day * DAY} for day in days])


PAST = pd.DataFrame([outcome(0, True, hours=48), outcome(10, False), outcome(20, True, "W", hours=24)])


def test_a_rate_counts_only_what_was_recorded_before_the_cutoff() -> None:
    rows = history.add_track_records(asked(-1, 0, 5, 15), PAST, history.Rule())
    assert rows["carrier_n"].tolist() == [0, 0, 1, 2]
    assert rows["carrier_late_rate"].tolist()[2:] == [1.0, 0.5]
    assert rows["carrier_late_rate"].head(2).isna().all()


@pytest.mark.parametrize(("is_inclusive", "count"), [(True, 1), (False, 0)])
def test_an_outcome_recorded_at_the_very_cutoff_counts_only_where_the_rule_says_so(
    is_inclusive: bool, count: int
) -> None:
    rows = history.add_track_records(asked(0), PAST, history.Rule(is_inclusive=is_inclusive))
    assert rows["carrier_n"].tolist() == [count]


def test_recent_rates_forget_after_ninety_days_and_delays_after_a_year() -> None:
    rows = history.add_track_records(asked(80, 95, 380), PAST, history.Rule())
    assert rows["carrier_recent_n"].tolist() == [2, 1, 0]
    assert rows["carrier_delay_hours"].tolist()[:2] == [24.0, 24.0]
    assert np.isnan(rows["carrier_delay_hours"].iloc[2])


def test_the_lane_is_the_vendor_and_the_country_where_the_rule_says_so() -> None:
    by_vendor = history.Rule(history.LANE_BY_VENDOR)
    rows = history.add_track_records(asked(30, vendor="W"), PAST, by_vendor)
    assert (rows["lane_n"].iloc[0], rows["destination_n"].iloc[0]) == (1, 3)


def test_an_unknown_name_has_no_track_record() -> None:
    rows = history.add_track_records(asked(30, vendor=None), PAST, history.Rule())
    assert rows["carrier_n"].iloc[0] == 0
    assert np.isnan(rows["carrier_late_rate"].iloc[0])


def test_the_order_of_outcomes_does_not_matter() -> None:
    one = history.add_track_records(asked(5, 15, 30), PAST, history.Rule())
    other = history.add_track_records(asked(5, 15, 30), PAST.iloc[::-1], history.Rule())
    pd.testing.assert_frame_equal(one, other)
