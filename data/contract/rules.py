"""A contract's row rules as data: the SQL condition that breaks each one, and the sentence that says so.

Only column positions (c0, c1, ...), our column names and parameter names appear in the SQL text; every
pattern, list, limit and format of the contract travels as a bound parameter, and cells stay in their table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from data.contract.model import Column, Contract
from data.contract.schema import SQL_TYPES
from data.records import shortened

#: With the .0 of a whole number that was in a column of fractions before; three noughts may be thousands.
INTEGER = r"[+-]?\d{1,19}(\.(0{1,2}|0{4,}))?"
DECIMAL = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?"
ISO_DAY = r"\d{4}-\d{2}-\d{2}"
OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
#: A day is also written as the moment it begins, by whichever clock: nothing is lost with such a time.
DATE = rf"{ISO_DAY}([T ]00:00(:00(\.0{{1,9}})?)?{OFFSET}?)?"
#: As many digits as .NET and Java write; the parsers cut what is finer than a microsecond, and round nothing.
CLOCK = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
TIMESTAMP = rf"{ISO_DAY}[T ]{CLOCK}{OFFSET}"
SHAPES = {"integer": INTEGER, "decimal": DECIMAL, "date": DATE, "timestamp": TIMESTAMP}
#: How each directive of a date format is written, so that a lenient parser cannot accept half a date.
DIRECTIVES = {
    "d": r"\d{1,2}", "m": r"\d{1,2}", "y": r"\d{2}", "Y": r"\d{4}", "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}", "H": r"\d{1,2}", "M": r"\d{2}", "S": r"\d{2}", "f": r"\d{1,6}",
    "z": r"([+-]\d{2}:?\d{2}|Z)", "I": r"(0?[1-9]|1[0-2])", "p": r"[AaPp][Mm]",
}  # fmt: skip
#: The same where the digits of two directives touch: with a digit left out, nothing would tell where one of them
#: ends. No value beyond its range either, which a parser would take for a shorter one and a rest.
TOUCHING = {
    "d": r"(0[1-9]|[12]\d|3[01])", "m": r"(0[1-9]|1[0-2])", "y": r"\d{2}", "Y": r"\d{4}",
    "H": r"([01]\d|2[0-3])", "I": r"(0[1-9]|1[0-2])", "M": r"[0-5]\d", "S": r"[0-5]\d", "f": r"\d{6}",
}  # fmt: skip
#: 31 January 2013, half past two: how a format is shown to a person.
EXAMPLES = {
    "d": "31", "m": "01", "y": "13", "Y": "2013", "b": "Jan", "B": "January",
    "H": "14", "M": "30", "S": "00", "f": "000", "z": "+0000", "I": "02", "p": "PM",
}  # fmt: skip
TYPE_WORDS = {
    "integer": "a whole number",
    "decimal": "a number written like 1234.56",
    "boolean": "true or false",
    "date": "a day between 1900 and 2199 written like 2013-01-31",
    "timestamp": "a moment between 1900 and 2199 with its zone, written like 2013-01-31T14:30:00Z",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise about one column: `broken` is SQL over r<i> (cell text) and t<i> (typed cell)."""

    column: str
    name: str
    broken: str
    sentence: str

    def message(self, value: str | None) -> str:
        """The sentence with the cell's own text in it."""
        return self.sentence.replace("{value}", repr(shortened(value or "", 80)))


@dataclass(frozen=True)
class Verdict:
    """Everything the row split needs: one select, its parameters, and the rules its numbers stand for.

    The rows come in no promised order, each with its `_number` and the numbers of the rules it
    has `_broken`; no column of a contract begins with an underscore.
    """

    sql: str
    parameters: dict[str, Any]
    rules: tuple[Rule, ...]


@lru_cache(maxsize=64)
def _verdict(contract_json: str) -> Verdict:
    return _build(Contract.model_validate_json(contract_json))


def verdict_of(contract: Contract) -> Verdict:
    """The select that types a batch of records and judges each row; built once per contract."""
    return _verdict(contract.model_dump_json())


def _build(contract: Contract) -> Verdict:
    parameters: dict[str, Any] = {}
    cells: list[str] = []
    read: list[str] = []
    typed: list[str] = []
    rules: list[Rule] = []
    for index, (name, column) in enumerate(contract.columns.items()):
        cells.append(f"case when {_is_given(index, column, parameters)} then c{index} end as r{index}")
        if column.type not in ("string", "boolean"):
            read.append(f"{_read(index, column, parameters)} as p{index}")
        typed.append(f"{_typed(index, column, parameters)} as t{index}")
        rules.extend(_rules(index, name, column, parameters))
    columns = ", ".join(f't{index} as "{name}"' for index, name in enumerate(contract.columns))
    sql = (
        f"with cells as (select n, stamp, clock, {', '.join(cells)} from records), "
        f"read as (select {', '.join(['*', *read])} from cells), "
        f"typed as (select *, {', '.join(typed)} from read) "
        f"select n as _number, {columns}, sha256({_canonical(contract)}) as _row_sha256, "
        f"{_recorded_at(contract)} as _recorded_at, {_broken(rules)} as _broken from typed"
    )
    return Verdict(sql, parameters, tuple(rules))


def _broken(rules: list[Rule]) -> str:
    """SQL for the numbers of the rules a row breaks, null where it breaks none: most rows, so they cost least."""
    any_rule = " or ".join(f"({rule.broken})" for rule in rules)
    numbers = ", ".join(f"case when {rule.broken} then {number} end" for number, rule in enumerate(rules))
    return f"case when {any_rule} then list_filter([{numbers}], lambda x: x is not null) end"


def _is_given(index: int, column: Column, parameters: dict[str, Any]) -> str:
    """SQL for whether a cell says anything: it is neither empty nor one of the contract's words for nothing."""
    words = ["", *column.null_values]
    parameters.update((f"null{index}_{number}", word) for number, word in enumerate(words))
    return " and ".join(f"c{index} <> $null{index}_{number}" for number in range(len(words)))


def _read(index: int, column: Column, parameters: dict[str, Any]) -> str:
    """SQL for what the store's own parser makes of a cell; it takes more than we do, so the shape is asked too."""
    # Moments are plain UTC timestamps here: the zoned kind costs many times as much per cell.
    cell, kind = f"r{index}", SQL_TYPES[column.type].replace("TIMESTAMPTZ", "TIMESTAMP")
    if column.formats:
        return f"cast({_by_formats(index, column.formats, parameters)} as {kind})"
    if column.type == "date":
        return f"try_cast(left({cell}, 10) as {kind})"
    if column.type != "timestamp":
        return f"try_cast({cell} as {kind})"
    zoned = f"make_timestamp(epoch_us(try_cast({cell} as TIMESTAMPTZ)))"
    return f"case when suffix({cell}, 'Z') then try_cast(rtrim({cell}, 'Z') as {kind}) else {zoned} end"


def _by_formats(index: int, formats: list[str], parameters: dict[str, Any]) -> str:
    """SQL for the moment a cell names in the first of the formats that it is written in."""
    readings = []
    for number, item in enumerate(formats):
        place = f"{index}_{number}"
        parameters |= {f"format{place}": item, f"shape{place}": pattern_of(item)}
        # Each parser sees only what has the shape of its own format, and reads no cell that is meant for another.
        is_its = f"regexp_full_match(r{index}, $shape{place})"
        readings.append(f"case when {is_its} then try_strptime(r{index}, $format{place}) end")
    return f"coalesce({', '.join(readings)})"


def _typed(index: int, column: Column, parameters: dict[str, Any]) -> str:
    """SQL for the typed cell; null where the text is not of the type."""
    cell, parsed = f"r{index}", f"p{index}"
    if column.type == "string":
        return cell
    if column.type == "boolean":
        return (
            f"case when lower({cell}) in ('true', 'yes', '1') then true "
            f"when lower({cell}) in ('false', 'no', '0') then false end"
        )
    sound = {"decimal": f"isfinite({parsed})", "integer": "true"}.get(
        column.type, f"{parsed} >= timestamp '1900-01-01' and {parsed} < timestamp '2200-01-01'"
    )
    if not column.formats:
        parameters[f"shape{index}"] = SHAPES[column.type]
        sound += f" and regexp_full_match({cell}, $shape{index})"
    return f"case when {sound} then {parsed} end"


@lru_cache(maxsize=1024)
def pattern_of(date_format: str) -> str:
    """A pattern of what a text of this format looks like, stricter than any parser of it is."""
    parts = re.findall(r"%.|[^%]", date_format)
    is_digits = [part.startswith("%") and part[1] in TOUCHING for part in parts]
    written = []
    for place, part in enumerate(parts):
        touches = is_digits[place + 1 : place + 2] == [True]
        # A fraction may be cut short at its end, as no digit follows that it could take.
        touches |= place > 0 and is_digits[place - 1] and part != "%f"
        if part.startswith("%"):
            written.append(TOUCHING[part[1]] if is_digits[place] and touches else DIRECTIVES[part[1]])
        else:
            written.append(re.escape(part))
    return "".join(written)


def written_like(date_format: str) -> str:
    """An example of the format, such as 31-Jan-13."""
    return re.sub(r"%(.)", lambda m: EXAMPLES[m[1]], date_format)


def _rules(index: int, name: str, column: Column, parameters: dict[str, Any]) -> Iterator[Rule]:
    text, value, label = f"r{index}", f"t{index}", column.source_name
    if column.required:
        yield Rule(name, "required", f"{text} is null", f"{label} is empty, and every row needs it.")
    if column.type != "string":
        words = TYPE_WORDS[column.type]
        if column.formats:
            words = "a day written like " + " or ".join(written_like(item) for item in column.formats)
        yield Rule(
            name,
            "type",
            f"{text} is not null and {value} is null",
            f"{label} is {{value}}, which is not {words}.",
        )
    yield from _string_rules(index, name, column, parameters)
    for rule, sign, word, limit in (
        ("minimum", "<", "below", column.minimum),
        ("maximum", ">", "above", column.maximum),
    ):
        if limit is not None:
            parameters[f"{rule}{index}"] = limit
            broken = f"{value} {sign} ${rule}{index}"
            yield Rule(name, rule, broken, f"{label} is {{value}}, {word} the {rule} of {limit:g}.")


def _string_rules(index: int, name: str, column: Column, parameters: dict[str, Any]) -> Iterator[Rule]:
    if column.type != "string":
        return
    text, label = f"r{index}", column.source_name
    if column.enum:
        parameters.update((f"enum{index}_{number}", word) for number, word in enumerate(column.enum))
        words = ", ".join(f"$enum{index}_{number}" for number in range(len(column.enum)))
        listed = ", ".join(column.enum)
        yield Rule(
            name,
            "enum",
            f"{text} not in ({words})",
            f"{label} is {{value}}; it must be one of: {listed}.",
        )
    if column.pattern:
        parameters[f"pattern{index}"] = column.pattern
        yield Rule(
            name,
            "pattern",
            f"not regexp_full_match({text}, $pattern{index})",
            f"{label} is {{value}}, which is not written as agreed ({column.pattern}).",
        )
    parameters[f"length{index}"] = column.max_length
    yield Rule(
        name,
        "max_length",
        f"length({text}) > $length{index}",
        f"{label} is longer than {column.max_length} characters.",
    )


def _canonical(contract: Contract) -> str:
    """SQL for a row's typed content as one text: position, length and value of every cell that is given.

    Neither the file nor the row number is in it, so the same content sent twice is the same row; and a column
    that is added at the end and left blank does not change the rows that were there before.
    """
    cells = [
        f"cast({f'epoch_us(t{index})' if column.type == 'timestamp' else f't{index}'} as varchar)"
        for index, column in enumerate(contract.columns.values())
    ]
    given = (
        f"case when {cell} is not null then concat('{place}=', length({cell}), ':', {cell}, ';') end"
        for place, cell in enumerate(cells, start=1)
    )
    return f"concat({', '.join(given)})"


def _recorded_at(contract: Contract) -> str:
    """SQL for when we knew: the contract's rule, but never later than the tenant's clock when the file came."""
    known = (
        "stamp"
        if contract.recorded_at == "file_stamp"
        else f"t{list(contract.columns).index(contract.recorded_at)}"
    )
    return f"least(coalesce({known}, clock), clock)"
