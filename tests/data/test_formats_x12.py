"""X12: the envelope decides what can be trusted, and each AT7 of a 214 is one event or one reason why not."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import split
from data.errors import FileRefused
from data.formats import read
from data.formats.x12.envelope import MOST_SETS
from data.formats.x12.segments import LONGEST_SEGMENT
from data.formats.x12.times import NotATime, moment
from tests.data.builders import NOW, SHA
from tests.data.interchanges import (
    LINED,
    NEWER,
    NEWLINE,
    PLAIN,
    STATUS,
    STYLES,
    Style,
    cells,
    feed,
    group,
    interchange,
    isa,
    message,
    records,
    renamed,
    transaction,
)

CONTRACT = feed("214")
GOOD = message("214", STATUS)
SEGMENTS = GOOD.decode().split("~")


def refusal(text: str | bytes) -> str:
    """Why a file is refused."""
    with pytest.raises(FileRefused) as refused:
        records("214", text if isinstance(text, bytes) else text.encode())
    return str(refused.value).removeprefix("This x12_214 file was refused: ")


def problems(content: str | bytes) -> list[str]:
    """The sentence of each row that has a problem."""
    found = records("214", content if isinstance(content, bytes) else content.encode())
    return [record.problem.message for record in found if record.problem]


def changed(at: int, segment: str | None) -> str:
    """The good file with one segment (from 1) written otherwise, or left out."""
    own = list(SEGMENTS)
    own[at - 1 : at] = [] if segment is None else [segment]
    return "~".join(own)


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
def test_each_partner_writes_in_its_own_style_and_says_the_same(style: Style) -> None:
    first, second = records("214", message("214", STATUS, style=style))
    assert first.problem is None and second.problem is None
    assert cells(first) | {"position": "", "sent_at": ""} == {
        "event_id": "x12:ACMECARRIER:261126:0830:000000001:1:0001:1",
        "sender_id": "ACMECARRIER",
        "carrier_scac": "ACME",
        "shipment_references": json.dumps([["B10-01", "PRO123"], ["B10-02", "SHIP9"], ["BM", "BOL77"]]),
        "equipment_no": "ACMU1234567",
        "code_list": "x12_1650",
        "event_code": "X1",
        "reason_code": "NS",
        "occurred_at": "2026-11-26T08:15:00-05:00",
        "city": "CHICAGO",
        "region_code": "IL",
        "country_code": "US",
        "position": "",
        "sent_at": "",
    }
    assert second.values["code_list"] == "x12_1652"
    assert second.values["event_code"] == "AB"
    assert second.values["occurred_local"] == "2026-11-27T09:00:00"
    assert second.values["position"] == "segment 10 (AT7)"


@pytest.mark.parametrize("style", [PLAIN, LINED, NEWLINE, NEWER])
def test_separators_at_a_segments_end_are_no_fault(style: Style) -> None:
    body = STATUS.replace("MS1*CHICAGO*IL*US", "MS1*CHICAGO*IL*US****").replace("LX*1", "LX*1*")
    assert [record.problem for record in records("214", message("214", body, style=style))] == [None, None]


def test_a_file_may_hold_several_interchanges_with_separators_of_their_own() -> None:
    one = interchange(
        group("214", transaction("214", STATUS), transaction("214", STATUS, "0002"), number="7"),
        group("214", transaction("214", STATUS), number="8"),
    )
    other = interchange(group("214", transaction("214", STATUS)), style=NEWLINE, number=2)
    found = records("214", f"\ufeff{one}\r\n \n{other}\n".encode())
    assert [record.problem for record in found] == [None] * 8
    assert [record.row_number for record in found] == list(range(1, 9))
    ids = [record.values["event_id"] for record in found]
    assert len(set(ids)) == 8
    assert ids[2] == "x12:ACMECARRIER:261126:0830:000000001:7:0002:1"
    assert found[-1].line_number == 43


@pytest.mark.parametrize("end", [b"\x1a", b"\r\n\x1a", b"\x1a\x1a\r\n\x1a"])
@pytest.mark.parametrize("style", [PLAIN, LINED, NEWLINE])
def test_the_sign_that_ends_a_file_on_dos_is_no_part_of_it(style: Style, end: bytes) -> None:
    content = message("214", STATUS, style=style)
    assert records("214", content + end) == records("214", content)
    assert refusal(end) == f"it is empty.{ADVICE}"
    assert "should begin an interchange with ISA, and begins '" in refusal(content + end + content)


def test_what_is_accepted_goes_on_under_the_contract() -> None:
    found = split(CONTRACT, read(CONTRACT, GOOD), "demo", SHA, NOW, NOW)
    assert (found.rows.num_rows, found.rejected) == (2, [])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("B10***ACME**BM*BOL778", [["BM", "BOL778"]]),
        ("B10***ACME***BOL778", [["B10-06", "BOL778"]]),
        ("B10*PRO1**ACME**SI*S5", [["B10-01", "PRO1"], ["SI", "S5"]]),
    ],
)
def test_a_carrier_may_name_the_shipment_by_any_reference(head: str, expected: list[list[str]]) -> None:
    body = STATUS.replace("B10*PRO123*SHIP9*ACME", head).replace("L11*BOL77*BM\n", "")
    content = message("214", f"{body}\nMAN*CP*1*5*GM*7")
    found = split(CONTRACT, read(CONTRACT, content), "demo", SHA, NOW, NOW)
    assert found.rejected == []
    marks = [["MAN:CP", "1-5"], ["MAN:GM", "7"]]
    told = [json.loads(row["shipment_references"]) for row in found.rows.to_pylist()]
    assert told == [[*expected, *marks]] * 2


ADVICE = " Ask the partner to send the interchange again."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty."),
        ("\r\n  ", "it is empty."),
        ("UNB+UNOA:1", "segment 1 should begin an interchange with ISA, and begins 'UNB+UNOA:1'."),
        (isa()[:60], "segment 1: the ISA has 60 of its 106 characters."),
        (
            changed(1, isa(e06="SHORT")) + " " * 20,
            "segment 1: the ISA is not written in its fixed widths.",
        ),
        (
            interchange(group("214"), style=renamed(PLAIN, component="*")),
            "segment 1: the ISA is not written in its fixed widths.",
        ),
        (
            isa(style=renamed(PLAIN, component="~")) + "~" + "x" * 9,
            "segment 1: the ISA is not written in its fixed widths.",
        ),
        (
            isa(style=renamed(PLAIN, component="A")) + "~" + "x" * 9,
            "segment 1: the separators of the ISA are not three different signs.",
        ),
        (
            changed(13, None),
            "at segment 13: the file ends before the trailer IEA: a part of it is missing.",
        ),
        (
            GOOD.decode()[:-4],
            "at segment 13: the segment has no end: 'IEA*1*000000'; a part of the file is missing.",
        ),
        (changed(13, "IEA*1*000000009"), "at segment 13: IEA id=000000009 does not match ISA id=000000001."),
        (changed(13, "IEA*2*000000001"), "at segment 13: IEA count for IEA02=000000001 is wrong."),
        (changed(12, None), "at segment 12: Unterminated Loop GS."),
        (
            changed(11, None) and interchange(group("214", ["ST*214*1"], ["ST*214*2"])),
            "at segment 6: Unterminated Loop GS.",
        ),
        (changed(5, "l11*x"), "at segment 5: it has no segment name: 'l11*x'."),
        (changed(5, "~" + SEGMENTS[4]), "at segment 5: it has no segment name: ''."),
        (changed(3, "N1*SF~" + SEGMENTS[2]), "at segment 3: N1 stands outside of every transaction set."),
        (changed(12, "N1*SF~" + SEGMENTS[11]), "at segment 12: N1 stands outside of every transaction set."),
        (changed(2, None).replace("IEA*1", "IEA*0"), None),
        (
            changed(1, isa(e15="T")),
            "at segment 1: ISA15 is T: the interchange is a test, which is no news of a shipment; a real one says"
            " P.",
        ),
        (
            changed(2, "GS*QM*ACME*TIDE*20261126*0830**X*004010").replace("GE*1*1", "GE*1"),
            "at segment 2: the group has no kind (GS01) or no control number (GS06).",
        ),
        (
            changed(5, "L11*" + "9" * LONGEST_SEGMENT),
            f"at segment 5: the segment is longer than 8,000 characters: 'L11*{'9' * 36}… (7960 more"
            " characters)'.",
        ),
        (
            GOOD.decode().replace("CHICAGO", "CHIC\0GO"),
            f"character {GOOD.index(b'CHICAGO') + 5} is a NUL.",
        ),
    ],
)
def test_a_broken_interchange_refuses_the_file_and_says_where(text: str, sentence: str | None) -> None:
    if sentence is None:
        # Which sentence pyx12 finds here is its own; that the file is not trusted is ours.
        refused = [record for record in _outcome(text) if record is not None]
        assert refused
        return
    found = refusal(text)
    assert found == sentence + ADVICE


def _outcome(text: str) -> list[str | None]:
    try:
        return [
            record.problem.message if record.problem else None for record in records("214", text.encode())
        ]
    except FileRefused as refused:
        return [str(refused)]


@pytest.mark.parametrize("before", [b"", GOOD], ids=["alone", "second"])
def test_what_is_no_text_is_refused_at_its_segment_with_what_can_be_done(before: bytes) -> None:
    found = refusal(before + GOOD.replace(b"CHICAGO", "MONTR\u00c9AL".encode("latin-1")))
    place = len(before) + GOOD.index(b"CHICAGO") + 6
    segment = (before + GOOD[: GOOD.index(b"CHICAGO")]).count(b"~") + 1
    assert found == (
        f"byte {place:,}, in segment {segment}, is not valid UTF-8. Ask the partner to write UTF-8, or set encoding"
        " in data/contracts/partner/x12_214.yml to what they write (cp1252 or latin-1)."
    )


def test_no_text_before_an_isa_that_can_be_read_is_refused_at_the_segment_too() -> None:
    assert refusal(b"ISA*\xc9").startswith("byte 5, in segment 1, is not valid UTF-8. ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (changed(11, "SE*8*0001"), "Segment 11: SE count of 8 for SE02=0001 is wrong. I count 9."),
        (changed(11, "SE*9*0007"), "Segment 11: SE id=0007 does not match ST id=0001."),
        (changed(3, "ST*990*0001"), "Segment 3 (ST) begins a 990, and this feed takes 214."),
        (changed(3, "ST**0001"), "Segment 3 (ST) begins a message without a name, and this feed takes 214."),
        (changed(12, "GE*3*1"), "Segment 12: GE count of 3 for GE02=1 is wrong. I count 1."),
        (changed(12, "GE*1*9"), "Segment 12: GE id=9 does not match GS id=1."),
        (
            message("214", "B10*PRO*SHIP*ACME").decode(),
            "The 214 at segment 3 (ST) says nothing.",
        ),
        (
            message("214", STATUS.replace("B10*PRO123*SHIP9*ACME", "")).decode(),
            "Segment 3 (ST) begins a 214 without its B10.",
        ),
        (
            message("214", STATUS.replace("*ACME\n", "\n", 1)).decode(),
            "Segment 4 (B10), element 3, is blank, and the message cannot be understood without it.",
        ),
    ],
)
def test_a_fault_of_a_set_stays_with_the_set(text: str, sentence: str) -> None:
    assert set(problems(text)) == {sentence}


def test_a_fault_of_one_set_leaves_its_neighbours_alone() -> None:
    sets = [transaction("214", STATUS, f"{number:04}") for number in range(1, 4)]
    sets[1][-1] = "SE*99*0002"
    found = records("214", interchange(group("214", *sets)).encode())
    assert [record.problem is None for record in found] == [True, True, False, True, True]
    assert found[2].raw_text.startswith("ST*214*0002~B10*")


def test_a_control_number_used_twice_spoils_the_second_set_only() -> None:
    sets = [transaction("214", STATUS), transaction("214", STATUS)]
    found = records("214", interchange(group("214", *sets)).encode())
    assert [record.problem is None for record in found] == [True, True, False]
    assert found[2].problem and found[2].problem.message == (
        "Segment 12: ST02 gives the control number '0001', which an earlier set of the group has already; ask the"
        " partner to send this set again under a number of its own."
    )


def test_a_group_number_used_twice_spoils_the_second_group_only() -> None:
    sets = transaction("214", STATUS)
    found = records("214", interchange(group("214", sets), group("214", sets)).encode())
    assert [record.problem is None for record in found] == [True, True, False]
    assert found[2].problem and found[2].problem.message == (
        "Segment 13: GS06 gives the control number '1', which an earlier group has already; ask the partner to"
        " send this group again under a number of its own."
    )


def test_a_set_without_its_end_spoils_its_group_and_no_other() -> None:
    sets = [transaction("214", STATUS, f"{number:04}") for number in range(1, 3)]
    sets[0].pop()
    other = group("214", transaction("214", STATUS), number="2")
    found = records("214", interchange(group("214", *sets), other).encode())
    assert [record.problem is None for record in found] == [False, False, True, True]
    assert {record.problem.message for record in found if record.problem} == {
        "Segment 20: the group's set '0001' has no end (SE), so that nothing in the group can be trusted; ask the"
        " partner to send the group again with an SE for each ST."
    }


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("AT7*X1*NS*AB*NA*20261126", "never both or none"),
        ("AT7*****20261126*0815", "never both or none"),
        ("AT7*X1*NS", "Segment 7 (AT7), element 5, is blank: it says what happened without a day."),
        (
            "AT7*X1*NS***20261326",
            "Segment 7 (AT7), element 5, '20261326' is no day of the calendar.",
        ),
        ("AT7*X1*NS***261126", "'261126' is not a day written as CCYYMMDD"),
        ("AT7*X1*NS***20261126*2460", "'2460' is not a time written as HHMM or HHMMSS"),
        ("AT7*X1*NS***20261126*0815*QQ", "'QQ' is no time code of X12 element 623"),
        ("AT7*X1*NS***20260308*0230*ET", "does not exist on the clock of America/New_York"),
        ("AT7*X1*NS***20261101*0130*ET", "comes twice on the clock of America/New_York"),
        ("AT7*X1*NS***99991231*2400", "'99991231' is no day between 1900 and 2199"),
    ],
)
def test_a_status_that_cannot_be_read_says_where_and_why(status: str, sentence: str) -> None:
    body = STATUS.replace("AT7*X1*NS***20261126*0815*ET", status)
    [found] = problems(message("214", body))
    assert sentence in found
    assert found.startswith("Segment 7 (AT7), element ")


@pytest.mark.parametrize(
    ("day", "clock", "code", "found"),
    [
        ("20261126", "0815", "UT", ("2026-11-26T08:15:00+00:00", None)),
        ("20261126", "081530", "GM", ("2026-11-26T08:15:30+00:00", None)),
        ("20261126", "08153099", "ES", ("2026-11-26T08:15:30-05:00", None)),
        ("20260701", "0815", "ET", ("2026-07-01T08:15:00-04:00", None)),
        ("20260701", "0815", "ES", ("2026-07-01T08:15:00-05:00", None)),
        ("20260701", "0815", "NS", ("2026-07-01T08:15:00-03:30", None)),
        ("20260701", "0815", "02", ("2026-07-01T08:15:00+02:00", None)),
        ("20260701", "0815", "13", ("2026-07-01T08:15:00-12:00", None)),
        ("20260701", "0815", "24", ("2026-07-01T08:15:00-01:00", None)),
        ("20261231", "2400", "LT", (None, "2027-01-01T00:00:00")),
        ("20261231", "2359", None, (None, "2026-12-31T23:59:00")),
        ("20261231", None, None, (None, "2026-12-31")),
        (None, None, None, (None, None)),
    ],
)
def test_a_moment_has_its_zone_or_none_and_never_both(
    day: str | None, clock: str | None, code: str | None, found: tuple[str | None, str | None]
) -> None:
    assert moment(day, clock, code) == found


@pytest.mark.parametrize(
    ("day", "clock", "code"),
    [
        (None, "0815", None),
        ("20261126", None, "ET"),
        ("２０２６1126", None, None),
        ("20261126", "24001", None),
    ],
)
def test_half_a_moment_is_none(day: str | None, clock: str | None, code: str | None) -> None:
    with pytest.raises(NotATime):
        moment(day, clock, code)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("MS1****0873912*415242*W*N", ("41.878333", "-87.653333")),
        ("MS1****-87.6533*41.8783", ("41.878300", "-87.653300")),
        ("MS1****0873912.36*415242.5*W*N", ("41.878472", "-87.653433")),
        ("MS1****1743912*365242*E*S", ("-36.878333", "174.653333")),
        ("MS1*CHICAGO", (None, None)),
    ],
)
def test_a_position_is_degrees(place: str, found: tuple[str | None, str | None]) -> None:
    first, _ = records("214", message("214", STATUS.replace("MS1*CHICAGO*IL*US", place)))
    assert first.problem is None
    assert (first.values.get("latitude"), first.values.get("longitude")) == found


@pytest.mark.parametrize(
    "place",
    [
        "MS1****0876112*415242*W*N",
        "MS1****0873960.5*415242*W*N",
        "MS1****8*4",
        "MS1****0873912*415242*Q*N",
    ],
)
def test_a_position_that_is_none_says_so(place: str) -> None:
    [found] = problems(message("214", STATUS.replace("MS1*CHICAGO*IL*US", place)))
    assert found.startswith("Segment 8 (MS1), element ")


def test_directions_that_are_swapped_are_not_taken_for_a_place_elsewhere() -> None:
    for place, told in (
        ("MS1****0873912*415242*N*W", "6, gives the direction 'N', and a longitude has E or W."),
        ("MS1****0873912*415242**W", "7, gives the direction 'W', and a latitude has N or S."),
    ):
        [found] = problems(message("214", STATUS.replace("MS1*CHICAGO*IL*US", place)))
        assert found == f"Segment 8 (MS1), element {told}"


def test_a_version_whose_statuses_are_laid_out_otherwise_says_so() -> None:
    old = renamed(PLAIN, version="00307", group_version="003070")
    found = problems(message("214", STATUS, style=old))
    assert (
        found
        == [
            "Segment 3 (ST) begins a 214 of version 003070 (GS08), whose statuses are laid out otherwise: 004010 to"
            " 008030 are read, and the partner must send one of them."
        ]
        * 2
    )
    for version in ("004010", "008030", "X"):
        assert problems(message("214", STATUS, style=renamed(PLAIN, group_version=version))) == []


def test_more_sets_than_can_be_told_apart_in_time_refuse_the_file_at_once() -> None:
    sets = [["ST*214*1", "SE*2*1"]] * (MOST_SETS + 1)
    begin = time.monotonic()
    found = refusal(interchange(group("214", *sets)))
    assert "holds more than 5,000 groups and sets and must be sent in parts" in found
    assert time.monotonic() - begin < 10


def test_sets_that_never_end_refuse_the_file_in_no_more_time_than_its_length_takes() -> None:
    sets = [[f"ST*214*{number}"] for number in range(MOST_SETS - 1)]
    begin = time.monotonic()
    assert "Unterminated Loop ST" in refusal(interchange(group("214", *sets)))
    assert time.monotonic() - begin < 10


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_whatever_happens_to_the_bytes_the_file_is_refused_or_each_cell_was_sent(data: st.DataObject) -> None:
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        what = data.draw(st.sampled_from(["set", "cut", "insert", "drop"]))
        if what == "set" and content:
            content[at] = data.draw(st.integers(0, 255))
        elif what == "insert":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=5))
        elif what == "drop":
            del content[at : at + data.draw(st.integers(1, 30))]
        else:
            del content[at + 1 :]
    try:
        found = records("214", bytes(content))
    except FileRefused as refused:
        assert str(refused).endswith(".")
        return
    text = bytes(content).decode().removeprefix("\ufeff")
    for record in found:
        if record.problem is None:
            _assert_derived(record.values, text)


def _assert_derived(values: dict[str, str | None], text: str) -> None:
    """Every cell stands in the text, or is made of digits and words that do."""
    for name, value in values.items():
        if value is None or name in ("code_list", "latitude", "longitude", "position"):
            continue
        if name.endswith("_at") or name.endswith("_local"):
            assert re.sub(r"\D", "", value)[:4] in text
        elif name == "shipment_references":
            assert all(
                part in text
                for pair in json.loads(value)
                for part in pair
                if "-0" not in part and "MAN" not in part
            )
        elif name == "event_id":
            assert all(part.strip() in text for part in value.split(":")[1:-1])
        elif name in ("equipment_no", "remark"):
            assert all(sign in text for sign in value)
        else:
            assert value in text
