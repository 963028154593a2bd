"""SCMS deliveries: one row per order line, as known at its purchase order.

Known at the order and used: country, fulfilment, Incoterm, shipment mode as ordered, quotation, order and
scheduled dates, product, vendor, manufacturing site, quantity, value, prices, first-line designation,
and the order's other lines in the same file (count and value). Recorded only on or after shipping and
never used: ASN/DN number, delivered and recorded dates, weight, freight and insurance. Project code, PQ
number and row id are names, not facts, and are left out. Track records count outcomes recorded no later
than 30 days before the scheduled delivery; that moment is the row's `cutoff_at`.
Late means delivered after the scheduled day. Days are UTC midnights.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ml import features, history
from ml.datasets import sources
from ml.datasets.sources import Source

TENANT_ID = "health"
CHECKPOINT = "purchase_order"
NOTICE = timedelta(days=30)
RULE = history.Rule(history.LANE_BY_VENDOR, is_inclusive=True)

COLUMNS = (
    "ID", "PO / SO #", "Country", "Fulfill Via", "Vendor INCO Term", "Shipment Mode",
    "PQ First Sent to Client Date", "PO Sent to Vendor Date", "Scheduled Delivery Date",
    "Delivered to Client Date", "Delivery Recorded Date", "Product Group", "Sub Classification", "Vendor",
    "Unit of Measure (Per Pack)", "Line Item Quantity", "Line Item Value", "Pack Price", "Unit Price",
    "Manufacturing Site", "First Line Designation",
)  # fmt: skip
ATTRIBUTES = {
    "Country": "destination", "Fulfill Via": "fulfill_via", "Vendor INCO Term": "inco_term",
    "Shipment Mode": "mode", "Product Group": "product_group", "Sub Classification": "sub_classification",
    "Vendor": "vendor_id", "Manufacturing Site": "origin",
}  # fmt: skip
AMOUNTS = {
    "Line Item Quantity": "quantity", "Line Item Value": "amount", "Pack Price": "pack_price",
    "Unit Price": "unit_price", "Unit of Measure (Per Pack)": "pack_size",
}  # fmt: skip


def read(path: Path) -> Source:
    """Read the published file. Lines without a scheduled day or id, and repeated ids, are counted out."""
    cells, sha256, left_out = sources.read_cells(path, COLUMNS)
    dates = {name: sources.days(cells[name]) for name in COLUMNS if name.endswith("Date")}
    rows = cells.assign(**dates)
    usable = rows["ID"].notna() & rows["Scheduled Delivery Date"].notna()
    unique = rows[usable].drop_duplicates("ID", keep="last")
    left_out |= {
        "without_id_or_schedule": int((~usable).sum()),
        "repeated_ids": int(usable.sum() - len(unique)),
    }
    return Source(path, sha256, unique.reset_index(drop=True), left_out)


def outcomes(source: Source) -> pd.DataFrame:
    """Return one row per recorded outcome with the columns `ml.history` counts by."""
    rows = features_as_ordered(source)
    recorded = source.rows["Delivery Recorded Date"].fillna(source.rows["Delivered to Client Date"])
    known = rows["label_is_late"].notna() & recorded.notna()
    frame = rows.assign(
        recorded_at=recorded, is_late=rows["label_is_late"], delay_hours=rows["label_delay_hours"]
    )
    return frame[known].reset_index(drop=True)


def features_as_ordered(source: Source) -> pd.DataFrame:
    """Return the shared columns that follow from the order itself, labels beside them."""
    rows = source.rows
    frame = pd.DataFrame({"tenant_id": TENANT_ID, "shipment_id": "SCMS-" + rows["ID"].astype(str)})
    frame = frame.assign(checkpoint=CHECKPOINT, promised_at=rows["Scheduled Delivery Date"])
    frame = frame.assign(cutoff_at=frame["promised_at"] - NOTICE, **_label(rows))
    texts = {new: rows[old].map(_named) for old, new in ATTRIBUTES.items()}
    amounts = {new: sources.numbers(rows[old]) for old, new in AMOUNTS.items()}
    frame = frame.assign(**texts, **amounts, **_lead_times(rows), **_order(rows))
    frame = frame.assign(first_line=rows["First Line Designation"].map({"Yes": 1.0, "No": 0.0}).astype(float))
    frame = frame.assign(promised_month=frame["promised_at"].dt.month.astype(float))
    absent = [c for c in features.REQUIRED if c not in frame.columns]
    return frame.assign(**{c: None if c in features.CATEGORIES else np.nan for c in absent})


def features_of(source: Source, past: pd.DataFrame) -> pd.DataFrame:
    """Return the completed feature frame of a file; `past` are the outcomes that may be known."""
    rows = features_as_ordered(source)
    return features.complete(history.add_track_records(rows, past, RULE))


def _label(rows: pd.DataFrame) -> dict[str, pd.Series]:
    delay = (rows["Delivered to Client Date"] - rows["Scheduled Delivery Date"]).dt.total_seconds() / 3600
    late = (delay > 0).astype(object).where(delay.notna(), None)
    return {"label_delay_hours": delay, "label_is_late": late, "is_open": delay.isna()}


def _named(value: object) -> str | None:
    return None if value is None or str(value) == "N/A" else str(value)


def _lead_times(rows: pd.DataFrame) -> dict[str, pd.Series]:
    day = 86_400
    order = (rows["Scheduled Delivery Date"] - rows["PO Sent to Vendor Date"]).dt.total_seconds() / day
    quote = (rows["Scheduled Delivery Date"] - rows["PQ First Sent to Client Date"]).dt.total_seconds() / day
    return {"lead_time_days": order.fillna(quote), "quote_lead_time_days": quote}


def _order(rows: pd.DataFrame) -> dict[str, pd.Series]:
    order = rows["PO / SO #"].fillna("line " + rows["ID"].astype(str))
    values = sources.numbers(rows["Line Item Value"])
    return {
        "order_line_count": order.map(order.value_counts()).astype(float),
        "order_amount": values.groupby(order).transform("sum").round(2),
    }
