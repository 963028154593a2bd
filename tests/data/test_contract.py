"""Contracts: what producers promise, read once, refused with the file and field that is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from data.contract import (
    TENANT_SOURCES,
    empty_table,
    load_contract,
    load_contracts,
    raw_schema,
    read_contract,
    stamp_of,
)
from data.contract.model import CONTRACTS
from data.errors import ContractBroken
from tests.data.builders import PARCEL, judge, parcel


def written(tmp_path: Path, contract: dict[str, Any]) -> Path:
    path = tmp_path / "network" / "parcel.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(contract), encoding="utf-8")
    return path


def test_every_packaged_contract_is_sound_and_every_tenant_has_feeds() -> None:
    contracts = load_contracts()
    assert len(contracts) == len(list(CONTRACTS.glob("*/[!_]*.yml")))
    assert {source for source, _ in contracts} == {name for own in TENANT_SOURCES.values() for name in own}
    for sources in TENANT_SOURCES.values():
        feeds = [feed for source, feed in contracts if source in sources]
        assert len(feeds) == len(set(feeds))
    for (source, feed), contract in contracts.items():
        assert contract.table_name == f"{source}__{feed}"
        assert contract.tenants()
        assert contract.cadence > timedelta(0)


def test_a_line_item_is_promised_with_the_33_columns_of_its_source() -> None:
    contract = load_contract("scms", "line_item")
    assert len(contract.columns) == 33
    assert contract.by_source_name["PO / SO #"] == "po_so_number"
    assert contract.tenants() == ["health"]


def test_the_raw_table_is_made_from_the_contract_and_takes_its_rows() -> None:
    for contract in load_contracts().values():
        columns = ", ".join(f'"{name}" {kind}' for name, kind in raw_schema(contract).items())
        with duckdb.connect(":memory:") as engine:
            engine.execute(f"create table raw_rows ({columns})")
            engine.register("arrived", empty_table(contract))
            engine.execute("insert into raw_rows select * from arrived")
            assert engine.execute("select count(*) from raw_rows").fetchone() == (0,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": ["nothing"]}, "key must name columns"),
        ({"recorded_at": "pieces"}, "recorded_at must be"),
        ({"format": "xls"}, "format"),
        ({"columns": {"Robert'); drop table": {"type": "string"}}}, "columns"),
        (
            {"columns": PARCEL["columns"] | {"other": {"source_name": "Weight", "type": "string"}}},
            "share one",
        ),
        (
            {"columns": PARCEL["columns"] | {"other": {"type": "date", "formats": ["%d'); drop"]}}},
            "date format",
        ),
        (
            {
                "columns": PARCEL["columns"]
                | {"other": {"type": "timestamp", "formats": ["%d %m %Y %I:%M%z"]}}
            },
            "needs AM or PM too (%p)",
        ),
        ({"columns": PARCEL["columns"] | {"other": {"type": "date", "enum": ["x"]}}}, "string columns only"),
        ({"columns": PARCEL["columns"] | {"other": {"type": "string", "minimum": 1}}}, "minimum and maximum"),
        (
            {"columns": PARCEL["columns"] | {"other": {"type": "integer", "minimum": 2, "maximum": 1}}},
            "above maximum",
        ),
        (
            {"columns": PARCEL["columns"] | {"other": {"type": "string", "pattern": "("}}},
            "columns.other.pattern",
        ),
        ({"columns": PARCEL["columns"] | {"other": {"type": "string", "pattern": "(?=x)x"}}}, "look-around"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_contract_is_refused_with_its_file_and_field(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = written(tmp_path, PARCEL | change)
    with pytest.raises(ContractBroken, match="Mend the file") as refused:
        read_contract(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_contract_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, PARCEL | {"feed": "pallet"})
    with pytest.raises(ContractBroken, match="do not match its folder"):
        read_contract(path)


def test_a_feed_without_contract_says_which_file_is_missing() -> None:
    with pytest.raises(ContractBroken, match=r"nothing\.yml"):
        load_contract("network", "nothing")


def test_a_contract_survives_being_written_and_read_back() -> None:
    contract = parcel()
    assert type(contract).model_validate(json.loads(contract.model_dump_json())) == contract


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        ("milestone_20130107T000000Z.jsonl", datetime(2013, 1, 7, tzinfo=UTC)),
        ("leg_20130107T235959Z_part2.csv", datetime(2013, 1, 7, 23, 59, 59, tzinfo=UTC)),
        ("leg_20131307T000000Z.csv", None),
        ("leg.csv", None),
    ],
)
def test_the_stamp_in_a_file_name_says_when_it_was_exported(name: str, stamp: datetime | None) -> None:
    assert stamp_of(name) == stamp


def test_no_carrier_can_name_a_message_as_those_of_another_feed_are_named_here() -> None:
    contract = load_contract("network", "milestone")
    good = ["EV-1", "2026/08/1", "X12/1", "x12-214/1", "/1", "x12_214"]
    row = {
        "carrier_scac": "HWYM", "reference": "1", "reference_type": "PRO", "event_code": "DEPA",
        "classifier": "actual", "location_code": "A", "occurred_at": "2026-08-05T00:00:00Z",
        "reported_at": "2026-08-05T01:00:00Z",
    }  # fmt: skip
    lines = [
        json.dumps({"event_id": name, **row}) for name in [*good, "x12_214/1", "booked/SH-1:DEPA", "dcsa/a/b"]
    ]
    found = judge(contract, "\n".join(lines).encode())
    assert [row["event_id"] for row in found.rows.to_pylist()] == good
    assert [(item.rule, item.column) for item in found.rejected] == [("pattern", "event_id")] * 3
