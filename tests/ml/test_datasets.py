"""The published files as they come: marks, line ends, dates, statuses, gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.datasets import c2k, scms, sources
from ml.errors import SourceRefused
from tests.ml import made
from tests.ml.conftest import write


@pytest.mark.parametrize("line_end", ["\r", "\r\n", "\n"])
def test_a_byte_order_mark_and_any_line_end_read_the_same(tmp_path: Path, line_end: str) -> None:
    text = made.order_lines(20).to_csv(index=False, lineterminator=line_end)
    path = tmp_path / "lines.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(scms.read(path).rows) == 20


def test_both_date_forms_mean_the_same_day_and_a_status_is_no_day() -> None:
    cells = pd.Series(
        ["2-Jun-06", "06/02/06", "6/2/06", "Pre-PQ Process", "N/A - From RDC", None], dtype=object
    )
    found = sources.days(cells)
    assert found.notna().tolist() == [True, True, True, False, False, False]
    assert set(found.dropna()) == {pd.Timestamp("2006-06-02", tz="UTC")}


@pytest.mark.parametrize(("room", "frame"), [(scms, made.order_lines(5)), (c2k, made.processes(5))])
def test_a_missing_column_is_named(tmp_path: Path, room, frame: pd.DataFrame) -> None:
    gone = room.COLUMNS[1]
    with pytest.raises(SourceRefused, match="missing") as refused:
        room.read(write(frame.drop(columns=gone), tmp_path / "short.csv"))
    assert gone in str(refused.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="cannot be read"):
        scms.read(tmp_path / "nowhere.csv")


def test_broken_lines_and_repeated_ids_are_counted_not_guessed(tmp_path: Path) -> None:
    frame = made.order_lines(10)
    text = pd.concat([frame, frame.tail(2)]).to_csv(index=False) + "only,three,cells\n"
    path = tmp_path / "broken.csv"
    path.write_text(text)
    source = scms.read(path)
    assert (len(source.rows), source.left_out["broken_lines"], source.left_out["repeated_ids"]) == (10, 1, 2)


def test_late_means_delivered_after_the_scheduled_day(tmp_path: Path) -> None:
    frame = made.order_lines(3).assign(
        **{
            "Scheduled Delivery Date": "10-May-10",
            "Delivered to Client Date": ["10-May-10", "11-May-10", ""],
            "Delivery Recorded Date": ["10-May-10", "12-May-10", ""],
        }
    )
    rows = scms.features_as_ordered(scms.read(write(frame, tmp_path / "three.csv")))
    assert rows["label_is_late"].tolist() == [False, True, None]
    assert rows["is_open"].tolist() == [False, False, True]


def two_leg_process() -> pd.DataFrame:
    """First incoming leg: planned 10 h, took 8 h. Second: planned 20 h, took 30 h. Outgoing: planned 10 h, took 5 h."""
    row = dict.fromkeys(c2k.COLUMNS, "?") | {"nr": "48", "o_dep_1_place": "256", "o_rcf_1_place": "411"}
    hours = {
        "i1": ((1, 2, 3, 4), (1, 1, 2, 4)),
        "i2": ((2, 4, 6, 8), (2, 5, 9, 14)),
        "o": ((1, 2, 3, 4), (1, 1, 2, 1)),
    }
    for leg, (planned, actual) in hours.items():
        row[f"{leg}_hops"] = "1"
        for step, p, a in zip(("rcs", "dep_1", "rcf_1", "dlv"), planned, actual, strict=True):
            row |= {f"{leg}_{step}_p": str(p * 60), f"{leg}_{step}_e": str(a * 60)}
    return pd.DataFrame([row])


def test_a_process_is_seen_at_four_checkpoints_with_what_was_known_then(tmp_path: Path) -> None:
    source = c2k.read(write(two_leg_process(), tmp_path / "one.csv"))
    rows = c2k.features_of(source, c2k.outcomes(source)).set_index("checkpoint")

    assert rows["planned_duration_hours"].unique().tolist() == [30.0]
    assert rows["label_delay_hours"].unique().tolist() == [5.0]
    assert rows["elapsed_hours"].to_list()[1:] == [8.0, 30.0, 34.0]
    first = rows.loc["incoming_first_delivered"]
    # by hour 8 the second leg has departed (planned 6, actual 7); its arrival was planned for hour 12
    assert first["deviation_hours"] == -2.0
    assert first["max_incoming_deviation_hours"] == 1.0
    assert first["overdue_hours"] == 8.0 - 12.0
    assert first["remaining_slack_hours"] == 30.0 - (7.0 + 14.0 + 10.0)
    assert rows.loc["incoming_all_delivered", "deviation_hours"] == 10.0
    assert rows.loc["outgoing_last_rcf", "deviation_hours"] == 34.0 - 26.0
    assert rows.loc["outgoing_last_rcf", "planned_remaining_hours"] == 4.0
    assert np.isnan(rows.loc["plan", "elapsed_hours"])
    assert rows.loc["plan", "cutoff_at"] == pd.Timestamp("2013-01-08T00:00Z")
    assert rows["destination"].unique().tolist() == ["411"]


def test_a_planned_step_without_an_actual_one_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    frame = two_leg_process().assign(o_dep_1_e="?")
    rows = c2k.features_of(
        c2k.read(write(frame, tmp_path / "gap.csv")), c2k.outcomes(c2k.read(tmp_path / "gap.csv"))
    )
    assert rows["label_is_late"].isna().all()
    assert "outgoing_last_rcf" not in set(rows["checkpoint"])


def test_every_published_process_time_follows_from_its_legs(c2k_files: tuple[Path, Path]) -> None:
    rows = pd.read_csv(c2k_files[0], na_values="?")
    ends = {leg: rows[[f"{leg}_{s}_e" for s in c2k.STEPS]].sum(axis=1, min_count=1) for leg in c2k.LEGS}
    expected = pd.concat([ends[leg] for leg in c2k.LEGS[:3]], axis=1).max(axis=1) + ends["o"]
    assert np.allclose(c2k.times(c2k.read(c2k_files[0]).rows).total * 60, expected)
