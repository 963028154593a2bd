"""EDIFACT: what an interchange says becomes rows, whichever way it is laid out."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from data.errors import FileRefused
from tests.data.builders import judge
from tests.data.edifact_files import (
    DATE,
    GOOD,
    IFTMIN,
    IFTSTA,
    INSTRUCTION,
    STATUS,
    instruction,
    interchange,
    message,
    problem,
    records,
    said,
    status,
)


def test_a_status_becomes_a_row_of_the_canonical_event() -> None:
    [row] = judge(IFTSTA, GOOD.encode()).rows.to_pylist()
    cells = {name: value for name, value in row.items() if name in IFTSTA.columns and value is not None}
    assert {name: str(cells.pop(name)) for name in ("occurred_at", "sent_at")} == {
        "occurred_at": "2026-08-01 12:05:00+00:00",
        "sent_at": "2026-08-01 15:00:00+00:00",
    }
    assert json.loads(cells.pop("shipment_references")) == [["CNI", "HBL9"], ["BN", "BOOK1"]]
    assert cells == {
        "event_id": "CARRIERX/260801/1500/REF1/1/1.1",
        "sender_id": "CARRIERX",
        "carrier_scac": "MAEU",
        "equipment_no": "MSKU1234565",
        "code_list": "unece_rec24",
        "event_code": "24",
        "reason_code": "20",
        "location_code": "DEHAM",
        "location_code_list": "UNLOCODE",
        "location_name": "HAMBURG",
        "remark": "ALL 'GOOD' HERE? 1:2 LEFT",
        "position": "segment 8",
    }


@pytest.mark.parametrize("between", ["", "\n", "\r\n", "\r", "  \n"])
@pytest.mark.parametrize("una", ["", "UNA:+.? '", "UNA:+,? '\r\n"])
def test_the_same_words_are_the_same_row_however_they_are_laid_out(una: str, between: str) -> None:
    text = interchange(message(*STATUS), una=una, between=between)
    assert said(text) == said(GOOD)
    assert records(b"\xef\xbb\xbf" + text.encode()) == records(text)


def test_a_file_holds_several_interchanges_each_written_in_its_own_way() -> None:
    first = interchange(message(*STATUS))
    own = interchange(message(*STATUS), charset="UNOW:4").replace("HAMBURG", "LÜBECK").replace("REF1", "REF2")
    plain = own.replace("?+", "\0").replace("?'", "\1")
    second = plain.translate(str.maketrans("+:'\0\1", "|^~+'"))
    content = (
        f"{first}\r\n".encode()
        + f"UNA^|.\\*~\r\n{second}\r\n".encode()
        + first.replace("REF1", "REF3").encode()
    )
    found = records(content)
    assert [record.problem for record in found] == [None] * 3
    assert [record.row_number for record in found] == [1, 2, 3]
    assert [record.line_number for record in found] == [8, 25, 42]
    assert [record.values["location_name"] for record in found] == ["HAMBURG", "LÜBECK", "HAMBURG"]
    assert len({record.values["event_id"] for record in found}) == 3


def test_an_interchange_that_comes_twice_in_a_file_is_told_of_once() -> None:
    first, second = records(GOOD + GOOD)
    assert first.problem is None
    assert second.problem
    assert "Segment 19 (UNH), element 1, is '1', and the message of segment 2 has the same reference" in (
        second.problem.message
    )


@pytest.mark.parametrize("una", ["", "UNA:+.? '", "UNA:+.? '\r\n" + " " * 200])
@pytest.mark.parametrize("before", ["\n", " \r\n\t", "\n" * 200])
def test_blanks_before_and_the_end_of_a_dos_file_say_nothing(una: str, before: str) -> None:
    text = interchange(message(*STATUS), una=una)
    for content in (before + text, text + "\x1a", f"{before}{text}\r\n\x1a\r\n"):
        assert records(content) == records(GOOD)
    assert records("\ufeff".encode() + (before + text).encode()) == records(GOOD)
    with pytest.raises(FileRefused, match="comes after the end of the interchange"):
        records(f"{text}\x1a{text}")


@pytest.mark.parametrize("characters", ["|*.\\ ~", "<>,! ;", "\x1f\x1d.? \x1c"])
def test_una_may_declare_other_separators(characters: str) -> None:
    plain = str.maketrans({":": characters[0], "+": characters[1], "'": characters[5]})
    segments = [s.replace("?'GOOD?'", "GOOD").replace("?+02", "-02").replace("??:1?:2", "1") for s in STATUS]
    text = interchange(message(*segments))
    assert said(f"UNA{characters}" + text.translate(plain)) == said(text)


def test_messages_consignments_and_statuses_are_rows_of_their_own_identity() -> None:
    first = message(
        *STATUS, "STS+1+1", "DTM+132:202608101405:203", "CNI+2+HBL8", "STS+1+21", "RFF+BM:BL7", DATE
    )
    found = records(interchange(first, message(*STATUS, reference="2")))
    assert [record.values["event_id"] for record in found] == [
        f"CARRIERX/260801/1500/REF1/{end}" for end in ("1/1.1", "1/1.2", "1/2.1", "2/1.1")
    ]
    assert [record.line_number for record in found] == [8, 16, 19, 29]
    assert found[2].values["shipment_references"] == '[["CNI", "HBL8"], ["BM", "BL7"], ["BN", "BOOK1"]]'
    assert (found[1].values["classifier"], found[1].values["occurred_local"]) == (
        "estimated",
        "2026-08-10T14:05:00",
    )
    assert found[2].raw_text == f"STS+1+21'RFF+BM:BL7'{DATE}'"


def test_groups_hold_messages_and_are_part_of_their_identity() -> None:
    begin = "UNG+IFTSTA+A+B+260801:1500+{}+UN+D:95B"
    text = (
        "UNB+UNOA:2+A+B+260801:1500+R'"
        + "".join(
            "".join(f"{s}'" for s in [begin.format(group), *message(*STATUS), f"UNE+1+{group}"])
            for group in ("G/1", "G2")
        )
        + "UNZ+2+R'"
    )
    assert [record.values["event_id"] for record in records(text)] == [
        "A/260801/1500/R/G%2F1/1/1.1",
        "A/260801/1500/R/G2/1/1.1",
    ]
    with pytest.raises(FileRefused, match=r"segment 18 \(UNE\), element 1, counts '2' messages and 1 came"):
        records(text.replace("UNE+1+G/1", "UNE+2+G/1"))
    with pytest.raises(
        FileRefused, match=r"segment 35 \(UNE\), element 2, is 'G3' and the control reference"
    ):
        records(text.replace("UNE+1+G2", "UNE+1+G3"))


def test_control_references_that_start_anew_name_other_events() -> None:
    later = GOOD.replace("260801:1500+REF1", "270801:0915+REF1")
    assert said(later)["event_id"] == "CARRIERX/270801/0915/REF1/1/1.1"
    assert said(GOOD)["event_id"] != said(later)["event_id"]
    instructed = instruction(*INSTRUCTION).replace("260801:1500+REF1", "260801:1501+REF1")
    assert said(instructed, IFTMIN)["instruction_id"] == "CARRIERX/260801/1501/REF1/1"


def test_since_d16b_a_status_may_be_of_equipment_without_a_consignment() -> None:
    text = interchange(
        message(
            "BGM+77+S+9",
            "EQD+CN+MSKU1234565",
            "STS+1+1",
            DATE,
            "LOC+175+BEANR:139:6",
            kind="IFTSTA:D:16B:UN",
        )
    )
    row = said(text)
    assert (row["equipment_no"], row["location_code"]) == ("MSKU1234565", "BEANR")
    assert row["shipment_references"] == '[["EQ", "MSKU1234565"]]'


def test_a_status_of_several_containers_names_them_all_and_no_single_one() -> None:
    row = status("STS+1+48", "EQD+CN+MSKU1234565", "EQD+CN+MSKU7654320")
    assert row["equipment_no"] is None
    assert row["shipment_references"] == '[["CNI", "HBL9"], ["EQ", "MSKU1234565"], ["EQ", "MSKU7654320"]]'


@pytest.mark.parametrize(
    ("sts", "expected"),
    [
        ("STS+1+24+20", ("unece_rec24", "24", "20")),
        ("STS++24", ("unece_rec24", "24", None)),
        ("STS+1+24::6+20::6", ("unece_rec24", "24", "20")),
        ("STS+1+VD:STS:306+ABC:DEL:306", ("smdg:STS", "VD", "smdg:DEL:ABC")),
        ("STS+1+D3:MINE:87", ("MINE:87", "D3", None)),
        ("STS+1+24+X:MINE:87", ("unece_rec24", "24", "MINE:87:X")),
        ("STS+2+24", ("unece_rec24/2", "24", None)),
    ],
)
def test_the_event_names_the_list_that_its_code_is_of(
    sts: str, expected: tuple[str, str, str | None]
) -> None:
    row = status(sts)
    assert (row["code_list"], row["event_code"], row["reason_code"]) == expected


@pytest.mark.parametrize(
    ("dtm", "at", "local"),
    [
        ("334:20260801:102", None, "2026-08-01"),
        ("334:260801:101", None, "2026-08-01"),
        ("334:2608011405:201", None, "2026-08-01T14:05:00"),
        ("334:202608011405:203", None, "2026-08-01T14:05:00"),
        ("334:20260801140507:204", None, "2026-08-01T14:05:07"),
        ("334:202608011405?+0530:205", "2026-08-01T14:05:00+05:30", None),
        ("334:202608011405-03:303", "2026-08-01T14:05:00-03:00", None),
        ("334:202608011405GMT:303", "2026-08-01T14:05:00Z", None),
        ("334:20260801140507UTC:304", "2026-08-01T14:05:07Z", None),
        ("334:202608011405:303", None, "2026-08-01T14:05:00"),
    ],
)
def test_a_moment_is_aware_only_where_its_zone_was_sent(dtm: str, at: str | None, local: str | None) -> None:
    row = status("STS+1+21", f"DTM+{dtm}")
    assert (row["occurred_at"], row["occurred_local"], row["classifier"]) == (at, local, None)


@pytest.mark.parametrize(
    ("qualifiers", "classifier", "day"),
    [
        (["334"], None, "2026-08-01"),
        (["132"], "estimated", "2026-08-01"),
        (["191"], "estimated", "2026-08-01"),
        (["232"], "planned", "2026-08-01"),
        (["76"], "planned", "2026-08-01"),
        (["132", "178"], "actual", "2026-08-02"),
        (["232", "132", "334"], None, "2026-08-03"),
        (["2", "334"], None, "2026-08-02"),
        (["64", "63", "69", "10", "35"], "actual", "2026-08-05"),
    ],
)
def test_the_qualifier_says_how_certain_the_event_is_and_a_wish_is_not_its_time(
    qualifiers: list[str], classifier: str | None, day: str
) -> None:
    row = status("STS+1+1", *(f"DTM+{q}:2026080{n}:102" for n, q in enumerate(qualifiers, start=1)))
    assert (row["classifier"], row["occurred_local"]) == (classifier, day)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ([], "without a date of its own (DTM): nobody can say when it happened."),
        (["2"], "whose dates (DTM) have the qualifiers '2', none of which says when it happened."),
        (["64", "63", "69", "10"], "have the qualifiers '64', '63', '69', '10', none of which says"),
    ],
)
def test_a_status_that_does_not_say_when_is_set_aside(dates: list[str], words: str) -> None:
    told = (f"DTM+{qualifier}:20260801:102" for qualifier in dates)
    # The date of a leg is not the status's.
    leg = ("TDT+20+14E+1", "DTM+132:20260810:102")
    head = ("BGM+77+S+9", "DTM+137:202608011500:203", "CNI+1+HBL9", "STS+1+24")
    rule, found = problem(interchange(message(*head, *told, *leg)))
    assert (rule, found[:29]) == ("segment", "Segment 6 (STS) begins a stat")
    assert words in found and found.endswith("Ask the sender for the message again.")


def test_the_place_is_the_activity_s_where_named_and_never_the_leg_s() -> None:
    leg = ("TDT+20+1", "LOC+11+USNYC:139:6")
    assert status("STS+1+1", "LOC+9+DEHAM", "LOC+175+DEBRV:139:6", *leg)["location_code"] == "DEBRV"
    assert status("STS+1+1", *leg)["location_code"] is None
    gln = status("STS+1+1", "LOC+175+4012345000009::9")
    assert (gln["location_code_list"], status("STS+1+1", "LOC+14+X1:Z:87")["location_code_list"]) == (
        "GLN",
        "Z:87",
    )


def test_a_cancellation_takes_its_events_back() -> None:
    assert said(GOOD.replace("STATUS1+9", "STATUS1+1"))["is_withdrawn"] == "true"
    assert said(GOOD)["is_withdrawn"] is None


@pytest.mark.parametrize(
    ("charset", "encoding"), [("UNOC:3", "latin-1"), ("UNOY:4", "utf-8"), ("UNOW:4", "utf-8")]
)
def test_text_is_read_in_the_character_set_the_envelope_names(charset: str, encoding: str) -> None:
    text = interchange(message(*STATUS), charset=charset).replace("HAMBURG", "GÖTEBORG")
    assert records(text.encode(encoding))[0].values["location_name"] == "GÖTEBORG"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("202611260830:203", "2026-11-26T08:30:00Z"),
        ("202611260830?+01:303", "2026-11-26T08:30:00+01:00"),
        ("20261126:102", None),
    ],
)
def test_when_a_message_was_sent_is_an_instant_also_without_its_zone(written: str, read: str | None) -> None:
    segments = ("BGM+77+S+9", f"DTM+137:{written}", "CNI+1+HBL9", "STS+1+24", "DTM+78:20261126:102")
    assert said(interchange(message(*segments)))["sent_at"] == read


def test_an_instruction_becomes_a_row() -> None:
    found = judge(IFTMIN, instruction(*INSTRUCTION).encode())
    [row] = found.rows.to_pylist()
    expected = {
        "instruction_id": "CARRIERX/260801/1500/REF1/1",
        "instruction_no": "SI-1",
        "message_function": "9",
        "booking_no": "BOOK1",
        "shipment_references": '[["BN", "BOOK1"], ["ON", "PO5"]]',
        "carrier_scac": "MAEU",
        "shipper_id_list": "GLN",
        "shipper_name": "ACME LTD",
        "consignee_name": "BUYER INC",
        "receipt_location_code": "DEHAM",
        "delivery_location_name": "CHICAGO",
        "loading_location_code": "DEHAM",
        "discharge_location_code": None,
        "equipment": '[["CN", "MSKU1234565", "22G1"]]',
        "delivery_requested_local": "2026-09-01",
        "departure_planned_local": "2026-08-12T12:00:00",
        "package_count": 20,
        "package_type": "PK",
        "gross_weight_unit": "KGM",
        "goods_description": "PUMPS",
        "sent_at": datetime(2026, 8, 1, 15, tzinfo=UTC),
        "position": "segment 2",
    }
    assert {name: row[name] for name in expected} == expected
    assert float(row["gross_weight"]) == 12345.5


def test_goods_without_a_total_are_weighed_only_where_there_is_one_item() -> None:
    one = [s for s in INSTRUCTION if not s.startswith("CNT")]
    row = said(instruction(*one), IFTMIN)
    assert (row["gross_weight"], row["package_count"]) == ("1000", "20")
    row = said(instruction(*one, "GID+2+1:PK", "MEA+WT+G+KGM:5"), IFTMIN)
    assert (row["gross_weight"], row["package_count"], row["package_type"]) == (None, None, None)
