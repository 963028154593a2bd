"""What readers of messages share: one message's cells under a contract, its words, and how much its rows repeat."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from data.contract.model import Column, Contract
from data.errors import FileRefused
from data.records import Problem, Record, is_text, shortened

#: The cells of one message by the names its reader gives them; None and "" are "not given".
Cells = Mapping[str, str | None]

#: No list of references is put together further than this: no contract takes a longer one, and every row of a
#: message carries that of the whole message. Three hundred references of ordinary length fit.
MOST_REFERENCE_CHARACTERS = 20_000
#: A cell of up to so many characters is kept whole, also where its column takes fewer: a person has to see it.
SHORT_CHARACTERS = 2_000
#: What all rows of one file may hold, counted as if each had a copy of its own of what its message says once:
#: so many characters for each byte of the file, and so many at any rate. Documents of freight stay far below.
CHARACTERS_PER_BYTE = 16
CHARACTERS_AT_ANY_RATE = 64 * 1024 * 1024


def record_of(
    contract: Contract,
    row_number: int,
    line_number: int,
    raw_text: str,
    cells: Cells,
    problem: Problem | None = None,
) -> Record:
    """One message as a row of its contract.

    `line_number` is where it begins (a segment's number, a position in a list), `raw_text` its own words.
    Cells that are no text make the row a problem; cells the contract does not ask for are its extras.
    """
    known = contract.by_source_name
    values = {known[name]: value for name, value in cells.items() if name in known}
    if problem is None:
        odd = next(
            (name for name, value in values.items() if value and not _is_text(contract, name, value)), None
        )
        if odd:
            problem = Problem("encoding", f"{odd} holds a character that is not text.", odd)
    extras = tuple(name for name, value in cells.items() if value and name not in known)
    raw = shortened(raw_text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8"))
    return Record(row_number, line_number, raw, values, problem, extras)


def references(pairs: Iterable[tuple[str, str | None]]) -> str | None:
    """References as [qualifier, value] in a JSON list, blank and repeated ones left out; None where none is left."""
    found: dict[tuple[str, str], None] = {}
    characters = 0
    for qualifier, value in pairs:
        pair = (qualifier, (value or "").strip())
        if pair[1] and pair not in found:
            found[pair] = None
            characters += len(qualifier) + len(pair[1])
        if characters > MOST_REFERENCE_CHARACTERS:
            # Longer than any contract takes, so the row is refused for it: the rest would be copied for nothing.
            break
    return json.dumps([list(pair) for pair in found], ensure_ascii=False) if found else None


def bounded(contract: Contract, size: int, records: Iterable[Record]) -> Iterator[Record]:
    """The records of a file of `size` bytes, in order, their text bounded.

    A long cell is cut behind what its column takes, with a mark: the contract still refuses its row. What
    a row repeats of the one before is the same text in memory. FileRefused where the rows together hold too much.
    """
    limits = {name: _kept(column) for name, column in contract.columns.items()}
    limit, characters = CHARACTERS_PER_BYTE * size + CHARACTERS_AT_ANY_RATE, 0
    before: dict[str, str] = {}
    for record in records:
        for name, value in record.values.items():
            if value:
                kept = shortened(value, limits[name])
                if kept != before.get(name):
                    before[name] = kept
                record.values[name] = before[name]
                characters += len(kept)
        if characters > limit:
            raise _repeats_too_much(contract, record, limit)
        yield record


def _repeats_too_much(contract: Contract, record: Record, limit: int) -> FileRefused:
    place = record.values.get("position") or f"line {record.line_number}"
    words = f"its rows up to row {record.row_number:,} ({place}) hold more than {limit:,} characters, because each"
    advice = "Ask the producer to send it in parts, or to say less for a whole message."
    return FileRefused(
        contract.feed, "max_text", f"{words} repeats what is said for all of its message.", advice
    )


def _is_text(contract: Contract, name: str, value: str) -> bool:
    """Whether that is text which is kept of a cell; what many rows repeat is not read to its end for each."""
    return is_text(value[: _kept(contract.columns[name])])


def _kept(column: Column) -> int:
    return max(column.max_length, SHORT_CHARACTERS)
