"""Small files of our own making, for what the public data sets do not show and for machines without them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.contract import Contract, Split, load_contract, split
from data.feeds.c2k import COLUMNS as C2K_COLUMNS
from data.formats import read_in_blocks

NOW = datetime(2026, 9, 1, 6, tzinfo=UTC)
SHA = "a" * 64
PROJECT = Path(__file__).resolve().parent.parent.parent
CORPORA = Path(os.environ.get("TIDEWAITER_CORPORA", PROJECT.parent / "shared" / "corpora"))

PARCEL: dict[str, Any] = {
    "feed": "parcel",
    "source": "network",
    "producer": "A carrier of ours",
    "format": "csv",
    "description": "One row per parcel as last weighed.",
    "key": ["parcel_no"],
    "recorded_at": "weighed_at",
    "cadence": "P1D",
    "lateness": "P2D",
    "columns": {
        "parcel_no": {
            "source_name": "Parcel No",
            "type": "string",
            "required": True,
            "pattern": r"P-\d{1,6}",
        },
        "weight_kg": {
            "source_name": "Weight",
            "type": "decimal",
            "minimum": 0,
            "maximum": 1000,
            "unit": "kg",
        },
        "pieces": {"source_name": "Pieces", "type": "integer", "required": True, "minimum": 1},
        "mode": {"source_name": "Mode", "type": "string", "enum": ["air", "truck"], "null_values": ["N/A"]},
        "is_fragile": {"source_name": "Fragile", "type": "boolean"},
        "due_on": {"source_name": "Due", "type": "date", "formats": ["%d-%b-%y", "%m/%d/%y"]},
        "weighed_at": {"source_name": "Weighed", "type": "timestamp", "required": True},
        "remark": {"source_name": "Remark", "type": "string", "max_length": 60},
    },
}
GOOD = {
    "Parcel No": "P-1",
    "Weight": "12.5",
    "Pieces": "3",
    "Mode": "air",
    "Fragile": "yes",
    "Due": "3-Sep-26",
    "Weighed": "2026-08-31T10:00:00+02:00",
    "Remark": "handle, with care",
}


def parcel(**changes: Any) -> Contract:
    """The parcel contract with some promises changed."""
    return Contract.model_validate({**PARCEL, **changes})


def csv_text(rows: Iterable[dict[str, str]], end: str = "\n", columns: Iterable[str] = GOOD) -> bytes:
    """A CSV file of these rows."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().replace("\r\n", end).encode()


def judge(contract: Contract, content: bytes | Path, stamp: datetime | None = None) -> Split:
    """The file read and split at feed time NOW."""
    return split(contract, read_in_blocks(contract, content), "demo", SHA, NOW, stamp)


def judge_cell(**cells: str) -> Split:
    """One parcel, good but for these cells."""
    names = {name.replace(" ", "_").lower(): name for name in GOOD}
    return judge(parcel(), csv_text([GOOD | {names[key]: value for key, value in cells.items()}]))


def scms_line(**cells: str) -> dict[str, str]:
    """One line item under the source's own headings."""
    contract = load_contract("scms", "line_item")
    plain = {
        "id": "1",
        "project_code": "100-CI-T01",
        "pq_number": "FPQ-1",
        "po_so_number": "SCMS-4",
        "asn_dn_number": "ASN-8",
        "country": "Côte d'Ivoire",
        "fulfill_via": "Direct Drop",
        "shipment_mode": "Air",
        "pq_first_sent_to_client_date": "11/6/09",
        "po_sent_to_vendor_date": "12/1/09",
        "scheduled_delivery_date": "2-Jun-10",
        "delivered_to_client_date": "4-Jun-10",
        "delivery_recorded_date": "5-Jun-10",
        "product_group": "HRDT",
        "vendor": "A vendor, Ltd",
        "item_description": "HIV test, 30 tests",
        "line_item_quantity": "19",
        "line_item_value": "551",
        "weight_kilograms": "13",
        "freight_cost_usd": "Freight Included in Commodity Cost",
        "first_line_designation": "Yes",
    } | cells
    return {column.source_name: plain.get(name, "") for name, column in contract.columns.items()}


def scms_file(path: Path, lines: list[dict[str, str]], *, like_the_original: bool = False) -> Path:
    """A data set file of these lines; the original edition has a BOM and lone CRs."""
    content = csv_text(lines, "\r" if like_the_original else "\n", scms_line())
    path.write_bytes((b"\xef\xbb\xbf" if like_the_original else b"") + content)
    return path


def c2k_process(nr: int, **cells: int | str) -> dict[str, str]:
    """A process with one incoming and one outgoing leg of one flight each; every other cell is `?`."""
    row: dict[str, int | str] = dict.fromkeys(C2K_COLUMNS, "?")
    row |= {"nr": nr, "legs": 1}
    for leg, origin, destination in (("i1", 700, 256), ("o", 256, 411)):
        row |= {f"{leg}_legid": nr * 10 + (1 if leg == "i1" else 4), f"{leg}_hops": 1}
        row |= {f"{leg}_dep_1_place": origin, f"{leg}_rcf_1_place": destination}
        for step, planned in (("rcs", 60), ("dep_1", 120), ("rcf_1", 240), ("dlv", 180)):
            row |= {f"{leg}_{step}_p": planned, f"{leg}_{step}_e": planned}
    return {name: str(value) for name, value in (row | cells).items()}


def c2k_file(path: Path, processes: list[dict[str, str]]) -> Path:
    """A data set file of these processes."""
    path.write_bytes(csv_text(processes, "\n", C2K_COLUMNS))
    return path
