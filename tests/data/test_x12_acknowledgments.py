"""Acknowledgements by X12: a sender learns what was taken, in the standard's codes; ours are never answered."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyx12.x12file import X12Reader

from data.contract import split
from data.errors import FileRefused
from data.formats import read
from data.formats.x12.acknowledgment import acknowledge
from data.formats.x12.advice import advise
from data.formats.x12.envelope import interchanges_of
from data.formats.x12.told import said_in
from data.formats.x12.writer import CannotWrite, Group, answer
from tests.data.builders import NOW, SHA
from tests.data.interchanges import (
    NEWLINE,
    PLAIN,
    STATUS,
    STYLES,
    Style,
    cells,
    feed,
    group,
    interchange,
    message,
    records,
    renamed,
    transaction,
)

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
HEAD = "ISA*00*          *00*          *ZZ*TIDEWAITER     *02*ACMECARRIER    *261126*0930*U*00401*000000042*0*P*>"


def answered(content: str | bytes, kind: str = "214") -> list[str]:
    """The segments of the answer to a file, which both readers must find sound."""
    told = acknowledge(feed(kind), content if isinstance(content, bytes) else content.encode(), 42, AT)
    return sound(told)


def sound(told: bytes) -> list[str]:
    """The segments of what we send; no reader finds a fault in it."""
    if not told:
        return []
    for found in interchanges_of(feed("997"), told):
        assert found.faults == ()
    text = told.decode()
    for whole in text.split("ISA")[1:]:
        reader = X12Reader(io.StringIO("ISA" + whole))
        assert list(reader)
        assert [fault for fault in reader.pop_errors() if fault[1] != "SEG1"] == []
        reader.cleanup()
        assert reader.pop_errors() == []
    return [segment for segment in text.split(text[105]) if segment]


def sets(*bodies: str) -> str:
    """An interchange of one group of 214s."""
    return message("214", *bodies).decode()


def test_a_sound_file_is_accepted_by_the_parties_it_came_between() -> None:
    assert answered(sets(STATUS, STATUS)) == [
        HEAD,
        "GS*FA*TIDE*ACME*20261126*0930*42*X*004010",
        "ST*997*0001",
        "AK1*QM*1",
        "AK2*214*0001",
        "AK5*A",
        "AK2*214*0002",
        "AK5*A",
        "AK9*A*2*2*2",
        "SE*8*0001",
        "GE*1*42",
        "IEA*1*000000042",
    ]


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
def test_an_answer_is_written_as_the_partner_writes(style: Style) -> None:
    told = acknowledge(feed("214"), message("214", STATUS, style=style), 42, AT)
    sound(told)
    found = list(read(feed("997"), told))
    assert [record.problem for record in found] == [None, None]
    assert [cells(record)["acknowledgment_code"] for record in found] == ["A", "A"]
    assert told.decode()[3] == style.element
    assert told.decode()[105] == style.terminator


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("SE*9*0001", "SE*8*0001", ["AK5*R*4", "AK9*R*1*1*0"]),
        ("SE*9*0001", "SE*9*0009", ["AK5*R*3", "AK9*R*1*1*0"]),
        ("ST*214*0001", "ST*990*0001", ["AK5*R*1", "AK9*R*1*1*0"]),
        ("GE*1*1", "GE*3*1", ["AK5*R", "AK9*R*3*1*0*5"]),
        ("GE*1*1", "GE*1*7", ["AK5*R", "AK9*R*1*1*0*4"]),
        ("SE*9*0001~", "", ["AK5*R", "AK9*R*1*1*0*3"]),
        (
            "B10*PRO123*SHIP9*ACME",
            "B10*PRO123*SHIP9",
            ["AK3*B10*2**8", "AK4*3**1", "AK5*R*5", "AK9*R*1*1*0"],
        ),
        ("B10*PRO123", "B19*PRO123", ["AK3*ST*1**3", "AK5*R*5", "AK9*R*1*1*0"]),
        (
            "20261126*0815*ET",
            "20261326*0815*ET",
            ["AK3*AT7*5**8", "AK4*5**8*20261326", "AK5*E", "AK9*E*1*1*1"],
        ),
        (
            "20261126*0815*ET",
            "20261126*0861*ET",
            ["AK3*AT7*5**8", "AK4*5**9*20261126", "AK5*E", "AK9*E*1*1*1"],
        ),
    ],
)
def test_what_was_found_is_told_in_the_standards_codes(old: str, new: str, told: list[str]) -> None:
    content = sets(STATUS)
    assert old in content
    found = answered(content.replace(old, new))
    assert [segment for segment in found if segment[:3] in ("AK3", "AK4", "AK5", "AK9")] == told


def test_a_group_is_taken_in_part() -> None:
    bad = STATUS.replace("*ACME", "")
    found = answered(sets(STATUS, bad, STATUS))
    assert [segment for segment in found if segment.startswith(("AK5", "AK9"))] == [
        "AK5*A",
        "AK5*R*5",
        "AK5*A",
        "AK9*P*3*3*2",
    ]


def test_each_group_is_answered_and_groups_of_other_parties_on_their_own() -> None:
    one = group("214", transaction("214", STATUS), number="1")
    two = group("214", transaction("214", STATUS), number="2")
    other = [segment.replace("*ACME*TIDE*", "*ACME2*TIDE*") for segment in two]
    other = [segment.replace("*2*X", "*3*X") for segment in other[:-1]] + ["GE*1*3"]
    found = answered(interchange(one, two, other))
    assert [segment for segment in found if segment.startswith(("GS", "AK1", "GE", "IEA"))] == [
        "GS*FA*TIDE*ACME*20261126*0930*42*X*004010",
        "AK1*QM*1",
        "AK1*QM*2",
        "GE*2*42",
        "GS*FA*TIDE*ACME2*20261126*0930*43*X*004010",
        "AK1*QM*3",
        "GE*1*43",
        "IEA*2*000000042",
    ]


def test_each_interchange_is_answered_with_the_next_number() -> None:
    found = answered(sets(STATUS) + interchange(group("214", transaction("214", STATUS)), number=2))
    assert [segment for segment in found if segment.startswith("IEA")] == [
        "IEA*1*000000042",
        "IEA*1*000000043",
    ]


def test_an_interchange_that_asks_is_answered_itself() -> None:
    found = answered(message("214", STATUS, style=renamed(PLAIN, asks="1")))
    assert found[1] == "TA1*000000001*261126*0830*A*000"
    assert found[-1] == "IEA*1*000000042"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("IEA*1*000000001~", "", "023"),
        ("IEA*1*000000001~", "IEA*1*0000", "023"),
        ("IEA*1*000000001", "IEA*1*000000007", "001"),
        ("IEA*1*000000001", "IEA*4*000000001", "021"),
        ("GE*1*1~", "GE*1*1~N1*SF~", "024"),
        ("L11*BOL77", "l11*BOL77", "024"),
    ],
)
def test_a_refused_interchange_is_rejected_as_a_whole(old: str, new: str, code: str) -> None:
    assert answered(sets(STATUS).replace(old, new)) == [
        HEAD,
        f"TA1*000000001*261126*0830*R*{code}",
        "IEA*0*000000042",
    ]


def test_a_test_is_answered_by_a_test_and_nothing_of_it_is_taken() -> None:
    asked = interchange(group("214", transaction("214", STATUS)), e15="T")
    told = acknowledge(feed("214"), asked.encode(), 42, AT)
    assert sound(told) == [
        HEAD.replace("*P*", "*T*"),
        "TA1*000000001*261126*0830*R*020",
        "IEA*0*000000042",
    ]
    assert [one.verdict for one in said_in(feed("214"), told)] == ["rejected"]


def test_nothing_of_a_refused_file_counts_as_taken() -> None:
    second = interchange(group("214", transaction("214", STATUS)), number=2).replace("IEA*1*", "IEA*2*")
    found = answered(sets(STATUS) + second)
    assert [segment for segment in found if segment.startswith("TA1")] == [
        "TA1*000000001*261126*0830*R*024",
        "TA1*000000002*261126*0830*R*021",
    ]
    assert [segment for segment in answered(sets(STATUS) + "UNB+") if segment.startswith("TA1")] == [
        "TA1*000000001*261126*0830*R*024"
    ]


def test_what_cannot_be_answered_says_so() -> None:
    with pytest.raises(FileRefused, match="should begin an interchange"):
        answered("UNB+UNOA")
    with pytest.raises(ValueError, match="no control number"):
        acknowledge(feed("214"), sets(STATUS).encode(), 10**9, AT)
    with pytest.raises(ValueError, match="time zone"):
        acknowledge(feed("214"), sets(STATUS).encode(), 1, AT.replace(tzinfo=None))
    with pytest.raises(FileRefused, match="limit of 1 rows"):
        acknowledge(feed("214", max_rows=1), sets(STATUS).encode(), 1, AT)


def test_an_acknowledgement_is_never_acknowledged() -> None:
    told = acknowledge(feed("214"), sets(STATUS).encode(), 42, AT)
    assert acknowledge(feed("997"), told, 43, AT) == b""
    note = acknowledge(feed("214"), sets(STATUS).replace("IEA*1*", "IEA*2*").encode(), 42, AT)
    assert acknowledge(feed("997"), note, 43, AT) == b""


def test_a_partners_acknowledgement_is_a_row_a_set_and_one_for_the_group() -> None:
    body = """
        AK1*SM*17
        AK2*204*0001
        AK5*A
        AK2*204*0002
        AK3*S5*4**8
        AK4*2**7*QQ
        AK4*3**6
        AK5*R*5
        AK9*P*2*2*1
    """
    found = records("997", message("997", body))
    assert split(feed("997"), found, "demo", SHA, NOW, NOW).rejected == []
    first, second, whole = (cells(record) for record in found)
    assert (first["level"], first["set_control_no"], first["acknowledgment_code"]) == ("set", "0001", "A")
    assert (second["set_kind"], second["acknowledgment_code"]) == ("204", "R")
    assert json.loads(second["error_codes"]) == ["5"]
    assert json.loads(second["segment_errors"]) == [["S5", "4", "8", [["2", "7"], ["3", "6"]]]]
    assert (whole["level"], whole["acknowledgment_code"]) == ("group", "P")
    assert [whole[f"{name}_set_count"] for name in ("included", "received", "accepted")] == ["2", "2", "1"]
    assert {row["group_control_no"] for row in (first, second, whole)} == {"17"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("AK1*SM*17\nAK2*204*0001\nAK9*A*1*1*1", "is answered without its end (AK5)"),
        ("AK1*SM*17\nAK2*204*0001\nAK5*A", "must have its group's end (AK9) once"),
        ("AK9*A*1*1*1", "begins a 997 without its AK1"),
        ("AK1*SM\nAK9*A*1*1*1", "element 2, is blank"),
    ],
)
def test_an_acknowledgement_that_leaves_something_out_is_not_believed(body: str, words: str) -> None:
    found = [record.problem.message for record in records("997", message("997", body)) if record.problem]
    assert len(found) == 1
    assert words in found[0]


LOWER = STATUS.replace("*SHIP9*ACME", "*SHIP9*acme")


def advised(content: bytes) -> list[str]:
    """The segments of the 824s about a file that its contract judged."""
    contract = feed("214")
    rejected = split(contract, read(contract, content), "demo", SHA, NOW, NOW).rejected
    return sound(advise(contract, content, rejected, 42, AT))


def test_what_the_contract_refuses_is_told_with_its_sentence() -> None:
    found = advised(message("214", STATUS, LOWER))
    told = "carrier_scac is 'acme', which is not written as agreed (^[A-Z]{2,4}$)."
    assert found[1:-2] == [
        "GS*AG*TIDE*ACME*20261126*0930*42*X*004010",
        "ST*824*0001",
        "BGN*00*1-0002*20261126*0930*UT",
        "OTI*TR*TN*0002*ACME*TIDE*20261126*0830*1*0002*214*004010",
        "REF*SI*SHIP9",
        f"TED*024*{told[:60].rstrip()}*AT7*5***acme",
        f"NTE**{told}",
        f"TED*024*{told[:60].rstrip()}*AT7*8***acme",
        f"NTE**{told}",
        "SE*9*0001",
    ]


def test_a_set_of_which_rows_are_left_is_refused_in_part() -> None:
    content = message("214", STATUS.replace("MS2*ACMU*123456**7", f"MS2*ACMU*{'9' * 30}"))
    found = advised(content)
    assert [segment for segment in found if segment.startswith("OTI*TP")]
    assert len([segment for segment in found if segment.startswith("TED")]) == 1


def test_what_a_997_tells_is_not_told_again_and_a_good_file_is_not_advised() -> None:
    assert advised(message("214", STATUS)) == []
    assert advised(message("214", STATUS.replace("20261126*0815*ET", "20261326"))) == []
    with pytest.raises(FileRefused, match="refused as a whole"):
        advise(feed("214"), sets(STATUS).replace("IEA*1", "IEA*2").encode(), [], 42, AT)


def test_separators_in_data_cannot_break_out_of_an_advice() -> None:
    body = STATUS.replace("MS2*ACMU*123456**7", "MS2*ACMU*" + "9~9>'".replace("~", "?") * 8)
    found = advised(message("214", body))
    assert all(">" not in segment for segment in found[1:])


def test_a_separator_inside_of_data_is_refused_by_the_writer() -> None:
    [came] = interchanges_of(feed("214"), sets(STATUS).encode())
    told = Group(came.segments[1], "FA", 1, [("997", [("AK1", "Q*M", "1")])])
    with pytest.raises(CannotWrite, match="Element 1 of AK1 cannot be written"):
        answer(came, 1, AT, [told])


@pytest.mark.parametrize("style", [PLAIN, NEWLINE], ids=["plain", "newline"])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_whatever_arrives_the_answer_is_sound_or_the_file_is_refused(
    style: Style, data: st.DataObject
) -> None:
    content = bytearray(message("214", STATUS, LOWER, style=style))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        told = acknowledge(feed("214"), bytes(content), 42, AT)
    except FileRefused:
        return
    sound(told)
    contract = feed("214")
    try:
        rejected = split(contract, read(contract, bytes(content)), "demo", SHA, NOW, NOW).rejected
    except FileRefused:
        return
    sound(advise(contract, bytes(content), rejected, 42, AT))
