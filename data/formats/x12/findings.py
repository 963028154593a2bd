"""What our reader found in a group and its sets, in the codes by which X12 tells it (elements 715 to 723)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from data.contract.model import Contract
from data.formats.x12 import MESSAGES
from data.formats.x12.envelope import FunctionalGroup, Segment, TransactionSet
from data.formats.x12.rows import Broken, Cells, Row
from data.formats.x12.times import NotATime
from data.formats.x12.writer import Elements, copied


@dataclass
class SetFinding:
    """What was found in one set: codes of element 718, what is wrong with segments, and whether any row is good."""

    found: TransactionSet
    codes: list[str] = field(default_factory=list)
    errors: list[Elements] = field(default_factory=list)
    row_count: int = 1
    is_taken: bool = True

    @property
    def code(self) -> str:
        """Element 717: accepted, accepted with errors noted, or rejected."""
        return "R" if not self.is_taken else "E" if self.errors else "A"


@dataclass
class GroupFinding:
    """What was found in one group: its sets, and codes of element 716."""

    group: FunctionalGroup
    sets: list[SetFinding]
    codes: list[str]

    @property
    def included(self) -> str | None:
        """How many sets its GE says it holds."""
        count = self.group.trailer.get(1) if self.group.trailer else None
        return count if count and count.isdecimal() and count.isascii() and len(count) <= 6 else None

    @property
    def row_count(self) -> int:
        """How many rows its sets are."""
        return sum(one.row_count for one in self.sets)

    @property
    def code(self) -> str:
        """Element 715: accepted, accepted with errors, in part, or rejected."""
        told = {one.code for one in self.sets}
        if self.codes or not told or told == {"R"}:
            return "R"
        return "P" if "R" in told else "E" if "E" in told else "A"


def group_finding(contract: Contract, group: FunctionalGroup) -> GroupFinding:
    """What our reader finds in one group under a contract."""
    codes = list(dict.fromkeys(fault.code for fault in group.faults))
    return GroupFinding(group, [_set_finding(contract, one) for one in group.sets], codes)


def _set_finding(contract: Contract, found: TransactionSet) -> SetFinding:
    finding = SetFinding(found)
    finding.codes = [fault.code for fault in found.faults if fault.level == "st"]
    for fault in found.faults:
        if fault.level == "seg":
            segment = found.segments[fault.number - found.segments[0].number]
            finding.errors.append(_segment_error(found, segment, fault.code))
    if found.kind != contract.message:
        finding.codes.append("1")
    finding.is_taken = not found.faults and not finding.codes
    if finding.is_taken:
        _read_rows(contract, finding)
    if finding.errors and not finding.is_taken:
        finding.codes.append("5")
    finding.codes = list(dict.fromkeys(finding.codes))[:5]
    return finding


def _read_rows(contract: Contract, finding: SetFinding) -> None:
    rows = list(MESSAGES[contract.message or ""](finding.found))
    broken = [error for row in rows if (error := _broken(row))]
    # What is wrong for a whole message is wrong for each of its rows, and is said once.
    for error in {str(error): error for error in broken}.values():
        finding.errors += _row_error(finding.found, error)
    finding.row_count = max(len(rows), 1)
    finding.is_taken = len(broken) < len(rows)
    if not rows:
        finding.codes.append("5")


def _broken(row: Row) -> Broken | None:
    cells: Cells = {}
    try:
        row.fill(cells)
    except Broken as error:
        return error
    return None


def _segment_error(found: TransactionSet, segment: Segment, code: str) -> Elements:
    """The AK3 of a segment; places count from the ST, which is 1."""
    return ("AK3", segment.tag, str(segment.number - found.segments[0].number + 1), None, code)


def _row_error(found: TransactionSet, error: Broken) -> Iterator[Elements]:
    if error.place is None:
        yield _segment_error(found, error.segment, error.code or "2")
        return
    yield _segment_error(found, error.segment, "8")
    text = error.segment.get(error.place)
    cause = error.__cause__
    told = cause.code if isinstance(cause, NotATime) else "7" if text else "1"
    yield ("AK4", str(error.place), None, error.code or told, copied(found.interchange, text, 99))
