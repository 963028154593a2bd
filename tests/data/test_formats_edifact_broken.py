"""EDIFACT that is broken: said with its place, never an error of ours, never a row, never without a bound."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydifact import Characters, Parser, Tokenizer
from pydifact.parser import TokenIterator

from data.errors import ContractBroken, FileRefused
from data.formats import read
from data.formats.edifact.syntax import Syntax
from tests.data.edifact_files import (
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
)

BROKEN = {
    "empty": ("", "it is empty"),
    "other": ("ISA*00*", r"it begins with 'ISA\*00\*' and not with UNA or UNB\+"),
    "utf16": (GOOD.encode("utf-16"), r"not with UNA or UNB\+"),
    "una": ("UNA:+.?+'" + GOOD, "cannot be told from text or from each other"),
    "una_same": ("UNA++.? '" + GOOD, "cannot be told from text or from each other"),
    "una_letter": ("UNA:+.? A" + GOOD, "cannot be told from text"),
    "charset": (
        GOOD.replace("UNOC", "UNOZ"),
        r"segment 1 \(UNB\), element 1, names the character set 'UNOZ'",
    ),
    "version": (
        GOOD.replace("UNOC:3", "UNOC:9"),
        r"segment 1 \(UNB\), element 1, names the syntax version '9'",
    ),
    "sender": (
        GOOD.replace("CARRIERX:ZZ", ""),
        r"segment 1 \(UNB\), element 2, is empty: the interchange's sender",
    ),
    "reference": (GOOD.replace("1500+REF1", "1500"), r"segment 1 \(UNB\), element 5, is empty"),
    **{
        f"test_{code}": (
            GOOD.replace("1500+REF1", f"1500+REF1++++++{code}"),
            rf"element 11, is '{code}': it marks the interchange as a test",
        )
        for code in range(1, 6)
    },
    "ascii": (GOOD.replace("UNOC", "UNOA").replace("HAMBURG", "LÜBECK"), r"byte 264, in segment 11, is not"),
    "utf8": (
        GOOD.replace("UNOC", "UNOY").replace("HAMBURG", "LÜBECK"),
        r"in segment 11, is not a character of UNOY",
    ),
    "no_unz": (
        GOOD.replace("UNZ+1+REF1'", ""),
        r"segment 16 \(UNT\) is the last: the end of the interchange",
    ),
    "cut": (GOOD[:-5], r"segment 17 \(UNZ\) has no end \('\): the file was cut off"),
    "unz_count": (
        GOOD.replace("UNZ+1", "UNZ+2"),
        r"segment 17 \(UNZ\), element 1, counts '2' messages and 1 came",
    ),
    "unz_reference": (
        GOOD.replace("UNZ+1+REF1", "UNZ+1+REF2"),
        r"segment 17 \(UNZ\), element 2, is 'REF2' and",
    ),
    "after": (GOOD + "UNX+1'", r"segment 18 \(UNX\) comes after the end of the interchange"),
    "second_una": (GOOD + "UNA::.? '" + GOOD, r"after UNA before segment 18 .* cannot be told from text"),
    "second_charset": (GOOD + GOOD.replace("UNOC", "UNOX"), r"segment 18 \(UNB\), element 1, names the"),
    "second_cut": (GOOD + GOOD[:-5], r"segment 34 \(UNZ\) has no end"),
    "second_open": (GOOD + GOOD.replace("UNZ+1+REF1'", ""), r"segment 33 \(UNT\) is the last: the end of"),
    "second_unz": (GOOD + GOOD.replace("UNZ+1", "UNZ+3"), r"segment 34 \(UNZ\), element 1, counts '3'"),
    "second_utf8": (
        GOOD + GOOD.replace("UNOC", "UNOY").replace("HAMBURG", "LÜBECK"),
        r"byte 655, in segment 28, is not a character of UNOY",
    ),
    "first_open": (
        GOOD.replace("UNZ+1+REF1'", "") + GOOD,
        r"segment 17 \(UNB\) begins an interchange inside of another",
    ),
    "outside": (GOOD.replace("UNH", "UNX"), r"segment 2 \(UNX\) stands outside of any message"),
    "nested": (
        GOOD.replace("BGM+77", "UNB+77"),
        r"segment 3 \(UNB\) begins an interchange inside of another",
    ),
    "no_unh": (interchange(["UNT+1+1"]), r"segment 2 \(UNT\) ends a message that has not begun"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_envelope_refuses_the_file_before_any_row(content: str | bytes, words: str) -> None:
    raw = content.encode("latin-1") if isinstance(content, str) else content
    with pytest.raises(FileRefused, match=words):
        next(read(IFTSTA, raw))


@pytest.mark.parametrize(
    ("old", "new", "rule", "words"),
    [
        (
            "UNT+15+1",
            "UNT+14+1",
            "envelope",
            "Segment 16 (UNT), element 1, counts '14' segments and the message has 15.",
        ),
        (
            "UNT+15+1",
            "UNT+15+2",
            "envelope",
            "Segment 16 (UNT), element 2, is '2' and the reference of UNH is '1'.",
        ),
        (
            "UNT+15+1'",
            "",
            "envelope",
            "Segment 2 (UNH) begins a message that has no end (UNT) before segment 16 (UNZ).",
        ),
        (
            "IFTSTA:D",
            "IFTMIN:D",
            "message",
            "Segment 2 (UNH), element 2, says 'IFTMIN', and this feed is of IFTSTA",
        ),
        ("BGM+77", "RFF+77", "segment", "Segment 2 (UNH) begins a message without its BGM segment."),
        ("STS+1", "DOC+1", "segment", "Segment 7 (CNI) begins a consignment without any status (STS)."),
        (
            "CNI+1",
            "TSR+1",
            "segment",
            "Segment 8 (STS) gives a status before any consignment (CNI) or equipment",
        ),
        ("TDT+", "tdt+", "segment", "Segment 12 does not begin with a tag of three capital letters."),
        ("HAMBURG", "HAM\nBURG", "segment", "Segment 11 (LOC) holds the control character 0x0a"),
        ("UTC:303", "UTC:303'", "envelope", "counts '15' segments and the message has 16"),
        (
            "1500UTC",
            "1500CET",
            "segment",
            "Segment 4 (DTM), element 1, is of the time zone 'CET', which is neither",
        ),
        (
            "1405?+02",
            "2405?+02",
            "segment",
            "Segment 9 (DTM), element 1, is '202608012405+02', and there is no such",
        ),
        (
            ":202608011405?+02:303",
            ":202608011405?+02:203",
            "segment",
            "which is not of the date format 203 (CCYYMMDDHHMM)",
        ),
        (
            "?+02:303",
            "?+02:718",
            "segment",
            "Segment 9 (DTM), element 1, has the date format '718'; read are 101",
        ),
        ("STS+1+24+20", "STS+1", "segment", "Segment 8 (STS), element 2, is empty: the status has no event."),
    ],
)
def test_a_broken_message_is_one_problem_that_names_the_place(
    old: str, new: str, rule: str, words: str
) -> None:
    assert GOOD.count(old) == 1
    found = problem(GOOD.replace(old, new))
    assert found[0] == rule and words in found[1]
    assert found[1].endswith(("again.", "belongs to."))


def test_a_broken_message_costs_only_itself_and_keeps_its_own_segments() -> None:
    broken = message(*STATUS, reference="2")[:-1]
    first, second, third = records(interchange(message(*STATUS), broken, message(*STATUS, reference="3")))
    assert (first.problem, third.problem) == (None, None)
    assert second.raw_text == "".join(f"{segment}'" for segment in broken)
    assert second.line_number == 17


def test_two_messages_of_one_reference_are_not_two_events_of_one_identity() -> None:
    first, second = records(interchange(message(*STATUS), message(*STATUS)))
    assert first.problem is None and second.problem is not None
    assert "the message of segment 2 has the same reference" in second.problem.message


def test_a_broken_status_costs_only_itself() -> None:
    text = interchange(
        message("BGM+77+S", "CNI+1+H", "STS+1+1", "DTM+334:1:102", "STS+1+21", "DTM+35:20260801:102")
    )
    first, second = records(text)
    assert first.problem is not None and first.raw_text == "STS+1+1'DTM+334:1:102'"
    assert (second.values["event_code"], second.values["classifier"]) == ("21", "actual")


def test_two_moments_of_one_qualifier_are_not_chosen_from() -> None:
    text = interchange(
        message("BGM+77+S", "CNI+1+H", "STS+1+1", "DTM+334:20260801:102", "DTM+334:20260802:102")
    )
    assert "a second, different moment of qualifier 334" in problem(text)[1]


def test_repeated_elements_of_syntax_4_are_not_taken_for_text() -> None:
    text = GOOD.replace("UNOC:3", "UNOC:4").replace("RFF+BN:BOOK1", "RFF+BN:BOOK1*BN:BOOK2")
    assert "Segment 6 (RFF) repeats an element" in problem(text)[1]
    assert said(text.replace("*", "?*"))["shipment_references"] == '[["CNI", "HBL9"], ["BN", "BOOK1*BN"]]'
    assert (
        said(text.replace("UNOC:4", "UNOC:3"))["shipment_references"]
        == '[["CNI", "HBL9"], ["BN", "BOOK1*BN"]]'
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("12345,5", "12.345,5", "Segment 6 (CNT), element 1, is '12.345,5', which is no number."),
        ("NAD+", "TSR+", "Segment 2 (UNH) begins an instruction without any party (NAD)."),
        (
            "2:20260901",
            "2:20260931",
            "Segment 5 (DTM), element 1, is '20260931', and there is no such day or time.",
        ),
    ],
)
def test_a_broken_instruction_is_one_problem(old: str, new: str, words: str) -> None:
    assert problem(instruction(*INSTRUCTION).replace(old, new), IFTMIN) == (
        "segment",
        f"{words} Ask the sender for the message again.",
    )


def test_a_contract_of_another_message_cannot_be_used() -> None:
    with pytest.raises(ContractBroken, match="message must be IFTMIN or IFTSTA"):
        records(GOOD, IFTSTA.model_copy(update={"message": "CONTRL"}))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 12), st.binary(max_size=6)), min_size=1, max_size=4
    )
)
def test_no_damage_makes_an_error_of_ours_or_a_row_that_the_bytes_do_not_say(
    damage: list[tuple[int, int, bytes]],
) -> None:
    for contract, kind, segments in ((IFTSTA, "IFTSTA", STATUS), (IFTMIN, "IFTMIN", INSTRUCTION)):
        content = interchange(message(*segments, kind=f"{kind}:D:95B:UN")).encode()
        for at, length, instead in damage:
            at %= len(content) + 1
            content = content[:at] + instead + content[at + length :]
        try:
            found = records(content, contract)
        except FileRefused:
            continue
        words = content.decode("latin-1").replace("?", "")
        assert contract is IFTMIN or len(found) <= max(words.count("STS"), words.count("UNH"))
        for record in found:
            for name in (
                "sender_id",
                "event_code",
                "reason_code",
                "equipment_no",
                "location_code",
                "booking_no",
            ):
                value = record.values.get(name)
                assert record.problem or not value or value.replace("?", "") in words


@given(st.data())
def test_any_words_come_back_from_released_characters(data: st.DataObject) -> None:
    signs = st.text(st.sampled_from("ABZ09 ?+:'.,"), min_size=1, max_size=12)
    words = data.draw(st.lists(st.lists(signs, min_size=1, max_size=4), min_size=1, max_size=4))
    elements = [":".join("".join(f"?{c}" if c in "?+:'" else c for c in w) for w in ws) for ws in words]
    text = f"FTX+{'+'.join(elements)}'"
    [raw] = Syntax(":+.? '", "3").cut(text, "iftsta")
    assert [list(ws) for ws in Syntax(":+.? '", "3").parse(raw).elements[1:]] == words
    assert list(other(text)) == [["FTX", *(ws if len(ws) > 1 else ws[0] for ws in words)]]


def test_a_well_formed_file_is_cut_as_pydifact_cuts_it() -> None:
    for text in (GOOD, instruction(*INSTRUCTION)):
        syntax = Syntax(":+.? '", "3")
        ours = [syntax.parse(raw).elements for raw in syntax.cut(text, "iftsta")]
        assert [[list(e) if len(e) > 1 else e[0] for e in elements] for elements in ours] == list(other(text))


def other(text: str) -> Iterator[list[str | list[str]]]:
    """The segments as pydifact takes them apart."""
    yield from Parser().convert_tokens_to_raw_segments(
        TokenIterator(Tokenizer().get_tokens(text, Characters()))
    )


def seconds(text: str) -> float:
    begun = time.process_time()
    try:
        found = records(text)
    except FileRefused:
        return time.process_time() - begun
    assert [record.values for record in found] == [{}]
    return time.process_time() - begun


@pytest.mark.parametrize(
    ("signs", "size"),
    [("'", 100_000), ("STS+1+1'", 500_000), ("+", 5_000_000), ("?'", 5_000_000), ("A", 5_000_000)],
)
def test_hostile_files_take_time_in_proportion_to_their_size(signs: str, size: int) -> None:
    head, tail = GOOD.split("BGM")[0] + "BGM+77'", "'UNT+3+1'UNZ+1+REF1'"
    small, large = (seconds(head + signs * (n * size // len(signs)) + tail) for n in (1, 4))
    assert large < 10 * max(small, 0.05)
    unended = [seconds(head + signs.replace("'", "") * (n * size // 4)) for n in (1, 4)]
    assert unended[1] < 10 * max(unended[0], 0.05)


def test_more_segments_than_a_file_may_have_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.formats.edifact.syntax.MAX_SEGMENTS", 10)
    with pytest.raises(FileRefused, match="segment 11 is one more than the 10 a file may have"):
        records(GOOD)


def test_a_file_of_endless_interchanges_is_refused() -> None:
    empty = b"UNB+UNOA:1+A+B+260801:1500+D'UNZ+0+D'"
    assert list(read(IFTSTA, empty * 1_000)) == []
    with pytest.raises(
        FileRefused, match=r"segment 200,001 \(UNB\) begins one more interchange than the 100,000"
    ):
        list(read(IFTSTA, empty * 100_001))


def test_a_message_of_endless_segments_is_not_read() -> None:
    text = interchange(message(*STATUS, *["FTX+AAI+++A"] * 50_000))
    assert "50,000 are read at most" in problem(text)[1]
