"""The same delivery told in every format: read, judged by its contract, linked, placed and understood alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
import small_world
from conftest import Built, Dbt
from raw_tables import create_raw

from data.contract import load_contract, split
from data.formats import read

DELIVERED = datetime(2026, 8, 31, 12, tzinfo=UTC)

X12 = "~".join([
    "ISA*00*          *00*          *02*AAAA           *ZZ*TIDEWAITER     *260831*1300*U*00401*000000001*0*P*>",
    "GS*QM*AAAA*TIDEWAITER*20260831*1300*1*X*004010", "ST*214*0001", "B10*0000000001*SH-100001*AAAA", "LX*1",
    "AT7*D1*NS***20260831*1200*UT", "MS1*RENO*NV*US", "SE*6*0001", "GE*1*1", "IEA*1*000000001", "",
])  # fmt: skip

EDIFACT = "'".join([
    "UNA:+.? ", "UNB+UNOC:3+AAAA+TIDEWAITER+260831:1300+1", "UNH+1+IFTSTA:D:95B:UN", "BGM+23+1+9",
    "DTM+137:202608311300UTC:303", "NAD+CA+AAAA:172:182", "CNI+1+SH-100002", "STS+1+21",
    "DTM+334:202608311200UTC:303", "LOC+7+USRNO:139:6", "UNT+9+1", "UNZ+1+1", "",
])  # fmt: skip

DCSA = json.dumps([{
    "eventID": "3cecb101-7a1a-43a4-9d62-e88a131651e2", "eventType": "TRANSPORT", "transportEventTypeCode": "ARRI",
    "eventClassifierCode": "ACT", "eventDateTime": "2026-08-31T14:00:00+02:00",
    "eventCreatedDateTime": "2026-08-31T13:00:00Z",
    "references": [{"referenceType": "SI", "referenceValue": "SH-100003"}],
    "transportCall": {"transportCallID": "1", "UNLocationCode": "USRNO", "modeOfTransport": "TRUCK"},
}])  # fmt: skip

SHIP24 = json.dumps({"trackings": [{
    "metadata": {"generatedAt": "2026-08-31T13:00:00.000Z"},
    "tracker": {"trackerId": "t", "trackingNumber": "0000000004", "shipmentReference": "SH-100004"},
    "events": [{
        "eventId": "e1", "trackingNumber": "0000000004", "status": "Delivered", "statusMilestone": "delivered",
        "occurrenceDatetime": "2026-08-31T12:00:00Z", "location": "Reno", "courierCode": "aaaa",
    }],
}]})  # fmt: skip

SHIPPED = "~".join([
    "ISA*00*          *00*          *02*WAREHOUSE      *ZZ*TIDEWAITER     *260831*1300*U*00401*000000002*0*P*>",
    "GS*SW*WAREHOUSE*TIDEWAITER*20260831*1300*2*X*004010", "ST*945*0001", "W06*F*{order}*20260820*SHIP9",
    "LX*1", "W12*CC*30*30*0*EA**SK*PMP-1001", "W03*30", "SE*6*0001", "GE*1*2", "IEA*1*000000002",
    "",
])  # fmt: skip

FILES = {
    "x12_214": (X12, "SH-100001", "DELIVERED"),
    "iftsta": (EDIFACT, "SH-100002", "DELIVERED"),
    "dcsa_events": (DCSA, "SH-100003", "ARRI"),
    "webhook_ship24": (SHIP24, "SH-100004", "DELIVERED"),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The small world in which each shipment's delivery is told in a format of its own."""
    path = tmp_path_factory.mktemp("formats") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_raw(connection)
        small_world.fill(connection)
        connection.execute("update raw.network__facility set city = 'Reno', region_code = 'NV', country_code = 'US' "
                           "where facility_code = 'DC-1'")  # fmt: skip
        [(order,)] = connection.execute(
            "select order_no from raw.network__shipment where shipment_no = 'SH-100001'"
        ).fetchall()
        contents = {feed: content for feed, (content, _, _) in FILES.items()}
        for feed, content in {**contents, "x12_945": SHIPPED.format(order=order)}.items():
            connection.register("arrived", _rows(feed, content))
            columns = connection.execute(
                "select string_agg(column_name) from duckdb_columns() where schema_name = 'raw' and table_name = ?",
                [f"partner__{feed}"],
            ).fetchall()[0][0]
            connection.execute(f"insert into raw.partner__{feed} by name select {columns} from arrived")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEWAITER_WAREHOUSE", str(path))
        patch.setenv("DBT_TARGET_PATH", str(path.parent / "target"))
        patch.setenv("DBT_LOG_PATH", str(path.parent / "logs"))
        run = Dbt()
        run("seed")
        wanted = ("--select", "+fct_otif", "+int_status_events")
        return Built(path, {"facts": run("run", *wanted)})


def _rows(feed: str, content: str) -> Any:
    contract = load_contract("partner", feed)
    found = split(
        contract, read(contract, content.encode()), "demo", feed.ljust(64, "0"), small_world.NOW["demo"]
    )
    assert (found.rows.num_rows, found.rejected) == (1, []), feed
    return found.rows


@pytest.mark.parametrize("feed", FILES)
def test_a_delivery_told_in_any_format_reaches_its_shipment(told: Built, feed: str) -> None:
    _, shipment, code = FILES[feed]
    assert not {status for status in told.outcomes["facts"].values()} - {"success", "pass", "no-op"}
    rows = told.rows(
        "select shipment_id, event_status, milestone_code, facility_id, occurred_at "
        f"from intermediate.int_status_events where feed = '{feed}'"
    )
    place = None if feed == "webhook_ship24" else "DC-1"
    assert rows == [(shipment, "understood", code, place, DELIVERED)]
    kept = told.rows(
        f"select milestone_code, source_file_sha256 from marts.fct_milestones where milestone_id like '{feed}/%'"
    )
    # one shipment's delivery was told by its carrier before, at the same instant and place: it is one milestone
    assert kept == [(code, feed.ljust(64, "0"))]


def test_what_the_warehouse_says_it_shipped_makes_a_delivery_full_or_short(told: Built) -> None:
    rows = told.rows(
        "select shipment_id, quantity, shipped_quantity, shipped_told_by, is_in_full, is_otif = is_on_time, "
        "window_until_at >= promised_at, time_zone from marts.fct_otif where tenant_id = 'demo' "
        "order by shipped_told_by nulls last, shipment_id"
    )
    assert rows[0][:7] == ("SH-100001", 30.0, 30.0, "x12_945", True, True, True)
    assert {row[2:5] for row in rows[1:]} == {(None, None, None)}
