"""Made files in the published columns, for machines without the published ones. Seeded, small."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.datasets import c2k, scms


def processes(count: int, seed: int = 7) -> pd.DataFrame:
    """C2K processes: two incoming legs and one outgoing; slow destinations are late more often."""
    dice = np.random.default_rng(seed)
    rows = []
    for nr in range(count):
        place = int(dice.integers(100, 112))
        row = dict.fromkeys(c2k.COLUMNS, "?") | {"nr": str(nr)}
        for leg in ("i1", "i2", "o"):
            row[f"{leg}_hops"] = "1"
            for step in ("rcs", "dep_1", "rcf_1", "dlv"):
                planned = int(dice.integers(200, 3000))
                slow = 1.5 if leg == "o" and place > 108 else 0.9
                row[f"{leg}_{step}_p"] = str(planned)
                row[f"{leg}_{step}_e"] = str(max(1, int(planned * slow * dice.lognormal(0, 0.25))))
        rows.append(row | {"o_dep_1_place": str(100 + nr % 3), "o_rcf_1_place": str(place)})
    return pd.DataFrame(rows)


def order_lines(count: int, seed: int = 7) -> pd.DataFrame:
    """SCMS order lines over 14 months; one vendor and one country are late more often."""
    dice = np.random.default_rng(seed)
    start = pd.Timestamp("2010-03-01")
    rows = []
    for number in range(count):
        scheduled = start + pd.Timedelta(days=int(number * 420 / count))
        vendor, country = int(dice.integers(0, 6)), int(dice.integers(0, 8))
        is_late = dice.random() < 0.05 + 0.3 * (vendor == 1) + 0.3 * (country == 2)
        delivered = scheduled + pd.Timedelta(days=int(dice.integers(1, 30)) if is_late else 0)
        row = dict.fromkeys(scms.COLUMNS, "N/A") | {
            "ID": str(number),
            "PO / SO #": f"SO-{number // 2}",
            "Country": f"Country {country}",
            "Vendor": f"Vendor {vendor}",
            "Fulfill Via": "Direct Drop" if vendor else "From RDC",
            "PO Sent to Vendor Date": f"{scheduled - pd.Timedelta(days=90):%m/%d/%y}",
            "Scheduled Delivery Date": f"{scheduled:%d-%b-%y}",
            "Delivered to Client Date": f"{delivered:%d-%b-%y}",
            "Delivery Recorded Date": f"{delivered:%d-%b-%y}",
            "Line Item Quantity": str(int(dice.integers(1, 5000))),
            "Line Item Value": str(int(dice.integers(100, 90000))),
            "First Line Designation": "Yes",
        }
        rows.append(row)
    return pd.DataFrame(rows)


def shipments(count: int, seed: int = 3, tenant_id: str = "demo") -> pd.DataFrame:
    """ftr_shipments rows of finished shipments, plan checkpoint; lateness follows deviation and carrier."""
    from ml import features

    dice = np.random.default_rng(seed)
    cutoff = pd.Timestamp("2026-06-01T00:00Z") + pd.to_timedelta(np.arange(count) * 2.0, unit="h")
    deviation = dice.normal(0, 12, count)
    delay = deviation + dice.normal(0, 8, count)
    frame = pd.DataFrame({name: [None] * count for name in features.REQUIRED})
    return frame.assign(
        tenant_id=tenant_id,
        shipment_id=[f"S{n:04d}" for n in range(count)],
        checkpoint="departed",
        cutoff_at=cutoff,
        promised_at=cutoff + pd.Timedelta(hours=48),
        is_open=False,
        label_is_late=delay > 0,
        label_delay_hours=delay,
        planned_duration_hours=60.0,
        planned_remaining_hours=48.0,
        elapsed_hours=12.0,
        deviation_hours=deviation,
        remaining_slack_hours=-deviation,
        carrier_id=[f"C{n % 4}" for n in range(count)],
        mode="truck",
    )
