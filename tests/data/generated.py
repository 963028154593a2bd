"""Rows that a contract accepts, made from the contract alone, and files of them by independent writers."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.contract import Column, Contract

#: Formats of one table or one object a line; the others carry messages, which are not made of columns.
TABULAR = ("csv", "jsonl", "parquet")
PRINTABLE = [chr(code) for code in range(0x21, 0x7F)]
WORDS = (
    "Reefer, priority",
    "Zoë Ørsted",
    'the "old" dock',
    "東京",
    "line one\nline two",
    "plain",
    "naïve 🚢",
)
CATEGORIES = {op.CATEGORY_DIGIT: r"\d", op.CATEGORY_SPACE: r"\s", op.CATEGORY_WORD: r"\w"}
#: Dates and moments of the rows; long past any contract's lateness, never after the feed time.
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


def text_like(pattern: str, draw: random.Random) -> str:
    """A text that the whole pattern matches; for what contracts use, not for every regular expression."""
    made = "".join(_piece(node, draw) for node in _parsed(pattern))
    assert re.fullmatch(pattern, made, re.ASCII), (pattern, made)
    return made


@cache
def _parsed(pattern: str) -> list[Any]:
    return list(parser.parse(pattern, re.ASCII))


def _piece(node: tuple[Any, Any], draw: random.Random) -> str:
    kind, value = node
    if kind is op.LITERAL:
        return chr(value)
    if kind is op.AT:
        return ""
    if kind is op.IN:
        return draw.choice(_letters(tuple(value)))
    if kind is op.SUBPATTERN:
        return "".join(_piece(inner, draw) for inner in value[3])
    if kind is op.BRANCH:
        return "".join(_piece(inner, draw) for inner in draw.choice(value[1]))
    assert kind is op.MAX_REPEAT, f"{kind} is new in a contract's pattern"
    least, most, inner = value
    times = draw.randint(least, min(int(most), least + 3))
    return "".join(_piece(part, draw) for _ in range(times) for part in inner)


@cache
def _letters(ways: tuple[tuple[Any, Any], ...]) -> list[str]:
    return [letter for letter in PRINTABLE if _is_in(letter, ways)]


def _is_in(letter: str, ways: Sequence[tuple[Any, Any]]) -> bool:
    found = False
    for kind, value in ways:
        if kind is op.LITERAL:
            found |= ord(letter) == value
        elif kind is op.RANGE:
            found |= value[0] <= ord(letter) <= value[1]
        elif kind is op.CATEGORY:
            found |= bool(re.match(CATEGORIES[value], letter, re.ASCII))
    return found != any(kind is op.NEGATE for kind, _ in ways)


def cell(column: Column, draw: random.Random) -> str:
    """One good cell as its producer would write it."""
    if column.enum:
        return draw.choice(column.enum)
    if column.pattern:
        return text_like(column.pattern, draw)
    if column.type == "string":
        return draw.choice(WORDS)[: column.max_length]
    if column.type == "boolean":
        return draw.choice(("true", "false"))
    moment = FIRST_DAY + timedelta(seconds=draw.randrange(5 * 365 * 86_400))
    if column.type in ("date", "timestamp"):
        shape = (
            column.formats[0]
            if column.formats
            else "%Y-%m-%d"
            if column.type == "date"
            else "%Y-%m-%dT%H:%M:%SZ"
        )
        return moment.strftime(shape)
    low = 0 if column.minimum is None else int(column.minimum)
    high = min(low + 500, low + 500 if column.maximum is None else int(column.maximum))
    whole = draw.randint(low, high)
    is_at_an_end = whole in (low, high)
    return str(whole) if column.type == "integer" or is_at_an_end else f"{whole}.{draw.randint(0, 99):02d}"


def good_row(contract: Contract, draw: random.Random) -> dict[str, str]:
    """One good row by the producer's names: every required cell, and each other one mostly."""
    return {
        column.source_name: cell(column, draw) if column.required or draw.random() < 0.8 else ""
        for column in contract.columns.values()
    }


def good_rows(contract: Contract, count: int, seed: int) -> list[dict[str, str]]:
    """The same good rows for the same seed."""
    draw = random.Random(f"{contract.source} {contract.feed} {seed}")
    return [good_row(contract, draw) for _ in range(count)]


def file_of(
    contract: Contract, rows: Iterable[dict[str, str]], *, end: str = "\r\n", typed: bool = True
) -> bytes:
    """A file of the contract's format; `typed` writes numbers and truth as such where the format has them."""
    rows = list(rows)
    if contract.format == "csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(
            text, list(rows[0]), delimiter=contract.delimiter, lineterminator=end, quoting=csv.QUOTE_MINIMAL
        )
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode(contract.encoding)
    kinds = {column.source_name: column.type if typed else "string" for column in contract.columns.values()}
    values = [{name: _value(kinds.get(name, "string"), text) for name, text in row.items()} for row in rows]
    if contract.format == "jsonl":
        return "".join(
            json.dumps(row, ensure_ascii=bool(n % 2)) + end for n, row in enumerate(values)
        ).encode()
    assert contract.format == "parquet", contract.format
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [row[name] for row in values] for name in rows[0]}), sink)
    return sink.getvalue()


def _value(kind: str, text: str) -> Any:
    if text == "":
        return None
    if kind == "integer":
        return int(text)
    if kind == "decimal":
        return float(text)
    return text == "true" if kind == "boolean" else text
