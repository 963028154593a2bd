"""Acknowledgements of X12 that came in: TA1 for an interchange, 997 for its groups and sets.

What they say is what our own reader found. An acknowledgement is never acknowledged itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from data.contract.model import Contract
from data.formats.limits import check_row_count
from data.formats.x12.envelope import Interchange, groups_of, whole_file
from data.formats.x12.findings import GroupFinding, group_finding
from data.formats.x12.writer import Elements, Numbers, answer, numbering, sent

#: Kind of group (element 479) of an acknowledgement.
ACKNOWLEDGMENT = "FA"


def acknowledge(
    contract: Contract,
    source: Path | bytes,
    control_number: int | Numbers,
    now: datetime,
    *,
    was_refused: bool = False,
) -> bytes:
    """What a file's sender is told of its envelope and its segments; empty where there is nothing to answer.

    Each interchange is answered by one of our own. The numbers that these and their groups take begin with
    `control_number` and follow on one another, a group of the same interchange having the same number where it
    is the only one; numbers that differ by partner may be given instead. A file that is refused, by its envelope or
    (`was_refused`) for another reason, is answered with a TA1 for each interchange: nothing of it was taken.
    Raises FileRefused where not even an ISA can be read, ValueError for a wrong number or a `now` without a zone.
    """
    found, is_refused = whole_file(contract, source)
    numbers_of = numbering(control_number)
    row_count = 0
    answers: list[str] = []
    for interchange in found:
        if not _is_answered(interchange):
            continue
        numbers = numbers_of(interchange.head.get(6) or "")
        if is_refused or was_refused:
            answers.append(answer(interchange, next(numbers), now, notes=[_note(interchange, "R")]))
            continue
        findings = [group_finding(contract, group) for group in groups_of(interchange)]
        row_count += sum(finding.row_count for finding in findings)
        check_row_count(contract, row_count)
        answers.append(_acknowledged(interchange, findings, numbers, now))
    return "".join(answers).encode(contract.encoding)


def _is_answered(interchange: Interchange) -> bool:
    """Whether it holds anything but acknowledgements."""
    tags = {segment.tag for segment in interchange.segments}
    kinds = {segment.get(1) for segment in interchange.segments if segment.tag == "GS"}
    return kinds != {ACKNOWLEDGMENT} and not ("TA1" in tags and "GS" not in tags)


def _note(interchange: Interchange, code: str) -> Elements:
    """The TA1 of an interchange: accepted (A), or rejected (R) with the first of its faults."""
    fault, head = interchange.refusal, interchange.head
    # A sound interchange in a refused file has no code of its own; its sender has to send it again all the same.
    told = "000" if code == "A" else fault.code if fault else "024"
    return ("TA1", head.get(13), head.get(9), head.get(10), code, told)


def _acknowledged(
    interchange: Interchange, findings: list[GroupFinding], numbers: Iterator[int], now: datetime
) -> str:
    answered = [finding for finding in findings if finding.group.head.get(1) != ACKNOWLEDGMENT]
    notes = [_note(interchange, "A")] if interchange.head.get(14) == "1" else []
    by_group = [(finding.group.head, [_997(finding)]) for finding in answered]
    return sent(interchange, ACKNOWLEDGMENT, "997", by_group, numbers, now, notes)


def _997(finding: GroupFinding) -> list[Elements]:
    segments: list[Elements] = [("AK1", finding.group.head.get(1), finding.group.head.get(6))]
    is_rejected = finding.code == "R"
    for one in finding.sets:
        head = one.found.segments[0]
        if head.get(1) and head.get(2):
            segments.append(("AK2", head.get(1), head.get(2)))
            segments += one.errors
            segments.append(("AK5", "R" if is_rejected else one.code, *one.codes))
    accepted = 0 if is_rejected else sum(one.code != "R" for one in finding.sets)
    received = str(len(finding.sets))
    segments.append(
        ("AK9", finding.code, finding.included or received, received, str(accepted), *finding.codes[:5])
    )
    return segments
