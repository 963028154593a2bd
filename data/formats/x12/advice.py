"""X12 824, Application Advice: what the contract refused in the content of messages that came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from textwrap import wrap

from data.contract.model import Contract
from data.contract.rowsplit import Rejection
from data.errors import FileRefused
from data.formats.x12 import MESSAGES
from data.formats.x12.envelope import Segment, TransactionSet, groups_of, whole_file
from data.formats.x12.rows import Row
from data.formats.x12.writer import Elements, Numbers, copied, numbering, plain, sent

#: Kind of group (element 479) of an application advice.
ADVICE = "AG"
#: Rules that are told in a 997, so that an 824 need not repeat them.
SYNTAX_RULES = {"envelope", "message", "segment"}
#: Application error condition (element 647) of a broken promise about a column; the rest is 024, another reason.
CONTENT_CODES = {"required": "007", "minimum": "008", "maximum": "008"}
OTHER_REASON, INVALID_DATE = "024", "009"
#: Where the number by which partners call a message stands, and the qualifier (element 128) of such a number.
OWN_NUMBERS = {
    "204": ("B2", 4, "SI"),
    "210": ("B3", 2, "IV"),
    "214": ("B10", 2, "SI"),
    "810": ("BIG", 2, "IV"),
    "856": ("BSN", 2, "SI"),
    "940": ("W05", 2, "OQ"),
    "945": ("W06", 2, "OQ"),
    "990": ("B1", 2, "SI"),
}


def advise(
    contract: Contract,
    source: Path | bytes,
    rejections: Sequence[Rejection],
    control_number: int | Numbers,
    now: datetime,
) -> bytes:
    """An 824 for each set of whose rows the contract refused some for their content; empty where there is none.

    `rejections` are those of the same file under the same contract; what a 997 tells already is left out.
    Numbers are as in `acknowledge`. Raises FileRefused where the file is refused, which no 824 answers.
    """
    by_row = {rejection.row_number: rejection for rejection in rejections}
    found, is_refused = whole_file(contract, source)
    if is_refused:
        raise FileRefused(
            contract.feed, "envelope", "it was refused as a whole.", "Answer it with acknowledge instead."
        )
    numbers_of, row_numbers = numbering(control_number), count(1)
    answers: list[str] = []
    for interchange in found:
        by_group: list[tuple[Segment, list[list[Elements]]]] = []
        for group in groups_of(interchange):
            told = [_advice(contract, one, by_row, row_numbers, now) for one in group.sets]
            by_group.append((group.head, [segments for segments in told if segments]))
        numbers = numbers_of(interchange.head.get(6) or "")
        answers.append(sent(interchange, ADVICE, "824", by_group, numbers, now))
    return "".join(answers).encode(contract.encoding)


def _advice(
    contract: Contract,
    found: TransactionSet,
    by_row: dict[int, Rejection],
    row_numbers: Iterator[int],
    now: datetime,
) -> list[Elements]:
    """The segments of the 824 about one set; none where its content was not refused."""
    is_read = found.kind == contract.message and not found.faults
    rows = list(MESSAGES[contract.message or ""](found)) if is_read else []
    # A set that cannot be read is one row, too.
    numbers = [next(row_numbers) for _ in range(max(len(rows), 1))]
    refused = [(row, by_row[number]) for row, number in zip(rows, numbers, strict=False) if number in by_row]
    told = [(row, rejection) for row, rejection in refused if rejection.rule not in SYNTAX_RULES]
    if not told:
        return []
    at = now.astimezone(UTC)
    head, group = found.segments[0], found.group
    code = "TR" if len(refused) == len(rows) else "TP"
    name = (group.get(6) or "") + "-" + (head.get(2) or "")
    segments: list[Elements] = [
        ("BGN", "00", name, f"{at:%Y%m%d}", f"{at:%H%M}", "UT"),
        (
            *("OTI", code, "TN", head.get(2), group.get(2), group.get(3), group.get(4), group.get(5)),
            *(group.get(6), head.get(2), head.get(1), group.get(8)),
        ),
        *_own_number(found),
    ]
    for row, rejection in told:
        segments += _content_error(found, row, rejection)
    return segments


def _own_number(found: TransactionSet) -> Iterator[Elements]:
    tag, place, qualifier = OWN_NUMBERS.get(found.kind, ("", 0, ""))
    segment = next((one for one in found.segments[:3] if one.tag == tag), None)
    if segment and segment.get(place):
        yield ("REF", qualifier, segment.get(place))


def _content_error(found: TransactionSet, row: Row, rejection: Rejection) -> Iterator[Elements]:
    """The TED of a refused row, at the segment that begins it, and the sentence in full in its NTEs."""
    back = found.interchange
    value = (rejection.values or {}).get(rejection.column or "")
    place = str(row.segment.number - found.segments[0].number + 1)
    text = plain(back, rejection.message, 4_000)
    yield (
        *("TED", _content_code(rejection), plain(back, text, 60), row.segment.tag, place, None, None),
        copied(back, value, 99),
    )
    for line in wrap(text, 80):
        yield ("NTE", None, line)


def _content_code(rejection: Rejection) -> str:
    is_day = rejection.rule == "type" and (rejection.column or "").endswith(("_on", "_at"))
    return INVALID_DATE if is_day else CONTENT_CODES.get(rejection.rule, OTHER_REASON)
