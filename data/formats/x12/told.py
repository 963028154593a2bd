"""What an X12 answer of ours says, read from its own bytes before it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from data.contract.model import Contract
from data.errors import DataError
from data.formats.x12.envelope import Interchange, interchanges_of

#: Where the verdict stands in each kind of answer, and which codes of it take all or nothing (elements 715, I17, 110).
VERDICTS = {"997": ("AK9", 1), "TA1": ("TA1", 4), "824": ("OTI", 1)}
TAKEN, REFUSED = {"A", "E", "TA"}, {"R", "TR"}


class AnswerUnsound(DataError):  # noqa: N818
    """An answer that its receiver could not read must not leave."""

    def __init__(self, feed: str, problem: str) -> None:
        """`problem` is a sentence."""
        self.feed, self.problem = feed, problem
        super().__init__(f"The answer to this {feed} file was not sent: {problem} Answer its sender by hand.")


@dataclass(frozen=True, slots=True)
class AnswerSaid:
    """One interchange of an answer: whom it goes to (ISA08), its number (ISA13), and whether what came was taken."""

    kind: Literal["997", "TA1", "824"]
    partner_id: str
    control_number: int
    verdict: Literal["accepted", "partly", "rejected"]


def said_in(contract: Contract, answer: bytes) -> Iterator[AnswerSaid]:
    """Each interchange of an answer, in order; AnswerUnsound where our own reader finds a fault in one.

    `contract` is that of the feed that is answered: an answer may be no larger than its files.
    """
    if len(answer) > contract.max_bytes:
        told = f"it would hold {len(answer):,} bytes, and the feed's limit is {contract.max_bytes:,}."
        raise AnswerUnsound(contract.feed, told)
    for found in interchanges_of(contract, answer) if answer else ():
        if found.faults:
            fault = found.faults[0]
            raise AnswerUnsound(contract.feed, f"segment {fault.number} of it is wrong ({fault.message}).")
        yield _said(found)


def _said(found: Interchange) -> AnswerSaid:
    sets = [segment.get(1) for segment in found.segments if segment.tag == "ST"]
    kind: Literal["997", "TA1", "824"] = "824" if "824" in sets else "997" if sets else "TA1"
    tag, place = VERDICTS[kind]
    codes = {segment.get(place) or "" for segment in found.segments if segment.tag == tag}
    verdict: Literal["accepted", "partly", "rejected"] = "partly"
    if codes <= TAKEN:
        verdict = "accepted"
    elif codes <= REFUSED:
        verdict = "rejected"
    return AnswerSaid(kind, found.head.get(8) or "", int(found.head.get(13) or 0), verdict)
