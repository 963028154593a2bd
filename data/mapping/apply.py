"""Records of a partner's file, in the contract's words.

A cell is translated once, when its file is read; what is kept in quarantine is therefore ours already, and a
correction is written as the contract asks. A cell that cannot be translated is kept behind a mark, so that it
can never pass for ours when another cell of its row is corrected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from data.errors import FileRefused
from data.mapping.cells import NotTranslated, Translate, said, translate_of
from data.mapping.mapped import MappedContract, sent_names
from data.mapping.model import JSON_FORMATS, TYPED_FORMATS, MappedColumn
from data.records import Problem, Record, shortened

#: Before a partner's own text that could not be put into the contract's words; no type and no code begins so.
UNTRANSLATED = "(not translated) "


@dataclass(frozen=True, slots=True)
class Step:
    """How one of our columns is made: from which of the reader's cells, and by which translation."""

    name: str
    label: str
    column: MappedColumn
    cells: tuple[str, ...]
    nulls: frozenset[str]
    is_text: bool
    translate: Translate | None


def translated(contract: MappedContract, records: Iterator[Record]) -> Iterator[Record]:
    """The records of `sent_as(contract)` as records of `contract`, in order.

    FileRefused where a table has columns that the mapping neither uses nor ignores.
    """
    steps, mapping = steps_of(contract), contract.mapping
    for record in records:
        extras = tuple(name for name in record.extras if not mapping.ignores(name))
        found = _translated(steps, record, extras)
        if extras and contract.extra_columns == "refuse":
            found = _with_strangers(contract, found)
        yield found


def steps_of(contract: MappedContract) -> list[Step]:
    """How each mapped column is made."""
    mapping, names = contract.mapping, sent_names(contract.mapping)
    return [
        Step(
            name,
            contract.columns[name].source_name,
            column,
            tuple(names[heading] for heading in column.headings),
            frozenset({"", *column.null_values, *contract.columns[name].null_values}),
            contract.columns[name].type == "string",
            translate_of(column, contract.columns[name], mapping.format in TYPED_FORMATS),
        )
        for name, column in mapping.columns.items()
    ]


def _translated(steps: list[Step], record: Record, extras: tuple[str, ...]) -> Record:
    values: dict[str, str | None] = {}
    broken: list[Problem] = []
    for step in steps:
        values[step.name], problem = _cell(step, record.values)
        if problem:
            broken.append(problem)
    found = _in_our_names(steps, record.problem) if record.problem else None
    if found is None and broken:
        words = " ".join(problem.message for problem in broken)
        found = Problem(broken[0].rule, words, broken[0].column)
    return Record(record.row_number, record.line_number, record.raw_text, values, found, extras)


def _cell(step: Step, sent: dict[str, str | None]) -> tuple[str | None, Problem | None]:
    """Our cell, and why it could not be made."""
    if step.column.constant is not None:
        return step.column.constant, None
    # Blanks around a cell are a partner's padding: they are not part of a code, a number or a day.
    parts = [(sent.get(name) or "").strip() for name in step.cells]
    blank = [part in step.nulls for part in parts]
    if all(blank):
        return None, None
    text = step.column.joiner.join(parts)
    if any(blank):
        reason = "which gives only some of its parts"
        # Any text would do for a column of text, so there the half of one is not kept.
        kept = None if step.is_text else f"{UNTRANSLATED}{text}"
        return kept, Problem("required", said(step.label, text, reason), step.name)
    if text in step.nulls or step.translate is None:
        return (None if text in step.nulls else text), None
    try:
        return step.translate(text), None
    except NotTranslated as error:
        problem = Problem(error.rule, said(step.label, text, str(error)), step.name)
        return f"{UNTRANSLATED}{text}", problem


def _in_our_names(steps: list[Step], problem: Problem) -> Problem:
    """A reader's problem with a cell, under the name of the first of our columns that is made of it."""
    ours = next((step.name for step in steps if problem.column in step.cells), None)
    return Problem(problem.rule, problem.message, ours)


def _with_strangers(contract: MappedContract, record: Record) -> Record:
    """Refuse the row, or the table whose every row it is, for columns the mapping does not know."""
    listed = ", ".join(repr(shortened(name, 60)) for name in record.extras[:8])
    more = f" and {len(record.extras) - 8} more" if len(record.extras) > 8 else ""
    words = f"has columns that its mapping neither uses nor ignores: {listed}{more}."
    if contract.format in JSON_FORMATS or record.extras == ("",):
        problem = Problem("extra_columns", f"The row {words}")
        return replace(record, problem=record.problem or problem)
    raise FileRefused(
        contract.feed,
        "extra_columns",
        f"it {words}",
        "Add them to the mapping's columns or to its ignored list, or ask the producer for the agreed file.",
    )
