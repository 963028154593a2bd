"""The envelope of an interchange (UNB/UNZ, UNG/UNE, UNH/UNT): checked as a whole, then opened message by message.

A broken interchange or group refuses the file before any row of it is read; a broken message is one problem. A file
may hold several interchanges one after another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from data.contract.model import Contract
from data.formats.edifact.syntax import Raw, Segment, Syntax, interchanges, refused, where
from data.records import Problem, sentence

#: No message is longer than this; what it says is not read then. The largest real ones have some thousands.
MAX_MESSAGE_SEGMENTS = 50_000
#: Every interchange is held until all of them were looked at.
MAX_INTERCHANGES = 100_000
COUNT = re.compile(r"0*([0-9]{1,9})")
ASK_MESSAGE_AGAIN = "Ask the sender for the message again."
ENVELOPE_TAGS = frozenset({"UNB", "UNG", "UNH", "UNT", "UNE", "UNZ"})


@dataclass(frozen=True, slots=True)
class Interchange:
    """One UNB to its UNZ, whose envelope holds. `sender` and `reference` are data elements 0004 and 0020.

    `prepared` are the day and the time of its preparation as sent (S004); `before` says how many segments of the
    file come before it.
    """

    feed: str
    syntax: Syntax
    text: str
    before: int
    sender: str
    prepared: tuple[str, str]
    reference: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message, UNH to UNT. With a `problem` nothing in it may be used; `identity` names it among all others."""

    interchange: Interchange
    identity: str
    segments: list[Raw]
    problem: Problem | None = None

    @property
    def number(self) -> int:
        """The number of its UNH in the file."""
        return self.segments[0].number

    @property
    def raw_text(self) -> str:
        """Its own segments as sent."""
        return self.words(self.segments)

    def words(self, segments: list[Raw]) -> str:
        """Some of its segments as sent."""
        end = self.interchange.syntax.terminator
        return "".join(f"{raw.text}{end}" for raw in segments)

    def parse(self, raw: Raw) -> Segment:
        """One of its segments taken apart."""
        return self.interchange.syntax.parse(raw)


def opened(contract: Contract, content: bytes) -> list[Interchange]:
    """The interchanges in these bytes; FileRefused where the envelope of one does not hold from UNB to UNZ."""
    found: list[Interchange] = []
    for syntax, text, before in interchanges(contract, content):
        if len(found) == MAX_INTERCHANGES:
            words = f"begins one more interchange than the {MAX_INTERCHANGES:,} that a file may have"
            raise refused(contract.feed, before + 1, "UNB", None, words)
        walk = _Walk(contract.feed, syntax)
        for raw in syntax.cut(text, contract.feed, before):
            walk.take(raw)
        walk.finish()
        sent = (walk.sender, walk.prepared, walk.reference)
        found.append(Interchange(contract.feed, syntax, text, before, *sent))
    return found


class _Walk:
    """One look at every segment of an interchange, for what holds the messages together."""

    def __init__(self, feed: str, syntax: Syntax) -> None:
        self.feed, self.syntax = feed, syntax
        self.sender = self.reference = ""
        self.prepared = ("", "")
        self.group: Segment | None = None
        self.last: Raw | None = None
        self.in_message = self.is_closed = False
        self.message_count = self.group_count = self.messages_in_group = 0

    def take(self, raw: Raw) -> None:
        if raw.tag in ENVELOPE_TAGS:
            fault = self.syntax.fault(raw)
            if fault:
                raise self._refused(raw, None, fault)
            getattr(self, f"_{raw.tag.lower()}")(raw, self.syntax.parse(raw))
        elif not self.in_message:
            raise self._refused(
                raw, None, self.syntax.fault(raw) or "stands outside of any message (UNH to UNT)"
            )
        self.last = raw

    def finish(self) -> None:
        if not self.is_closed:
            number, tag = (self.last.number, self.last.tag) if self.last else (0, "")
            raise refused(
                self.feed, number, tag, None, "is the last: the end of the interchange (UNZ) is missing"
            )

    def _unb(self, raw: Raw, segment: Segment) -> None:
        if self.last:
            raise self._refused(raw, None, "begins an interchange inside of another")
        for element, name in ((2, "sender"), (3, "recipient"), (4, "date"), (5, "control reference")):
            if not segment.value(element):
                raise self._refused(raw, element, f"is empty: the interchange's {name} is missing")
        # Data element 0035: 1 a test, 2 a check of the syntax, 3 and 4 an echo, 5 a service provider's test.
        if segment.value(11):
            words = f"is {segment.value(11)[:10]!r}: it marks the interchange as a test, which is no news of a shipment"
            raise self._refused(raw, 11, words)
        self.sender, self.reference = segment.value(2), segment.value(5)
        self.prepared = (segment.value(4), segment.value(4, 2))

    def _ung(self, raw: Raw, segment: Segment) -> None:
        if self.group:
            raise self._refused(
                raw, None, f"begins a group before the one of segment {self.group.number} has ended"
            )
        if self.message_count and not self.group_count:
            raise self._refused(raw, None, "begins a group after messages outside of any")
        self.group, self.in_message = segment, False
        self.group_count, self.messages_in_group = self.group_count + 1, 0

    def _unh(self, raw: Raw, segment: Segment) -> None:
        if self.group_count and not self.group:
            raise self._refused(
                raw, None, "begins a message outside of any group, and the interchange has groups"
            )
        self.in_message = True
        self.message_count, self.messages_in_group = self.message_count + 1, self.messages_in_group + 1

    def _unt(self, raw: Raw, segment: Segment) -> None:
        if not self.in_message:
            raise self._refused(raw, None, "ends a message that has not begun (UNH)")
        self.in_message = False

    def _une(self, raw: Raw, segment: Segment) -> None:
        if not self.group:
            raise self._refused(raw, None, "ends a group that has not begun (UNG)")
        self._check_end(raw, segment, "messages", self.messages_in_group, "UNG", self.group.value(5))
        self.group, self.in_message = None, False

    def _unz(self, raw: Raw, segment: Segment) -> None:
        if self.group:
            raise self._refused(
                raw, None, f"ends the interchange before the group of segment {self.group.number}"
            )
        noun, count = ("groups", self.group_count) if self.group_count else ("messages", self.message_count)
        self._check_end(raw, segment, noun, count, "UNB", self.reference)
        self.is_closed = True

    def _check_end(
        self, raw: Raw, segment: Segment, noun: str, count: int, begin: str, reference: str
    ) -> None:
        if counted(segment.value(1)) != count:
            raise self._refused(raw, 1, f"counts {segment.value(1)[:20]!r} {noun} and {count} came")
        if segment.value(2) != reference:
            words = f"is {segment.value(2)[:40]!r} and the control reference of {begin} is {reference[:40]!r}"
            raise self._refused(raw, 2, words)

    def _refused(self, raw: Raw, element: int | None, words: str) -> Exception:
        return refused(self.feed, raw.number, raw.tag, element, words)


def counted(value: str) -> int | None:
    """A control count as a number; None where it is none."""
    found = COUNT.fullmatch(value)
    return int(found[1]) if found else None


def messages(file: list[Interchange], message_type: str) -> Iterator[Message]:
    """Every message in order, those that cannot be used with their problem."""
    seen: dict[str, int] = {}
    for interchange in file:
        yield from _messages(interchange, message_type, seen)


def _messages(interchange: Interchange, message_type: str, seen: dict[str, int]) -> Iterator[Message]:
    group, current, count = "", None, 0
    for raw in interchange.syntax.cut(interchange.text, interchange.feed, interchange.before):
        if current and raw.tag in ENVELOPE_TAGS - {"UNT"}:
            yield _message(interchange, message_type, group, current, count, seen, raw)
            current = None
        if raw.tag == "UNG":
            group = interchange.syntax.parse(raw).value(5)
        elif raw.tag == "UNH":
            current, count = [raw], 1
        elif current:
            count += 1
            if len(current) < MAX_MESSAGE_SEGMENTS or raw.tag == "UNT":
                current.append(raw)
            if raw.tag == "UNT":
                yield _message(interchange, message_type, group, current, count, seen, raw)
                current = None


def _message(
    interchange: Interchange,
    message_type: str,
    group: str,
    segments: list[Raw],
    count: int,
    seen: dict[str, int],
    end: Raw,
) -> Message:
    head = interchange.syntax.parse(segments[0])
    # Control references start anew, so what tells one interchange from another is its time as well.
    envelope = [interchange.sender, *interchange.prepared, interchange.reference]
    parts = [*envelope, *([group] if group else []), head.value(1)]
    identity = "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)
    problem = (
        _end_problem(interchange.syntax, head, count, end)
        or _head_problem(head, message_type)
        or _repetition_problem(head, seen.setdefault(identity, head.number))
        or _segment_problem(interchange.syntax, segments)
    )
    return Message(interchange, identity, segments, problem)


def _end_problem(syntax: Syntax, head: Segment, count: int, end: Raw) -> Problem | None:
    if end.tag != "UNT":
        words = f"begins a message that has no end (UNT) before segment {end.number:,} ({end.tag})"
        return problem_at("envelope", head.number, "UNH", None, words)
    if count > MAX_MESSAGE_SEGMENTS:
        words = f"begins a message of {count:,} segments; {MAX_MESSAGE_SEGMENTS:,} are read at most"
        return problem_at("envelope", head.number, "UNH", None, words)
    tail = syntax.parse(end)
    if counted(tail.value(1)) != count:
        words = f"counts {tail.value(1)[:20]!r} segments and the message has {count:,}"
        return problem_at("envelope", end.number, "UNT", 1, words)
    if tail.value(2) != head.value(1):
        words = f"is {tail.value(2)[:40]!r} and the reference of UNH is {head.value(1)[:40]!r}"
        return problem_at("envelope", end.number, "UNT", 2, words)
    return None


def _head_problem(head: Segment, message_type: str) -> Problem | None:
    if not head.value(1):
        return problem_at("envelope", head.number, "UNH", 1, "is empty: the message has no reference")
    if head.value(2) != message_type:
        words = f"says {head.value(2)[:20]!r}, and this feed is of {message_type} messages"
        return problem_at("message", head.number, "UNH", 2, words, "Send it to the feed it belongs to.")
    return None


def _repetition_problem(head: Segment, first: int) -> Problem | None:
    if first == head.number:
        return None
    words = f"is {head.value(1)[:40]!r}, and the message of segment {first:,} has the same reference"
    return problem_at("envelope", head.number, "UNH", 1, words)


def _segment_problem(syntax: Syntax, segments: list[Raw]) -> Problem | None:
    for raw in segments:
        if fault := syntax.fault(raw):
            return problem_at("segment", raw.number, raw.tag, None, fault)
    return None


def problem_at(
    rule: str, number: int, tag: str, element: int | None, words: str, advice: str = ASK_MESSAGE_AGAIN
) -> Problem:
    """A problem whose sentence begins with the place in the file and ends with what to do."""
    return Problem(rule, f"{sentence(f'{where(number, tag, element)} {words}')} {advice}")
