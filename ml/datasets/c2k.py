"""Cargo 2000 processes: one row per process and checkpoint, as known at that checkpoint.

Up to three incoming legs run in parallel from the process' start to a hub; the outgoing leg starts when
the last of them has delivered. A leg's milestone time is the sum of its durations so far; an absent step
takes no time. Process time = max(incoming) + outgoing; late = effective > planned.

Checkpoints and what is known at each:
- plan: at booking, 24 h before the start: the plan.
- incoming_first_delivered: when the earliest incoming leg delivers; of the other legs only milestones
  reached by then, and how long the next one has been overdue (censored elapsed time).
- incoming_all_delivered: when the last incoming leg delivers.
- outgoing_last_rcf: the outgoing freight has been received at its last airport; delivery is open.

The source has no calendar: process `nr` starts `nr` hours after 2013-01-07T00:00Z, our assumption, used to
order processes and to know which outcomes preceded which. Hours throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml import features, history
from ml.datasets import sources
from ml.datasets.sources import Source

TENANT_ID = "airfreight"
EPOCH = pd.Timestamp("2013-01-07T00:00Z")
BOOKED_BEFORE_HOURS = 24.0
CHECKPOINTS = ("plan", "incoming_first_delivered", "incoming_all_delivered", "outgoing_last_rcf")
LEGS = ("i1", "i2", "i3", "o")
STEPS = ("rcs", "dep_1", "rcf_1", "dep_2", "rcf_2", "dep_3", "rcf_3", "dlv")
RULE = history.Rule(history.LANE_BY_PLACES, is_inclusive=False)
RCS, DLV = 0, len(STEPS) - 1

PLACES = ("o_dep_1_place", "o_rcf_1_place", "o_rcf_2_place", "o_rcf_3_place")
HOPS = tuple(f"{leg}_hops" for leg in LEGS)
COLUMNS = (
    "nr", *(f"{leg}_{step}_{kind}" for leg in LEGS for step in STEPS for kind in "pe"), *PLACES, *HOPS,
)  # fmt: skip


def read(path: Path) -> Source:
    """Read the published file. Processes without a number or a planned way, and repeats, are counted out."""
    cells, sha256, left_out = sources.read_cells(path, COLUMNS)
    rows = cells.apply(sources.numbers)
    planned = rows["o_dlv_p"].notna() & rows[[f"{leg}_dlv_p" for leg in LEGS[:3]]].notna().any(axis=1)
    usable = rows["nr"].notna() & planned
    unique = rows[usable].drop_duplicates("nr", keep="last").sort_values("nr", kind="stable")
    left_out |= {"without_plan": int((~usable).sum()), "repeated_numbers": int(usable.sum() - len(unique))}
    return Source(path, sha256, unique.reset_index(drop=True), left_out)


@dataclass(frozen=True)
class Times:
    """Hours since process start (outgoing: since that leg's start), arrays of process x leg x step."""

    planned: np.ndarray
    actual: np.ndarray
    planned_steps: np.ndarray

    @property
    def has_leg(self) -> np.ndarray:
        """Which incoming legs exist."""
        return ~np.isnan(self.planned[:, :3, DLV])

    @property
    def planned_incoming(self) -> np.ndarray:
        """When the last incoming leg should deliver."""
        return np.nanmax(self.planned[:, :3, DLV], axis=1)

    @property
    def planned_total(self) -> np.ndarray:
        """Planned process time."""
        return self.planned_incoming + self.planned[:, 3, DLV]

    @property
    def incoming(self) -> np.ndarray:
        """Actual ends of incoming legs; NaN for legs that do not exist or are not known to have ended."""
        return np.where(self.has_leg, self.actual[:, :3, DLV], np.nan)

    @property
    def hub_start(self) -> np.ndarray:
        """When the outgoing leg started: the last incoming end, NaN unless all are known."""
        open_legs = self.has_leg & np.isnan(self.incoming)
        latest = np.where(self.has_leg, self.incoming, -np.inf).max(axis=1)
        return np.where(open_legs.any(axis=1), np.nan, latest)

    @property
    def total(self) -> np.ndarray:
        """Actual process time, NaN while unknown."""
        return self.hub_start + self.actual[:, 3, DLV]


def times(rows: pd.DataFrame) -> Times:
    """Add up durations (minutes in the source) to milestone times in hours."""
    planned = _steps(rows, "p")
    actual = np.where(np.isnan(planned), np.nan, _steps(rows, "e"))
    # a planned step without an actual duration leaves every later milestone of the leg unknown
    gap = np.cumsum(~np.isnan(planned) & np.isnan(actual), axis=2) > 0
    reached = np.where(gap, np.nan, _running(actual))
    return Times(_running(planned), reached, planned)


def _steps(rows: pd.DataFrame, kind: str) -> np.ndarray:
    columns = [f"{leg}_{step}_{kind}" for leg in LEGS for step in STEPS]
    return rows[columns].to_numpy(dtype=float).reshape(len(rows), len(LEGS), len(STEPS)) / 60


def _running(steps: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(steps), np.nan, np.nancumsum(steps, axis=2))


def outcomes(source: Source) -> pd.DataFrame:
    """Return one row per finished process with the columns `ml.history` counts by."""
    at, start = times(source.rows), _start(source.rows)
    delay = at.total - at.planned_total
    frame = _attributes(source.rows).assign(
        recorded_at=_later(start, at.total), is_late=delay > 0, delay_hours=delay
    )
    return frame[~np.isnan(delay)].reset_index(drop=True)


def features_of(source: Source, past: pd.DataFrame) -> pd.DataFrame:
    """Return the completed frame, a row per process and reached checkpoint; `past` as in scms."""
    at = times(source.rows)
    frames = [_at_checkpoint(source.rows, at, checkpoint) for checkpoint in CHECKPOINTS]
    rows = pd.concat(frames, ignore_index=True)
    return features.complete(history.add_track_records(rows, past, RULE))


def _at_checkpoint(rows: pd.DataFrame, at: Times, checkpoint: str) -> pd.DataFrame:
    moment = _moment(at, checkpoint)
    start = _start(rows)
    label = at.total - at.planned_total
    frame = _attributes(rows).assign(checkpoint=checkpoint, **_plan(rows, at))
    frame = frame.assign(
        cutoff_at=_later(start, moment),
        promised_at=_later(start, at.planned_total),
        label_delay_hours=label,
        label_is_late=pd.Series(label > 0, dtype=object).where(~np.isnan(label), None),
        is_open=np.isnan(label),
        **_progress(at, moment, checkpoint),
    )
    frame = frame.assign(promised_month=frame["promised_at"].dt.month.astype(float))
    absent = [c for c in features.REQUIRED if c not in frame.columns]
    frame = frame.assign(**{c: None if c in features.CATEGORIES else np.nan for c in absent})
    return frame[~np.isnan(moment)]


def _moment(at: Times, checkpoint: str) -> np.ndarray:
    """Return the hours since start at which the checkpoint was reached; NaN if it was not."""
    if checkpoint == "plan":
        return np.full(len(at.planned), -BOOKED_BEFORE_HOURS)
    if checkpoint == "incoming_first_delivered":
        first = np.where(np.isnan(at.incoming), np.inf, at.incoming).min(axis=1)
        return np.where(np.isfinite(first), first, np.nan)
    if checkpoint == "incoming_all_delivered":
        return at.hub_start
    last = _last(~np.isnan(at.planned[:, 3:, :DLV]))[:, 0]  # the last planned milestone before delivery
    received = np.take_along_axis(at.actual[:, 3, :DLV], np.maximum(last, 0)[:, None], axis=1)[:, 0]
    return at.hub_start + received


def _last(reached: np.ndarray) -> np.ndarray:
    """Return the index of the last true step per process and leg, -1 if none."""
    return np.where(reached, np.arange(reached.shape[2]), -1).max(axis=2)


def _progress(at: Times, moment: np.ndarray, checkpoint: str) -> dict[str, np.ndarray]:
    """Return the schedule deviations and what the plan says remains, from milestones reached by `moment`."""
    known = _known(at, moment, checkpoint)
    last = _last(known)
    done_at, planned_at = _pick(at.actual, last), _pick(at.planned, last)
    deviation = np.where(last >= 0, done_at - planned_at, np.nan)
    projected = _projected_incoming(at, moment, last, done_at, planned_at)
    if checkpoint == "outgoing_last_rcf":
        arrival = moment + at.planned[:, 3, DLV] - planned_at[:, 3]
        latest = at.hub_start + done_at[:, 3] - (at.planned_incoming + planned_at[:, 3])
    else:
        arrival = projected + at.planned[:, 3, DLV]
        latest = _latest_deviation(done_at, deviation)
    return {
        "elapsed_hours": np.where(checkpoint == "plan", np.nan, moment),
        "deviation_hours": latest,
        "max_incoming_deviation_hours": _row_max(np.where(at.has_leg, deviation[:, :3], np.nan)),
        "planned_remaining_hours": arrival - moment,
        "remaining_slack_hours": at.planned_total - arrival,
        "overdue_hours": _overdue(at, moment, last, checkpoint),
    }


def _known(at: Times, moment: np.ndarray, checkpoint: str) -> np.ndarray:
    known = ~np.isnan(at.actual) & (at.actual <= moment[:, None, None] + 1e-9)
    known &= checkpoint != "plan"
    known[:, 3] = False
    if checkpoint == "outgoing_last_rcf":
        since_hub = (moment - at.hub_start)[:, None]
        known[:, 3, :DLV] = at.actual[:, 3, :DLV] <= since_hub + 1e-9
    return known


def _pick(values: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the value at each leg's step; 0 where no step has been reached (the leg's start)."""
    found = np.take_along_axis(values, np.maximum(step, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(step >= 0, found, 0.0)


def _projected_incoming(
    at: Times, moment: np.ndarray, last: np.ndarray, done_at: np.ndarray, planned_at: np.ndarray
) -> np.ndarray:
    """Return when the last incoming leg should deliver if what remains takes as long as planned."""
    rest = at.planned[:, :3, DLV] - planned_at[:, :3]
    open_until = np.maximum(done_at[:, :3] + rest, moment[:, None])
    ends = np.where(last[:, :3] == DLV, done_at[:, :3], open_until)
    return _row_max(np.where(at.has_leg, ends, np.nan))


def _latest_deviation(done_at: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the deviation at the incoming milestone reached last."""
    reached = np.where(np.isnan(deviation[:, :3]), -np.inf, done_at[:, :3])
    return np.take_along_axis(deviation[:, :3], reached.argmax(axis=1)[:, None], axis=1)[:, 0]


def _overdue(at: Times, moment: np.ndarray, last: np.ndarray, checkpoint: str) -> np.ndarray:
    """Return how long the next milestone of the slowest open incoming leg has been due; negative: not yet."""
    if checkpoint != "incoming_first_delivered":
        return np.full(len(moment), np.nan)
    due = at.planned[:, :3].copy()
    due[np.arange(len(STEPS))[None, None, :] <= last[:, :3, None]] = np.nan
    still_open = at.has_leg & (last[:, :3] < DLV)
    next_due = np.where(np.isnan(due), np.inf, due).min(axis=2)
    return _row_max(np.where(still_open, moment[:, None] - next_due, np.nan))


def _row_max(values: np.ndarray) -> np.ndarray:
    highest = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    return np.where(np.isfinite(highest), highest, np.nan)


def _plan(rows: pd.DataFrame, at: Times) -> dict[str, np.ndarray]:
    """Return what the plan alone says; the critical incoming leg is the one planned to deliver last."""
    ends = np.where(at.has_leg, at.planned[:, :3, DLV], -np.inf)
    critical = at.planned_steps[np.arange(len(rows)), ends.argmax(axis=1)]
    return {
        "planned_duration_hours": at.planned_total,
        "planned_outgoing_hours": at.planned[:, 3, DLV],
        "incoming_check_in_hours": critical[:, RCS],
        "incoming_delivery_hours": critical[:, DLV],
        "outgoing_check_in_hours": at.planned_steps[:, 3, RCS],
        "outgoing_delivery_hours": at.planned_steps[:, 3, DLV],
        "leg_count": at.has_leg.sum(axis=1) + 1.0,
        "hop_count": rows[list(HOPS)].sum(axis=1, min_count=1).to_numpy(dtype=float),
    }


def _attributes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return who and where: the lane is hub to final airport, the part every process has once."""
    final = rows["o_rcf_3_place"].fillna(rows["o_rcf_2_place"]).fillna(rows["o_rcf_1_place"])
    return pd.DataFrame(
        {
            "tenant_id": TENANT_ID,
            "shipment_id": [f"C2K-{int(nr):06d}" for nr in rows["nr"]],
            "mode": "air",
            "origin": rows["o_dep_1_place"].map(_place),
            "destination": final.map(_place),
            "carrier_id": None,
            "vendor_id": None,
            "fulfill_via": None,
        }
    )


def _place(value: float) -> str | None:
    return None if np.isnan(value) else str(int(value))


def _start(rows: pd.DataFrame) -> pd.Series:
    return EPOCH + pd.to_timedelta(rows["nr"], unit="h")


def _later(start: pd.Series, hours: np.ndarray) -> pd.Series:
    return (start + pd.to_timedelta(pd.Series(hours, index=start.index), unit="h")).dt.round("s")
