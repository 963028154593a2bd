"""What a message says once for all of its rows: held once, no longer than its column takes, bounded by the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from data.contract import load_contract, load_contracts, rowsplit
from data.contract.model import Contract
from data.errors import FileRefused
from data.formats import messages, read
from data.formats.x12.parts import MOST_PARTS
from data.records import Record
from tests.data import edifact_files
from tests.data.builders import GOOD, judge, parcel
from tests.data.interchanges import message

EPCIS = load_contract("partner", "epcis_events")
#: Lists of [qualifier, value] that a message has for many rows.
LISTS = ("_references", "marks", "purchase_orders")


def x12(kind: str) -> Contract:
    return load_contract("partner", f"x12_{kind}")


def status_report(references: int, digits: int, statuses: int) -> bytes:
    named = "\n".join(f"L11*{number:0{digits}}*BM" for number in range(references))
    told = "\n".join(["AT7*X3*NS***20261126*0800*LT"] * statuses)
    return message("214", f"B10*PRO1*SHIP1*ACME\n{named}\nLX*1\n{told}")


def ship_notice(marks: int, characters: int, items: int) -> bytes:
    named = "\n".join(f"MAN*CP*{number:0{characters}}" for number in range(marks))
    told = "\n".join(f"HL*{number + 4}*3*I\nLIN**UP*1\nSN1**1*EA" for number in range(items))
    above = "BSN*00*SHIP1*20261126*0800\nHL*1**S\nHL*2*1*O\nHL*3*2*P"
    return message("856", f"{above}\n{named}\n{told}")


def iftsta(references: int, digits: int, statuses: int) -> bytes:
    named = [f"RFF+BM:{number:0{digits}}" for number in range(references)]
    told = ["STS+1+24", "DTM+78:202611260830:203"] * statuses
    body = edifact_files.message("BGM+77+S+9", *named, "CNI+1+HBL9", *told)
    return edifact_files.interchange(body).encode()


def observed(number: int, units: int = 1) -> dict[str, object]:
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-11-26T08:30:00Z",
        "eventTimeZoneOffset": "+00:00",
        "eventID": f"urn:uuid:{number}",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "epcList": [f"urn:epc:id:sscc:0614141.{unit:010}" for unit in range(units)],
    }


def epcis(events: list[dict[str, object]], **envelope: str) -> bytes:
    body = {"epcisBody": {"eventList": events}}
    return json.dumps({"type": "EPCISDocument", "schemaVersion": "2.0", **envelope, **body}).encode()


def held(found: Iterable[Record]) -> int:
    """Characters in memory, a text that several rows share counted once."""
    texts = [text for record in found for text in (*record.values.values(), record.raw_text) if text]
    return sum(map(len, {id(text): text for text in texts}.values()))


def copied(found: Iterable[Record]) -> int:
    """Characters that the rows come to where each gets a copy of its own, as in a table."""
    return sum(len(text) for record in found for text in record.values.values() if text)


@pytest.mark.parametrize(
    ("contract", "content", "rule"),
    [
        (x12("214"), status_report(299, 7_000, 120), ("max_length", "shipment_references")),
        (x12("856"), ship_notice(299, 80, 2_000), ("max_length", "marks")),
        (edifact_files.IFTSTA, iftsta(98, 20_000, 60), ("max_length", "shipment_references")),
        (
            EPCIS,
            epcis([observed(number) for number in range(60)], sender="x" * 2_000_000),
            ("max_length", "sender_id"),
        ),
    ],
    ids=["214", "856", "iftsta", "epcis"],
)
def test_what_rows_share_is_held_once_and_no_longer_than_its_column(
    contract: Contract, content: bytes, rule: tuple[str, str]
) -> None:
    found = list(read(contract, content))
    assert held(found) <= 2 * len(content) + 2_000 * len(found)
    assert copied(found) <= 2 * len(content) + 22_000 * len(found)
    judged = judge(contract, content)
    assert Counter((row.rule, row.column) for row in judged.rejected) == {rule: len(found)}
    longest = max(len(text or "") for row in judged.rejected for text in (row.values or {}).values())
    assert longest < messages.MOST_REFERENCE_CHARACTERS + 40
    assert all("more characters)" in str((row.values or {})[rule[1]]) for row in judged.rejected)


def test_what_stands_around_the_rows_of_a_document_is_held_once_too() -> None:
    contract = parcel(format="json", rows_at="rows")
    row = {name: text for name, text in GOOD.items() if name != "Remark"}
    rows = [row | {"Parcel No": f"P-{number}"} for number in range(100, 160)]
    content = json.dumps({"Remark": "x" * 1_000_000, "rows": rows}).encode()
    assert copied(read(contract, content)) <= 2 * len(content)
    assert {(row.rule, row.column) for row in judge(contract, content).rejected} == {("max_length", "remark")}


def test_a_cell_a_little_longer_than_its_column_is_kept_whole_for_who_corrects_it() -> None:
    [row] = judge(EPCIS, epcis([observed(1)], sender="y" * 1_999)).rejected
    assert (row.rule, (row.values or {})["sender_id"]) == ("max_length", "y" * 1_999)


def test_an_envelope_is_wrong_for_each_of_its_events() -> None:
    found = list(read(EPCIS, epcis([observed(1), observed(2)], creationDate="yesterday")))
    assert [str(record.problem and record.problem.message)[:30] for record in found] == [
        "$.creationDate is 'yesterday',"
    ] * 2


def test_rows_that_together_repeat_too_much_for_their_file_refuse_it() -> None:
    found = read(x12("214"), status_report(299, 60, 3_700))
    with pytest.raises(FileRefused) as refused:
        for _ in found:
            pass
    assert refused.value.rule == "max_text"
    assert "(segment 3" in refused.value.problem
    assert refused.value.problem.endswith("because each repeats what is said for all of its message.")


def test_what_is_long_is_judged_in_small_batches_and_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    content, sizes, judge_batch = status_report(200, 50, 40), list[int](), rowsplit._judge
    whole = judge(x12("214"), content)

    def counted(engine, verdict, batch, tally) -> None:  # type: ignore[no-untyped-def]
        sizes.append(sum(map(len, batch)))
        judge_batch(engine, verdict, batch, tally)

    monkeypatch.setattr(rowsplit, "_judge", counted)
    monkeypatch.setattr(rowsplit, "STRETCH_CHARACTERS", 50_000)
    monkeypatch.setattr(rowsplit, "BATCH_BYTES", 100_000)
    assert judge(x12("214"), content) == whole
    assert len(whole.rows) == sum(sizes) == 40
    assert len(sizes) > 3 and max(sizes) < 12


def test_as_many_references_as_a_message_may_have_are_taken() -> None:
    found = judge(x12("214"), status_report(MOST_PARTS, 50, 2))
    assert (len(found.rows), found.rejected) == (2, [])
    [row] = judge(EPCIS, epcis([observed(1, units=200)])).rows.to_pylist()
    assert len(json.loads(row["shipment_references"])) == 200


def test_every_list_of_references_takes_what_a_reader_puts_together_and_no_more() -> None:
    limits = {
        (feed, name): column.max_length
        for (source, feed), contract in load_contracts().items()
        for name, column in contract.columns.items()
        if source == "partner" and name.endswith(LISTS)
    }
    assert len(limits) > 20
    assert set(limits.values()) == {messages.MOST_REFERENCE_CHARACTERS}
