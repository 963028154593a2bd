"""A partner's own table on our contract: what the mapping says is read, and nothing that it leaves open is guessed."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from data.contract import Contract, Split, correct, load_contracts, split
from data.errors import ContractBroken, FileRefused
from data.formats import read
from data.mapping import MappedContract, Mappings, mapped_contract, read_mapping
from data.mapping.apply import UNTRANSLATED
from data.mapping.cells import NotTranslated, decimal_point
from data.mapping.mapped import sent_names
from data.mapping.propose import propose
from data.mapping.sample import sample_of
from tests.data.builders import GOOD, NOW, PARCEL, SHA, csv_text, parcel
from tests.data.workbooks import sheet, workbook

MEIER = """
tenant: demo
contract: network/milestone
producer: Spedition Meier
format: csv
delimiter: ";"
encoding: cp1252
columns:
  event_id: {from: Meldungsnr}
  carrier_scac: {constant: MEYR}
  reference: {from: Sendung}
  reference_type: {constant: PRO}
  event_code: {from: Status, values: {Zugestellt: DELIVERED, Abgefahren: DEPA}, null_values: ["-"]}
  classifier: {constant: actual}
  location_code: {from: Ort}
  occurred_at: {from: [Datum, Uhrzeit], formats: ["%d.%m.%Y %H:%M"], zone: Europe/Berlin}
  reported_at: {from: Gemeldet, formats: ["%d.%m.%Y %H:%M:%S%z", "%d.%m.%Y %H:%M"], zone: Europe/Berlin}
  remark: {from: Bemerkung}
ignored: [Sachbearbeiter]
"""
ROW = {
    "Meldungsnr": "M1",
    "Sendung": " 0042 ",
    "Status": "Zugestellt",
    "Ort": "Köln",
    "Datum": "05.08.2026",
    "Uhrzeit": "14:05",
    "Gemeldet": "05.08.2026 14:10",
    "Bemerkung": "Größe",
    "Sachbearbeiter": "Müller",
}


def mapping_file(folder: Path, text: str = MEIER, name: str = "meier") -> Path:
    path = folder / "demo" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def meier(tmp_path: Path, text: str = MEIER) -> MappedContract:
    path = mapping_file(tmp_path, text)
    return mapped_contract(read_mapping(path), load_contracts(), path)


def table(*rows: dict[str, str], encoding: str = "cp1252") -> bytes:
    lines = [";".join(ROW), *(";".join({**ROW, **row}.values()) for row in rows)]
    return "\r\n".join(lines).encode(encoding)


def judge(contract: Contract, content: bytes) -> Split:
    return split(contract, read(contract, content), "demo", SHA, NOW)


def parcels(columns: dict[str, Any], contract: Contract | None = None, **said: Any) -> MappedContract:
    """The parcel contract in a partner's words."""
    from data.mapping import PartnerMapping

    base = contract or parcel()
    given = {
        "name": "boxes",
        "tenant": "demo",
        "contract": "network/parcel",
        "format": "csv",
        "columns": columns,
    }
    return mapped_contract(
        PartnerMapping.model_validate({**given, **said}), {("network", "parcel"): base}, "m.yml"
    )


PARCELS: dict[str, Any] = {
    "parcel_no": {"from": "Nr"},
    "weight_kg": {"from": "Gewicht", "decimal_comma": True},
    "pieces": {"constant": "1"},
    "due_on": {"from": "Frist", "formats": ["%d.%m.%y"]},
    "weighed_at": {"constant": "2026-08-01T00:00:00Z"},
}


def test_a_german_table_becomes_rows_of_the_contract(tmp_path: Path) -> None:
    found = judge(meier(tmp_path), table({}))
    assert found.rejected == []
    [row] = found.rows.to_pylist()
    assert row["occurred_at"] == datetime(2026, 8, 5, 12, 5, tzinfo=UTC)
    assert (row["reference"], row["event_code"], row["carrier_scac"]) == ("0042", "DELIVERED", "MEYR")
    assert (row["location_code"], row["remark"], row["_row_number"]) == ("Köln", "Größe", 1)


@pytest.mark.parametrize(
    ("cells", "column", "rule", "words"),
    [
        ({"Datum": "29.03.2026", "Uhrzeit": "02:30"}, "occurred_at", "zone",
         "Datum + Uhrzeit is '29.03.2026 02:30', which does not exist in Europe/Berlin: the clocks went forward"),
        ({"Datum": "25.10.2026", "Uhrzeit": "02:30"}, "occurred_at", "zone", "which happened twice in Europe/Berlin"),
        ({"Datum": "31.06.2026"}, "occurred_at", "type", "which is not written like 31.01.2013 14:30"),
        ({"Datum": "2026-06-01"}, "occurred_at", "type", "which is not written like"),
        ({"Uhrzeit": ""}, "occurred_at", "required", "which gives only some of its parts"),
        ({"Status": "Verloren"}, "event_code", "values", "Status is 'Verloren', which is none of the codes"),
        ({"Status": "DELIVERED"}, "event_code", "values", "none of the codes that the mapping knows"),
        ({"Status": "-"}, "event_code", "required", "Status is empty, and every row needs it."),
        ({"Meldungsnr": ""}, "event_id", "required", "Meldungsnr is empty"),
    ],
)  # fmt: skip
def test_what_the_mapping_cannot_tell_goes_to_quarantine_with_a_sentence(
    tmp_path: Path, cells: dict[str, str], column: str, rule: str, words: str
) -> None:
    found = judge(meier(tmp_path), table(cells, {"Meldungsnr": "M2"}))
    assert found.rows.num_rows == 1
    [rejection] = found.rejected
    assert (rejection.column, rejection.rule) == (column, rule)
    assert words in rejection.message


def test_the_hours_around_a_change_of_the_clocks_are_told_apart_by_an_offset(tmp_path: Path) -> None:
    rows = [{"Meldungsnr": f"M{n}", "Gemeldet": f"25.10.2026 02:30:00+0{n}:00"} for n in (1, 2)]
    found = judge(meier(tmp_path), table(*rows)).rows.to_pylist()
    assert [row["reported_at"].hour for row in found] == [1, 0]


def test_a_corrected_row_is_judged_in_our_words_and_no_untranslated_cell_passes(tmp_path: Path) -> None:
    contract = meier(tmp_path)
    [rejection] = judge(
        contract, table({"Status": "Verloren", "Datum": "29.03.2026", "Uhrzeit": "02:30"})
    ).rejected
    assert rejection.values is not None
    assert rejection.values["event_code"] == f"{UNTRANSLATED}Verloren"
    assert rejection.values["reported_at"] == "2026-08-05T12:10:00Z"

    def corrected(**cells: str) -> Split:
        values = {**(rejection.values or {}), **cells}
        return correct(contract, values, tenant_id="demo", file_sha256=SHA, row_number=1, clock=NOW)

    assert corrected(event_code="DELIVERED").rejected[0].column == "occurred_at"
    assert corrected(occurred_at="2026-03-29T01:30:00Z").rejected[0].column == "event_code"
    assert corrected(occurred_at="2026-03-29T01:30:00Z", event_code="DELIVERED").rows.num_rows == 1


def test_a_code_the_mapping_cannot_tell_does_not_pass_for_any_text_either() -> None:
    columns = {**PARCELS, "remark": {"from": "Art", "values": {"A": "fragile"}}, "pieces": {"from": "Stück"}}
    contract = parcels(columns)
    [rejection] = judge(contract, "Nr,Gewicht,Frist,Art,Stück\nP-1,,,B,x\n".encode()).rejected
    given = {"tenant_id": "demo", "file_sha256": SHA, "row_number": 1, "clock": NOW}
    values = {**(rejection.values or {}), "pieces": "1"}
    assert [one.column for one in correct(contract, values, **given).rejected] == ["remark"]  # type: ignore[arg-type]
    assert correct(contract, {**values, "remark": "heavy"}, **given).rejected == []  # type: ignore[arg-type]


def test_numbers_and_days_in_the_partners_spelling() -> None:
    contract = parcels(PARCELS, delimiter=";")
    found = judge(contract, b"Nr;Gewicht;Frist\nP-1;1.000,0;03.09.26\nP-2;12,5;\nP-3;1.23;\nP-4;;3/9/26\n")
    assert [(row["weight_kg"], str(row["due_on"])) for row in found.rows.to_pylist()] == [
        (1000.0, "2026-09-03"),
        (12.5, "None"),
    ]
    assert [rejection.message for rejection in found.rejected] == [
        "Gewicht is '1.23', which is not a number written like 1.234,56.",
        "Frist is '3/9/26', which is not written like 31.01.13.",
    ]
    assert found.rejected[0].values is not None
    assert found.rejected[0].values["weight_kg"] == f"{UNTRANSLATED}1.23"


@pytest.mark.parametrize(
    ("said", "cells"),
    [
        ({"thousands": ","}, {"1,000": 1000, "1,234.50": 1234.5, "-12,345,678": -12345678, "1234.5": 1234.5, ".5": 0.5,
                              "1,00": None, "1234,567": None, "1,234,5": None, "1.234,5": None, ",123": None}),
        ({"thousands": " "}, {"1 000.5": 1000.5, "1\u202f000": 1000, "1 00": None, "1,5": None}),
        ({"thousands": "'"}, {"1'000.5": 1000.5, "1\u2019000": 1000, "1,000": None}),
        ({"thousands": "'", "decimal_comma": True}, {"1'000,5": 1000.5, "1.5": None, "1.000": None}),
        ({"thousands": ".", "decimal_comma": True}, {"1.000": 1000, "1.000,5": 1000.5, "1 000": None, "1.5": None}),
    ],
)  # fmt: skip
def test_thousands_are_grouped_by_the_declared_sign_alone_and_by_three(
    said: dict[str, Any], cells: dict[str, float | None]
) -> None:
    promised = {**PARCEL["columns"], "weight_kg": {"type": "decimal"}}
    columns = {**PARCELS, "weight_kg": {"from": "Gewicht", **said}}
    lines = "".join(f"P-{number};{cell};\n" for number, cell in enumerate(cells))
    contract = parcels(columns, parcel(columns=promised), delimiter=";")
    found = judge(contract, f"Nr;Gewicht;Frist\n{lines}".encode())
    read = {row["_row_number"]: row["weight_kg"] for row in found.rows.to_pylist()}
    assert [read.get(number) for number, _ in enumerate(cells, start=1)] == list(cells.values())


def test_whole_pieces_are_whole_with_a_decimal_comma_and_from_json_too() -> None:
    columns = {**PARCELS, "pieces": {"from": "Stück", "decimal_comma": True}}
    found = judge(
        parcels(columns, delimiter=";"), "Nr;Gewicht;Frist;Stück\nP-1;;;1.000,0\nP-2;;;1,5\n".encode()
    )
    assert [row["pieces"] for row in found.rows.to_pylist()] == [1000]
    assert found.rejected[0].message == "Stück is '1.5', which is not a whole number."
    columns = {name: {"from": name} for name in ("parcel_no", "pieces", "weighed_at")}
    line = b'{"parcel_no": "P-1", "pieces": 5.0, "weighed_at": "2026-08-01T00:00:00Z"}\n'
    assert [row["pieces"] for row in judge(parcels(columns, format="jsonl"), line).rows.to_pylist()] == [5]


@pytest.mark.parametrize("text", ["1.23", "1,2,3", "1.2345,6", "1 23", "", "1,", ",5", "١", "1.000.00"])
def test_a_number_grouped_otherwise_is_no_number(text: str) -> None:
    with pytest.raises(NotTranslated):
        decimal_point(text)


def test_a_cell_that_two_formats_read_differently_is_not_guessed() -> None:
    formats = {"from": "Frist", "formats": ["%d/%m/%Y", "%m/%d/%Y"]}
    found = judge(
        parcels({**PARCELS, "due_on": formats}), b"Nr,Gewicht,Frist\nP-1,,03/04/2026\nP-2,,31/03/2026\n"
    )
    assert [str(row["due_on"]) for row in found.rows.to_pylist()] == ["2026-03-31"]
    assert "more than one way (2026-03-04 and 2026-04-03)" in found.rejected[0].message


def test_two_readings_of_one_day_are_told_apart_by_their_time() -> None:
    formats = ["%d.%m.%Y %H:%M %z", "%d.%m.%Y %M:%H %z"]
    columns = {**PARCELS, "weighed_at": {"from": "Gewogen", "formats": formats}}
    found = judge(parcels(columns), b"Nr,Gewicht,Frist,Gewogen\nP-1,,,03.09.2026 10:05 Z\n")
    ways = "2026-09-03 05:10:00+00:00 and 2026-09-03 10:05:00+00:00"
    assert f"more than one way ({ways})" in found.rejected[0].message


def test_a_local_time_with_a_finer_fraction_is_cut_to_microseconds() -> None:
    columns = {**PARCELS, "weighed_at": {"from": "Gewogen", "zone": "UTC"}}
    lines = "P-1,,,2026-09-03T10:05:00.1234569\nP-2,,,2026-09-03 10:05:00.999999999\n"
    found = judge(parcels(columns), f"Nr,Gewicht,Frist,Gewogen\n{lines}".encode()).rows.to_pylist()
    assert [row["weighed_at"].microsecond for row in found] == [123456, 999999]


@pytest.mark.parametrize(
    ("date_format", "cells"),
    [
        ("%d%m%Y", {"01012024": "2024-01-01", "1012024": None, "112024": None, "31022024": None}),
        ("%Y%m%d", {"20240113": "2024-01-13", "2024113": None, "202411": None}),
        ("%y%m%d", {"240113": "2024-01-13", "24113": None, "241301": None}),
        ("%d%b%Y", {"3Sep2026": "2026-09-03"}),
        ("%d.%m%Y", {"3.092026": "2026-09-03", "3.92026": None}),
    ],
)
def test_where_digits_touch_each_part_of_a_day_has_all_of_its_own(
    date_format: str, cells: dict[str, str | None]
) -> None:
    columns = {**PARCELS, "due_on": {"from": "Due", "formats": [date_format]}}
    lines = "".join(f"P-{number},,{cell}\n" for number, cell in enumerate(cells))
    mapped = judge(parcels(columns), f"Nr,Gewicht,Due\n{lines}".encode())
    promised = {"type": "date", "formats": [date_format]}
    plain = parcel(columns={**PARCEL["columns"], "due_on": {**promised, "source_name": "Due"}})
    for number, (cell, day) in enumerate(cells.items(), start=1):
        read = [str(row["due_on"]) for row in mapped.rows.to_pylist() if row["_row_number"] == number]
        held = judge(plain, csv_text([GOOD | {"Due": cell}])).rows.to_pylist()
        assert read == ([day] if day else []), cell
        assert [str(row["due_on"]) for row in held] == read, cell


def test_hours_counted_to_twelve_are_read_with_their_half_of_the_day(tmp_path: Path) -> None:
    hours = {"12:30 am": 0, "9:30 AM": 9, "12:30 Pm": 12, "10:30 PM": 22, "13:30 PM": None, "0:30 AM": None}
    lines = "".join(f"P-{number},,,04/13/2024 {hour}\n" for number, hour in enumerate(hours))
    content = f"Nr,Gewicht,Frist,Weighed\n{lines}".encode()
    moment = {"source_name": "Weighed", "type": "timestamp", "formats": ["%m/%d/%Y %I:%M %p"]}
    columns = {**PARCELS, "weighed_at": {"from": "Weighed", "formats": moment["formats"], "zone": "UTC"}}
    good = [hour for hour in hours.values() if hour is not None]
    assert [row["weighed_at"].hour for row in judge(parcels(columns), content).rows.to_pylist()] == good
    plain = parcel(columns={**PARCEL["columns"], "weighed_at": moment})
    held = judge(plain, csv_text([GOOD | {"Weighed": f"04/13/2024 {hour}"} for hour in hours]))
    assert [row["weighed_at"].hour for row in held.rows.to_pylist()] == good
    (tmp_path / "sample.csv").write_text("Nr,Weighed\nP-1,04/13/2024 10:30 PM\n")
    found = propose(sample_of(tmp_path / "sample.csv"), parcel(), "demo", "sample.csv").text
    assert yaml.safe_load(found)["columns"]["weighed_at"]["formats"] == ["%m/%d/%Y %I:%M %p"]


def test_instants_counted_since_1970_are_read_by_their_unit_and_asked_about(tmp_path: Path) -> None:
    columns = {**PARCELS, "weighed_at": {"from": "At", "formats": ["epoch_seconds", "epoch_milliseconds"]}}
    cells = ["1700000000", "1700000000123", "17000000", "1700000000.5", "-1700000000", "170000000012345"]
    lines = "".join(f"P-{number},,,{cell}\n" for number, cell in enumerate(cells))
    found = judge(parcels(columns), f"Nr,Gewicht,Frist,At\n{lines}".encode())
    assert [row["weighed_at"] for row in found.rows.to_pylist()] == [
        datetime(2023, 11, 14, 22, 13, 20, fraction, tzinfo=UTC) for fraction in (0, 123000)
    ]
    assert len(found.rejected) == 4
    assert "which is not written like 1359642600 or 1359642600000." in found.rejected[0].message
    (tmp_path / "sample.csv").write_text("Nr,Weighed\nP-1,1700000000\n")
    proposal = propose(sample_of(tmp_path / "sample.csv"), parcel(), "demo", "sample.csv")
    assert yaml.safe_load(proposal.text)["columns"]["weighed_at"]["formats"] == ["?"]
    assert any(
        "1700000000 is 2023-11-14 22:13:20 UTC? Then say epoch_seconds." in one for one in proposal.left
    )


def test_compact_moments_of_different_lengths_are_read_by_the_format_of_their_length() -> None:
    formats = ["%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H%M%S%f"]
    columns = {**PARCELS, "weighed_at": {"from": "At", "formats": formats, "zone": "UTC"}}
    cells = ["202404131015", "20240413101530", "20240413101530250", "2024041315", "20241301101530250"]
    lines = "".join(f"P-{number},,,{cell}\n" for number, cell in enumerate(cells))
    found = judge(parcels(columns), f"Nr,Gewicht,Frist,At\n{lines}".encode())
    assert [row["weighed_at"].strftime("%H:%M:%S.%f") for row in found.rows.to_pylist()] == [
        "10:15:00.000000",
        "10:15:30.000000",
        "10:15:30.250000",
    ]
    assert [rejection.column for rejection in found.rejected] == ["weighed_at"] * 2


def test_days_and_moments_of_a_workbook_come_typed() -> None:
    columns = {
        **{name: column for name, column in PARCELS.items() if name != "weight_kg"},
        "due_on": {"from": "Frist", "formats": ["%d.%m.%Y"]},
        "weighed_at": {"from": "Gewogen", "zone": "Europe/Berlin"},
    }
    moment, day = datetime(2026, 8, 5, 14, 5), datetime(2026, 9, 3)
    rows: dict[int, Any] = {
        1: ["Nr", "Frist", "Gewogen"],
        2: ["P-1", day, moment],
        3: ["P-2", "03.09.2026", moment],
        4: ["P-3", moment, moment],
        5: ["P-4", day, day],
    }
    found = judge(parcels(columns, format="xlsx"), workbook({"A": sheet(rows)}))
    assert [(str(row["due_on"]), row["weighed_at"].hour) for row in found.rows.to_pylist()] == [
        ("2026-09-03", 12),
        ("2026-09-03", 12),
    ]
    assert "a moment where a day is expected" in found.rejected[0].message
    assert "a day without a time" in found.rejected[1].message
    columns["weighed_at"]["day_only"] = "midnight"
    found = judge(parcels(columns, format="xlsx"), workbook({"A": sheet(rows)}))
    assert found.rows.to_pylist()[2]["weighed_at"] == datetime(2026, 9, 2, 22, tzinfo=UTC)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_table_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    said = MEIER.replace("cp1252", encoding.removesuffix("-sig"))
    assert judge(meier(tmp_path, said), table({}, encoding=encoding)).rows.to_pylist()[0]["remark"] == "Größe"


def test_utf_16_without_its_mark_is_refused_and_half_a_character_costs_its_row(tmp_path: Path) -> None:
    contract = meier(tmp_path, MEIER.replace("cp1252", "utf-16"))
    with pytest.raises(FileRefused, match="byte order mark"):
        judge(contract, table({}, encoding="utf-16-le"))
    found = judge(contract, table({}, {}, encoding="utf-16").replace("ß".encode("utf-16-le"), b"\x00\xd8", 1))
    assert [rejection.rule for rejection in found.rejected] == ["encoding"]
    assert found.rows.num_rows == 1


def test_columns_that_nobody_decided_on_refuse_the_file(tmp_path: Path) -> None:
    content = table({}).replace(b"Sachbearbeiter", b"Neu")
    with pytest.raises(FileRefused, match="neither uses nor ignores: 'Neu'"):
        judge(meier(tmp_path), content)
    assert judge(meier(tmp_path, MEIER + "extra_columns: ignore\n"), content).rows.num_rows == 1
    with pytest.raises(FileRefused, match="required columns are missing: 'Uhrzeit'"):
        judge(meier(tmp_path), table({}).replace(b"Uhrzeit", b"Zeit"))


@pytest.mark.parametrize("spelt", ["NFC", "NFD"])
@pytest.mark.parametrize("arrives", ["NFC", "NFD"])
@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_heading_is_the_same_with_its_accents_composed_or_apart(
    spelt: Literal["NFC", "NFD"], arrives: Literal["NFC", "NFD"], format: str
) -> None:
    names = {"parcel_no": "Prüfnr", "pieces": "Stück", "weighed_at": "Gewägt", "remark": "Größe"}
    columns = {name: {"from": unicodedata.normalize(spelt, heading)} for name, heading in names.items()}
    columns["remark"] = {"from": "Größe"}
    row = {"Prüfnr": "P-1", "Stück": "2", "Gewägt": "2026-08-01T00:00:00Z", "Größe": "Größe", "Übrig": "x"}
    sent = {unicodedata.normalize(arrives, heading): cell for heading, cell in row.items()}
    content = table_of(format, sent)
    held = parcels(columns, format=format, ignored=[unicodedata.normalize(spelt, "Übrig")])
    assert sent_names(held.mapping).keys() == {column["from"] for column in columns.values()}
    [found] = judge(held, content).rows.to_pylist()
    assert (found["parcel_no"], found["pieces"], found["remark"]) == ("P-1", 2, "Größe")


def table_of(format: str, row: dict[str, str]) -> bytes:
    if format == "xlsx":
        return workbook({"A": sheet({1: list(row), 2: list(row.values())})})
    if format == "jsonl":
        return json.dumps(row).encode()
    if format == "parquet":
        held = io.BytesIO()
        pq.write_table(pa.table({name: [cell] for name, cell in row.items()}), held)
        return held.getvalue()
    return f"{','.join(row)}\n{','.join(row.values())}\n".encode()


def test_one_heading_in_both_spellings_is_given_twice() -> None:
    columns: dict[str, Any] = {**PARCELS, "remark": {"from": "Größe"}}
    twice = [unicodedata.normalize("NFC", "Größe"), unicodedata.normalize("NFD", "Größe")]
    with pytest.raises(FileRefused, match="these columns appear more than once"):
        judge(parcels(columns), f"Nr,Gewicht,Frist,{','.join(twice)}\nP-1,,,a,b\n".encode())
    columns = {name: {"from": name} for name in ("parcel_no", "pieces", "weighed_at")}
    columns["remark"] = {"from": "Größe"}
    line = {"parcel_no": "P-1", "pieces": 1, "weighed_at": "2026-08-01T00:00:00Z"} | dict.fromkeys(twice, "a")
    [rejection] = judge(parcels(columns, format="jsonl"), json.dumps(line).encode()).rejected
    assert (rejection.column, rejection.rule) == ("remark", "json")
    assert "is a key that appears more than once" in rejection.message
    with pytest.raises(ValueError, match="both used and ignored"):
        parcels(columns, format="jsonl", ignored=twice)


def test_a_json_line_with_unknown_keys_costs_itself_and_ignored_ones_may_be_deep() -> None:
    columns = {name: {"from": name} for name in ("parcel_no", "pieces", "weighed_at")}
    contract = parcels(columns, format="jsonl", ignored=["deep"])
    line = '{"parcel_no": "P-1", "pieces": 2, "weighed_at": "2026-08-01T00:00:00Z", "deep": {"a": [1]}}'
    found = judge(contract, f"{line}\n{line.replace('deep', 'new')}\n".encode())
    assert found.rows.num_rows == 1
    assert (
        found.rejected[0].message == "The row has columns that its mapping neither uses nor ignores: 'new.a'."
    )


def test_one_of_their_columns_may_be_two_of_ours() -> None:
    columns = {**PARCELS, "remark": {"from": "Nr"}}
    found = judge(parcels(columns), b"Nr,Gewicht,Frist\nP-1,,\nX,,\n")
    assert found.rows.to_pylist()[0]["remark"] == "P-1"
    assert found.rejected[0].message.startswith("Nr as parcel_no is 'X'")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("network/milestone", "network/milestones", "contract: there is no network/milestones"),
        ("tenant: demo", "tenant: other", "tenant: it says other, its folder demo"),
        ("  event_id: {from: Meldungsnr}\n", "", "columns.event_id: every row of network/milestone needs it"),
        ("{from: Meldungsnr}", "{from: NO}", "columns.event_id.from: YAML reads False here"),
        ("remark:", "remarks:", "columns.remarks: network/milestone has no such column"),
        ("{constant: PRO}", "{constant: PRO, from: x}", "columns.reference_type: say either from"),
        ("{constant: PRO}", "{constant: AWB}", "columns.reference_type.constant: 'AWB' is none of: PRO"),
        (
            "Zugestellt: DELIVERED",
            "Zugestellt: DELIVRED",
            "event_code.values: 'Zugestellt' becomes 'DELIVRED'",
        ),
        ("Zugestellt: DELIVERED", "Zugestellt: null", "becomes nothing, and every row needs this column"),
        ("Abgefahren: DEPA", "Zugestellt: DEPA", "'Zugestellt' is given more than once"),
        (
            "Abgefahren: DEPA",
            "NO: DEPA",
            "columns.event_code.values: YAML reads False here, so put the code in quotes",
        ),
        (
            "Europe/Berlin}\n  rep",
            "Europe/Berlino}\n  rep",
            "columns.occurred_at.zone: 'Europe/Berlino' is not",
        ),
        (", zone: Europe/Berlin}\n  rep", "}\n  rep", "occurred_at.zone: '%d.%m.%Y %H:%M' has no offset"),
        ('["%d.%m.%Y %H:%M"]', '["%d.%m.%Y"]', "has no time of day; add one, or say day_only"),
        ('["%d.%m.%Y %H:%M"]', '["%d.%m. %H:%M"]', "does not name a day, a month and a year"),
        ('["%d.%m.%Y %H:%M"]', '["?"]', "a person still has to decide columns.occurred_at.formats"),
        ("{from: Ort}", '{from: "?"}', "a person still has to decide columns.location_code.from"),
        (
            "{from: Ort}",
            "{from: Ort, decimal_comma: true}",
            "location_code.decimal_comma: the column is of type",
        ),
        ("%Y %H:%M:%S%z", "%Y %I:%M:%S%z", "counts hours to twelve (%I), so it needs AM or PM too (%p)"),
        ("%Y %H:%M:%S%z", "%Y %H:%M:%S %p", "so its hours are counted to twelve: write %I, and no %H"),
        (
            "{from: Ort}",
            "{from: Ort, formats: [epoch_seconds]}",
            "epoch_seconds is an instant, and the column",
        ),
        ("{from: Ort}", '{from: Ort, thousands: ","}', "location_code.thousands: the column is of type"),
        ("{from: Ort}", '{from: Ort, thousands: "."}', "without decimal_comma '.' is before the decimals"),
        (
            "{from: Ort}",
            '{from: Ort, thousands: ",", decimal_comma: true}',
            "with decimal_comma ',' is before the decimals",
        ),
        ("{from: Ort}", "{from: Ort, colour: red}", "columns.location_code.colour: Extra inputs"),
        ("[Sachbearbeiter]", "[Ort]", "'Ort' is both used and ignored"),
        ("format: csv", "format: jsonl", "delimiter and encoding belong to csv files only"),
        ("format: csv", "format: csv\nsheet: A", "sheet belongs to xlsx files only"),
        ("format: csv", "format: x12", "format: Input should be 'csv'"),
        ("ignored:", "ignored: [", "while parsing a flow"),
    ],
)
def test_a_mapping_that_cannot_be_right_says_where(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in MEIER
    with pytest.raises(ContractBroken, match=r"meier\.yml cannot be used") as broken:
        meier(tmp_path, MEIER.replace(old, new))
    assert words in str(broken.value)


def test_one_broken_mapping_leaves_the_others_in_force(tmp_path: Path) -> None:
    mapping_file(tmp_path)
    mapping_file(tmp_path, MEIER.replace("DEPA", "?"), "draft")
    mapping_file(tmp_path, MEIER, "milestone")
    found = Mappings.read(tmp_path, load_contracts(), {"demo"})
    assert list(found.feeds) == [("demo", "meier")]
    assert "demo has a feed milestone already" in str(found.broken["demo", "milestone"])
    assert [key for _, key in found.broken] == ["draft", "milestone"]
    assert [(tenant, held.feed) for tenant, held in found.onto("network__milestone")] == [("demo", "meier")]
    assert found.is_current(tmp_path)
    mapping_file(tmp_path, MEIER + "\n")
    assert not found.is_current(tmp_path)


def test_a_partners_document_is_loaded_by_its_mapping() -> None:
    held = parcels(
        {
            **PARCELS,
            "parcel_no": {"from": "box.no"},
            "weight_kg": {"from": "box.weight"},
            "due_on": {"from": "sheet.due", "formats": ["%d.%m.%y"]},
        },
        format="json", rows_at="boxes", ignored=["box.colour"],
    )  # fmt: skip
    boxes = [
        {"box": {"no": "P1", "weight": 2.5, "colour": "red"}},
        {"box": {"no": "P2", "weight": 2.5}, "owner": {"name": "?"}},
    ]
    good, strange = read(held, json.dumps({"boxes": boxes, "sheet": {"due": "01.09.26"}}).encode())
    assert good.problem is None and [good.values[name] for name in ("parcel_no", "weight_kg", "due_on")] == [
        "P1",
        "2.5",
        "2026-09-01",
    ]
    assert strange.problem is not None and "'owner.name'" in strange.problem.message
    with pytest.raises(ValueError, match="rows_at belongs to json documents only"):
        parcels(PARCELS, rows_at="boxes")
