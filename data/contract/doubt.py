"""Which cells of a refused row nobody could tell, so that its correction has to say them itself.

A row that was read and broke a promise is whole, and its other cells stand. Of a row that could not be read, what was
kept may belong to other columns, be half of what was sent, or look empty and not be; a correction of another cell must
not let it pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from data.contract.model import Contract
from data.records import Problem

#: Formats whose readers leave it to the contract whether a cell may be missing.
TABLES = frozenset({"csv", "json", "jsonl", "parquet", "xlsx"})
#: Where what a correction lacked begins, behind the reason that the row was refused for.
LACKING = " A correction of this row must give "


def doubtful(contract: Contract, sent: Sequence[str], refused: Problem, kept: Mapping[str, Any]) -> list[str]:
    """Names (ours) of the cells in doubt, of those that a file can give (`sent`), by why their row was refused."""
    rule, column = refused.rule, refused.column
    if rule == "error_cell":
        return [name for name in sent if kept.get(name) is None]
    if rule == "segment" or (column is None and rule != "extra_columns"):
        return list(sent)  # a segment's row is filled up to where it broke
    if column is None or (kept.get(column) is not None and rule != "encoding"):
        return []  # the cell is kept as it came, and judged again
    if kept.get(column) is not None or (rule == "required" and _is_promise(contract, column)):
        return [column] if column in sent else []
    # A reader names the first cell that it could not read, and a second one looks as empty as it does.
    return [name for name in sent if name == column or kept.get(name) is None]


def _is_promise(contract: Contract, column: str) -> bool:
    return contract.format in TABLES and column in contract.required_columns


def unsettled(
    contract: Contract,
    sent: Sequence[str],
    refused: Problem,
    kept: Mapping[str, Any],
    given: Mapping[str, Any],
) -> Problem | None:
    """Why a correction does not settle its row: the same refusal, with the columns that it has to give."""
    needed = doubtful(contract, sent, refused, kept)
    missing = [name for name in needed if name not in given]
    if not missing:
        return None
    reason = refused.message.partition(LACKING)[0]
    words = f"{', '.join(needed)}, all at once, because they could not be read for sure"
    advice = f"Give {', '.join(missing)} too, an empty cell as {missing[0]}= with nothing behind it."
    return Problem(refused.rule, f"{reason}{LACKING}{words}. {advice}", refused.column)
