"""What readers of messages share: one message's cells under a contract, and its words when it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from data.contract.model import Contract
from data.records import Problem, Record, is_text, shortened

#: The cells of one message by the names its reader gives them; None and "" are "not given".
Cells = Mapping[str, str | None]


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
        odd = next((name for name, value in values.items() if value and not is_text(value)), None)
        if odd:
            problem = Problem("encoding", f"{odd} holds a character that is not text.", odd)
    extras = tuple(name for name, value in cells.items() if value and name not in known)
    raw = shortened(raw_text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8"))
    return Record(row_number, line_number, raw, values, problem, extras)


def references(pairs: Iterable[tuple[str, str | None]]) -> str | None:
    """References as [qualifier, value] in a JSON list, blank and repeated ones left out; None where none is left."""
    found = dict.fromkeys((qualifier, value.strip()) for qualifier, value in pairs if value and value.strip())
    return json.dumps([list(pair) for pair in found], ensure_ascii=False) if found else None
