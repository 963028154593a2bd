"""The one column set every tenant's model learns from, and how a row becomes the model's input.

A row is a shipment at a checkpoint, as known at `cutoff_at`. Hours are hours, instants are aware UTC,
unknown is NULL. `REQUIRED` columns come from the warehouse's ftr_shipments or from `ml.datasets`;
`OPTIONAL` ones are used where a source has them and are NULL elsewhere. Track records live in
`ml.history`, what a fitted pipeline does with the columns in `ml.encoders`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from ml.errors import FeaturesRefused

IDENTITY = ("tenant_id", "shipment_id", "checkpoint", "cutoff_at")
OUTCOME = ("is_open", "label_is_late", "label_delay_hours", "promised_at")

NUMBERS = (
    "planned_duration_hours", "planned_remaining_hours", "elapsed_hours", "deviation_hours",
    "max_incoming_deviation_hours", "remaining_slack_hours", "leg_count", "hop_count", "first_line",
    "quantity", "amount", "weight_kg", "lead_time_days", "promised_month", "open_weather_severity",
    "customs_hold_open",
)  # fmt: skip
CATEGORIES = (
    "mode", "carrier_id", "vendor_id", "origin", "destination", "product_group", "sub_classification",
    "fulfill_via", "inco_term",
)  # fmt: skip
TRACK_RECORDS = ("carrier", "lane", "destination")
RATES = tuple(f"{subject}_{part}" for subject in TRACK_RECORDS for part in ("late_rate", "n"))

OPTIONAL_NUMBERS = (
    "overdue_hours", "planned_outgoing_hours", "incoming_check_in_hours", "incoming_delivery_hours",
    "outgoing_check_in_hours", "outgoing_delivery_hours", "quote_lead_time_days", "order_line_count",
    "order_amount", "pack_price", "unit_price", "pack_size",
)  # fmt: skip
OPTIONAL_TRACKS = (
    "origin_late_rate", "origin_n", "network_late_rate", "network_recent_late_rate",
    "service_recent_late_rate", "service_recent_n", "carrier_recent_late_rate", "carrier_recent_n",
    "lane_recent_late_rate", "lane_recent_n", "destination_recent_late_rate", "destination_recent_n",
    "network_delay_hours", "carrier_delay_hours", "lane_delay_hours", "destination_delay_hours",
)  # fmt: skip
REQUIRED = IDENTITY + OUTCOME + NUMBERS + CATEGORIES + RATES
OPTIONAL = OPTIONAL_NUMBERS + OPTIONAL_TRACKS
FEATURES = NUMBERS + CATEGORIES + RATES + OPTIONAL

DERIVED = ("promised_weekday",)
"""Numbers that follow from a feature column alone and need none of their own."""

MODEL_CATEGORIES = ("checkpoint", "mode", "destination", "sub_classification", "fulfill_via", "inco_term")
"""Categories the trees see by name: few levels. Carriers, vendors and origins speak through their track
records, which carry over to names never seen in training (validated on later rows of both data sets)."""

SEVERITIES = {"minor": 1.0, "moderate": 2.0, "severe": 3.0}


def require(frame: pd.DataFrame) -> None:
    """Refuse a frame without the shared columns, naming them."""
    missing = [column for column in REQUIRED if column not in frame.columns]
    if missing:
        raise FeaturesRefused(missing)


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every column in one type: aware UTC instants, floats, text or None."""
    require(frame)
    rows = frame.reset_index(drop=True)
    readers: dict[str, Callable[[pd.Series], pd.Series]] = {
        **dict.fromkeys(("cutoff_at", "promised_at"), as_instant),
        **dict.fromkeys((*NUMBERS, *RATES, *OPTIONAL, "label_delay_hours"), as_number),
        **dict.fromkeys(("tenant_id", "shipment_id", "checkpoint", *CATEGORIES), as_text),
    }
    unknown = pd.Series(np.nan, index=rows.index)
    told = {name: rows[name] if name in rows.columns else unknown for name in (*REQUIRED, *OPTIONAL)}
    read = {name: readers[name](values) if name in readers else values for name, values in told.items()}
    return pd.DataFrame(read, index=rows.index)


def as_instant(values: pd.Series) -> pd.Series:
    """Return aware UTC instants."""
    return pd.to_datetime(values, utc=True)


def as_number(values: pd.Series) -> pd.Series:
    """Return floats; words for severity become 1-3, yes/no 1/0, infinities and unknowns NaN."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        numbers = pd.to_numeric(values).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    else:
        known = values.astype(object).where(values.notna(), None).map(_spoken)
        numbers = pd.to_numeric(known, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(numbers), numbers, np.nan), index=values.index)


def _spoken(value: object) -> object:
    if isinstance(value, str):
        return SEVERITIES.get(value.strip().lower(), value)
    return float(value) if isinstance(value, (bool, np.bool_)) else value


def as_text(values: pd.Series) -> pd.Series:
    """Return trimmed text or None; blanks are unknown."""
    known = values.notna()
    texts = [str(v).strip() if k else None for v, k in zip(values, known, strict=True)]
    return pd.Series([text or None for text in texts], index=values.index, dtype=object)


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose outcome is known, in one order whatever order they came in."""
    rows = complete(frame)
    rows = rows[rows["label_is_late"].notna() & rows["promised_at"].notna() & rows["cutoff_at"].notna()]
    rows = rows.assign(label_is_late=rows["label_is_late"].astype(bool))
    return rows.sort_values(["cutoff_at", "shipment_id", "checkpoint"], kind="stable", ignore_index=True)


def design(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the model's input columns of a completed frame; nothing else of the row is looked at."""
    numbers = [*NUMBERS, *OPTIONAL_NUMBERS, *RATES, *OPTIONAL_TRACKS]
    weekday = frame["promised_at"].dt.day_of_week.astype(float)
    return frame[numbers].assign(promised_weekday=weekday, **{c: frame[c] for c in MODEL_CATEGORIES})


def row_hashes(frame: pd.DataFrame) -> list[str]:
    """Return the SHA-256 of each completed row's identity and features in canonical JSON."""
    columns = [*IDENTITY, "promised_at", *FEATURES]
    spoken = frame[columns].assign(**{c: _instants(frame[c]) for c in ("cutoff_at", "promised_at")})
    return [_digest(row.items()) for row in records(spoken)]


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows as plain values, None where unknown."""
    values = frame.to_numpy(dtype=object)
    values[frame.isna().to_numpy()] = None
    return [dict(zip(frame.columns, row, strict=True)) for row in values.tolist()]


def _instants(values: pd.Series) -> pd.Series:
    return values.dt.strftime("%Y-%m-%dT%H:%M:%SZ").astype(object)


def _digest(items: Iterable[tuple[object, object]]) -> str:
    known = {str(k): round(v, 6) if isinstance(v, float) else v for k, v in items}
    text = json.dumps(known, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def data_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a labelled frame: the same rows and outcomes give the same hash."""
    outcomes = frame["label_is_late"].astype(str) + frame["label_delay_hours"].round(6).astype(str)
    digest = hashlib.sha256()
    for row, outcome in zip(row_hashes(frame), outcomes, strict=True):
        digest.update(f"{row}:{outcome}\n".encode())
    return digest.hexdigest()
