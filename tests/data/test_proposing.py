"""A mapping proposed from a sample: what the sample shows is said with its reason, what it leaves open is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from data.contract import load_contracts
from data.errors import ContractBroken, FileRefused
from data.mapping import read_mapping
from data.mapping.propose import propose
from data.mapping.sample import sample_of
from data.mapping.words import likeness
from tests.data.builders import PARCEL, parcel
from tests.data.test_mapping import MEIER, PARCELS, judge, mapping_file, meier, parcels, table
from tests.data.workbooks import sheet, workbook


def sample(tmp_path: Path, *rows: dict[str, str], encoding: str = "cp1252") -> Path:
    path = tmp_path / "sample.csv"
    path.write_bytes(table(*rows, encoding=encoding))
    return path


def test_a_sample_says_how_it_is_written(tmp_path: Path) -> None:
    found = sample_of(sample(tmp_path, {}, {}))
    assert (found.format, found.options, found.rows) == ("csv", {"encoding": "cp1252", "delimiter": ";"}, 2)
    assert sample_of(sample(tmp_path, {}, encoding="utf-16")).options["encoding"] == "utf-16"
    with pytest.raises(FileRefused, match="without its byte order mark"):
        sample_of(sample(tmp_path, {}, encoding="utf-16-le"))
    path = tmp_path / "sample.xlsx"
    path.write_bytes(workbook({"A": sheet({1: ["a", "b"], 2: ["1", "2"]})}))
    assert (sample_of(path).format, sample_of(path).cells) == ("xlsx", {"a": ["1"], "b": ["2"]})
    for content, words in [(b"[1]", "no rows to learn from"), (b"a\nb\n", "cuts its rows"),
                           (b"a;b\n", "it has one line"), (b" \n", "it is empty"),
                           (b"a;a\n1;2\n", "appear more than once: 'a'"), (b'[{"a":1}', "a comma or"),
                           (b"\xd0\xcf\x11\xe0", "old Excel")]:  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(FileRefused, match=words):
            sample_of(path)


@pytest.mark.parametrize(
    ("content", "header_row", "headings"),
    [
        (b"Export of 28.11.2026\n\na;b;c\n1;2;3\n", 3, ["a", "b", "c"]),
        (b"Export;;\n;;\nBy;Acme, Ltd;;;;\na;b;c;d;e;f\n1;2;3;4;5;6\n", 4, list("abcdef")),
        ("Übersicht\r\na\tb\r\n1\t2\r\n".encode("utf-16"), 2, ["a", "b"]),
        (b",a,b\n0,1,2\n1,1,2\n", None, ["a", "b", ""]),  # a nameless first column, as pandas writes it
        (b"a,b,c,\n1,2,3,\n1,2,3,4\n", None, ["a", "b", "c", ""]),
    ],
)
def test_titles_above_the_headings_are_asked_about(
    tmp_path: Path, content: bytes, header_row: int | None, headings: list[str]
) -> None:
    path = tmp_path / "sample.csv"
    path.write_bytes(content)
    found = sample_of(path)
    assert (found.options.get("header_row"), found.headings) == (header_row, headings)
    assert any(f"headings in line {header_row}?" in question for question in found.questions) == bool(
        header_row
    )
    assert sample_of(path, header_row=header_row or 1).headings == headings


def test_what_may_be_headings_is_never_passed_over_as_a_title(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_bytes(b"a;b\n1;2;3\n4;5;6\n")
    with pytest.raises(FileRefused, match="say with --header-row"):
        sample_of(path)
    assert sample_of(path, header_row=2).headings == ["1", "2", "3"]


def test_a_mapping_below_titles_reads_what_the_sample_showed(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_bytes(b"Sendungen\r\n\r\n" + table({}, {}))
    proposal = propose(sample_of(path), load_contracts()["network", "milestone"], "demo", "sample.csv")
    assert "header_row: 3" in proposal.text.splitlines()
    held = meier(tmp_path, MEIER.replace("format: csv", "format: csv\nheader_row: 3"))
    assert judge(held, path.read_bytes()).rejected == []
    with pytest.raises(FileRefused, match="required columns are missing"):
        judge(held, b"Two\r\nmore\r\n" + path.read_bytes())


@pytest.mark.parametrize(
    ("content", "format", "options", "headings"),
    [
        (b'{"a": {"b": 1}}\n{"a": {"c": 2}}\n', "jsonl", {}, ["a.b", "a.c"]),
        (b'{"a": {"b": 1}}', "jsonl", {}, ["a.b"]),
        (b'{\n"a": 1\n}', "json", {}, ["a"]),
        (b'[{"a": 1}, {"b": 2}]', "json", {}, ["a", "b"]),
        (b'{"page": 1, "data": {"rows": [{"a": 1}]}}', "json", {"rows_at": "data.rows"}, ["a", "page"]),
        (b'{"few": [{"a": 1}], "many": [{"b": 1}, {"b": 2}]}', "json", {"rows_at": "many"}, ["b", "few"]),
    ],
)
def test_a_sample_of_json_says_where_its_rows_are(
    tmp_path: Path, content: bytes, format: str, options: dict[str, Any], headings: list[str]
) -> None:
    path = tmp_path / "sample.json"
    path.write_bytes(content)
    found = sample_of(path)
    assert (found.format, found.options, found.headings) == (format, options, headings)
    assert bool(found.questions) == (b"many" in content)
    if found.questions:
        assert sample_of(path, rows_at="few").headings == ["a", "many"]


def test_a_proposal_gives_its_reasons_and_leaves_open_what_it_cannot_know(tmp_path: Path) -> None:
    path = sample(tmp_path, {}, {"Meldungsnr": "M2", "Gemeldet": "31.08.2026 10:00", "Status": "Unterwegs"})
    found = propose(sample_of(path), load_contracts()["network", "milestone"], "demo", "sample\n.csv")
    lines = [line.strip() for line in found.text.splitlines()]
    assert 'from: "Meldungsnr"' in lines
    assert "# 82/100: the name is 100% alike; 100% of its cells fit." in lines
    assert 'formats: ["%d.%m.%Y %H:%M"]' in lines
    assert '"Unterwegs": "?"' in lines
    assert any("By which zone's clock" in question for question in found.left)
    assert any(question.startswith("classifier: nothing is surely it") for question in found.left)
    mapping = mapping_file(tmp_path, found.text, "sample")
    with pytest.raises(ContractBroken, match="a person still has to decide columns"):
        read_mapping(mapping)


def test_a_day_whose_order_the_sample_leaves_open_is_a_question(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("Nr,Due,Weight\nP-1,03/04/2026,1.234\nP-2,05/06/2026,2.345\n")
    found = propose(sample_of(path), parcel(), "demo", "sample.csv").text
    assert "Which format is meant, %d/%m/%Y or %m/%d/%Y?" in found
    assert 'formats: ["?"]' in found
    assert 'decimal_comma: "?"' in found
    assert "How large is 1.234? decimal_comma: true reads it as 1234; left out, as 1.234." in found
    path.write_text("Nr,Due,Weight\nP-1,03/04/2026,1.234\nP-2,31/03/2026,2.5\n")
    found = propose(sample_of(path), parcel(), "demo", "sample.csv").text
    assert 'formats: ["%d/%m/%Y"]' in found
    assert "decimal_comma" not in found


@pytest.mark.parametrize(
    ("cells", "said", "question"),
    [
        (["1,234.50", "1,000"], {"thousands": ","}, None),
        (["1,234,567", "1,000"], {"thousands": ","}, None),
        (["1'234.5", "12"], {"thousands": "'"}, None),
        (["1'234,5", "12"], {"decimal_comma": True, "thousands": "'"}, None),
        (["1 234.5", "12"], {"thousands": " "}, None),
        (["1 234,5", "12"], {"decimal_comma": True}, None),
        (["12", "1.5"], {}, None),
        (["1,000", "12"], {"thousands": "?"},
         'How large is 1,000? thousands: "," reads it as 1000; decimal_comma: true in its place, as 1.'),
        (["1.000", "12"], {"decimal_comma": "?"},
         "How large is 1.000? decimal_comma: true reads it as 1000; left out, as 1."),
    ],
)  # fmt: skip
def test_how_numbers_are_grouped_is_proposed_where_the_sample_shows_it_and_asked_where_not(
    tmp_path: Path, cells: list[str], said: dict[str, Any], question: str | None
) -> None:
    base = parcel(columns={**PARCEL["columns"], "weight_kg": {"type": "decimal"}})
    (tmp_path / "sample.csv").write_text("Nr;Weight\n" + "".join(f"P-1;{cell}\n" for cell in cells))
    found = propose(sample_of(tmp_path / "sample.csv"), base, "demo", "sample.csv")
    assert yaml.safe_load(found.text)["columns"]["weight_kg"] == {"from": "Weight", **said}
    assert [each for each in found.left if "weight" in each] == (
        [f"weight_kg: {question}"] if question else []
    )


@pytest.mark.parametrize(
    ("cells", "mapped", "loaded"),
    [
        (["2026-09-03 00:00:00", "2026-09-04T00:00:00Z"], {"from": "Due"}, 2),
        (["2026-09-03 00:00:00", "2026-09-04 10:00:00"], {"from": "Due"}, 1),
        (["2026-09-03 10:00:00", "2026-09-04 10:00:00"], None, 0),
        (["13.09.2026 00:00", "14.09.2026 00:00"], {"from": "Due", "formats": ["%d.%m.%Y %H:%M"]}, 2),
        (["13.09.2026 11:00", "14.09.2026 10:00"], None, 0),
    ],
)
def test_a_proposal_for_a_day_is_what_the_check_would_load(
    tmp_path: Path, cells: list[str], mapped: dict[str, Any] | None, loaded: int
) -> None:
    base = parcel(columns={**PARCEL["columns"], "due_on": {"type": "date", "required": True}})
    content = "Nr,Due\n" + "".join(f"P-{number},{cell}\n" for number, cell in enumerate(cells))
    (tmp_path / "sample.csv").write_text(content)
    found = propose(sample_of(tmp_path / "sample.csv"), base, "demo", "sample.csv")
    said = yaml.safe_load(found.text)["columns"]["due_on"]
    assert said == (mapped or {"from": "?"})
    if mapped:
        assert not any(question.startswith("due_on") for question in found.left)
        columns = {**PARCELS, "due_on": mapped}
        del columns["weight_kg"]
        held = parcels(columns, base)
        assert judge(held, content.encode()).rows.num_rows == loaded


def test_times_of_which_only_some_have_an_offset_are_asked_about(tmp_path: Path) -> None:
    cells = ["2026-09-01T10:00:00Z", "2026-09-01T11:00:00Z", "2026-09-01 12:00"]
    (tmp_path / "sample.csv").write_text("Nr,Weighed\n" + "".join(f"P-1,{cell}\n" for cell in cells))
    found = propose(sample_of(tmp_path / "sample.csv"), parcel(), "demo", "sample.csv")
    assert yaml.safe_load(found.text)["columns"]["weighed_at"] == {"from": "Weighed", "formats": ["?"]}
    [question] = [one for one in found.left if one.startswith("weighed_at")]
    assert "such as 2026-09-01T10:00:00Z and 2026-09-01 12:00: which formats are meant" in question
    assert question.endswith("A time without its offset needs a zone too.")


def test_a_column_of_our_very_name_is_mentioned_with_a_cell_where_its_cells_are_not_ours(
    tmp_path: Path,
) -> None:
    lines = (
        "Nr,weighed_at,is_fragile,Pieces\nP-1,13-Mai-2024 10:00,perhaps so,a few\nP-2,13-Okt-2024 9:00,,\n"
    )
    (tmp_path / "sample.csv").write_text(lines)
    found = propose(sample_of(tmp_path / "sample.csv"), parcel(), "demo", "sample.csv")
    left = {one.partition(":")[0]: one.partition(": ")[2] for one in found.left}
    assert left["weighed_at"] == (
        "'weighed_at' has its name, but its cells, such as '13-Mai-2024 10:00', are written as nothing we know "
        "(no one date format reads its cells). Give from with how they are written, another from, or a constant."
    )
    assert left["pieces"].startswith("'Pieces' has its name, but its cells, such as 'a few', are")
    assert yaml.safe_load(found.text)["columns"]["weighed_at"] == {"from": "?"}
    assert "weighed_at" in left["ignored"]


def test_what_a_sample_says_stays_a_comment_or_a_quoted_text(tmp_path: Path) -> None:
    path = tmp_path / "sample.jsonl"
    path.write_text('{"Mode\\n: !!python/object": "air\\u0085evil: 1", "Nr": "P-1"}\n')
    text = propose(sample_of(path), parcel(), "demo", "x\nevil: 1").text
    assert not any(line.startswith("evil") or line.strip().startswith("!!") for line in text.splitlines())
    mapping = mapping_file(tmp_path, text, "sample")
    with pytest.raises(ContractBroken, match="a person still has to decide"):
        read_mapping(mapping)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("event_id", "Meldungsnummer"),
        ("shipment_no", "Sendungsnr."),
        ("planned_arrival_at", "Geplante Ankunft Zeit"),
        ("occurred_at", "occurredAt"),
        ("remark", "REMARKS"),
        ("weight_kg", "Gewicht (kg)"),
    ],
)
def test_field_names_are_alike_across_languages(ours: str, theirs: str) -> None:
    assert likeness(ours, theirs) > max(70, likeness(ours, "Sachbearbeiter"))
