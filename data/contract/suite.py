"""The same promises as a Great Expectations suite: a second reading of what the row split let pass.

Great Expectations is imported when first used (it takes seconds), with analytics off: nothing leaves the
machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from data.contract.model import Column, Contract
from data.records import shortened

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.expectations import Expectation

#: What RE2 (DuckDB's engine) takes these classes for; Python's know the signs of every script.
CLASSES = {r"\s": r"\t\n\f\r ", r"\d": "0-9", r"\w": "0-9A-Za-z_"}
PIECES = re.compile(r"\\(.)|\[\^?\]?|\]|[^\\\[\]]+", re.DOTALL)
#: What pandas calls a column of numbers; whole numbers with gaps are floats there.
NUMBERS = {"integer": ["int64", "float64"], "decimal": ["float64"]}
ONCE = "Once"  # ends the names of our own kinds of expectation
#: The days and moments we take to be meant; the row split uses the same years.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one file: passed, failed (in `unexpected_count` rows), or not to be made (`is_error`)."""

    name: str
    column: str | None
    success: bool
    is_error: bool
    unexpected_count: int
    description: str


def expectation_suite(contract: Contract) -> ExpectationSuite:
    """The contract's promises as expectations over a typed frame of one file."""
    gx = _great_expectations()
    return gx.ExpectationSuite(name=contract.table_name, expectations=list(_expectations(contract, _Kinds())))


def validate(contract: Contract, frame: pd.DataFrame) -> list[CheckResult]:
    """Every expectation of the contract on the typed rows of one file (`Split.rows.to_pandas()`).

    An expectation that could not be evaluated is an error, not a failure: the file may be right.
    """
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = _no_progress_bars()
    source = context.data_sources.add_pandas("arrived")
    definition = source.add_dataframe_asset(contract.table_name).add_batch_definition_whole_dataframe("file")
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    suite = expectation_suite(contract)
    found = batch.validate(suite, result_format="BOOLEAN_ONLY")
    if not found.success:  # how many rows break a promise is asked only where some do
        found = batch.validate(suite, result_format="BASIC")
    return [_check_result(result) for result in found.results]


def _great_expectations() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def _no_progress_bars() -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    return ProgressBarsConfig(globally=False)


class _Kinds:
    """Great Expectations' kinds of expectation, each putting its configuration together once.

    Theirs do so anew at every look, many times in a validation; what an expectation holds does not change after it
    was made.
    """

    def __getattr__(self, name: str) -> Any:
        return _told_once(name)


@cache
def _told_once(name: str) -> Any:
    from great_expectations.compatibility.pydantic import PrivateAttr

    kind = getattr(_great_expectations().expectations, name)

    def configuration(self: Any) -> Any:
        self._configuration = self._configuration or kind.configuration.fget(self)
        return self._configuration

    own = {"_configuration": PrivateAttr(default=None), "configuration": property(configuration)}
    return type(kind)(f"{name}{ONCE}", (kind,), {"__module__": __name__, **own})


def _expectations(contract: Contract, kinds: _Kinds) -> Iterator[Expectation]:
    yield kinds.ExpectTableColumnsToMatchSet(
        column_set=list(contract.columns),
        exact_match=False,
        meta=_says("Every column of the contract is there."),
    )
    yield kinds.ExpectTableRowCountToBeBetween(
        min_value=0,
        max_value=contract.max_rows,
        meta=_says(f"The file holds at most {contract.max_rows:,} rows."),
    )
    for name, column in contract.columns.items():
        yield from _column_expectations(name, column, kinds)


def _column_expectations(name: str, column: Column, kinds: _Kinds) -> Iterator[Expectation]:
    label = column.source_name
    yield from _type_expectations(name, column, kinds)
    if column.required:
        yield kinds.ExpectColumnValuesToNotBeNull(column=name, meta=_says(f"Every row gives {label}."))
    if column.enum:
        yield kinds.ExpectColumnValuesToBeInSet(
            column=name, value_set=column.enum, meta=_says(f"{label} is one of: {', '.join(column.enum)}.")
        )
    if column.pattern:
        yield kinds.ExpectColumnValuesToMatchRegex(
            column=name,
            regex=rf"\A(?:{as_read_by_the_split(column.pattern)})\Z",
            meta=_says(f"{label} is written as agreed ({column.pattern})."),
        )
    if (column.minimum, column.maximum) != (None, None):
        yield kinds.ExpectColumnValuesToBeBetween(
            column=name,
            min_value=column.minimum,
            max_value=column.maximum,
            meta=_says(f"{label} lies {_between(column)}."),
        )
    if column.type == "string":
        yield kinds.ExpectColumnValueLengthsToBeBetween(
            column=name,
            max_value=column.max_length,
            meta=_says(f"{label} has at most {column.max_length} characters."),
        )


def _type_expectations(name: str, column: Column, kinds: _Kinds) -> Iterator[Expectation]:
    """Types pandas and Great Expectations agree upon; text is judged by its pattern and length instead."""
    label = column.source_name
    if column.type in NUMBERS:
        yield kinds.ExpectColumnValuesToBeInTypeList(
            column=name, type_list=NUMBERS[column.type], meta=_says(f"{label} is a column of numbers.")
        )
    if column.type in ("date", "timestamp"):
        is_day = column.type == "date"
        yield kinds.ExpectColumnValuesToBeBetween(
            column=name,
            min_value=EARLIEST.date() if is_day else EARLIEST,
            max_value=LATEST.date() if is_day else LATEST,
            strict_max=True,
            meta=_says(f"{label} lies between the years 1900 and 2199."),
        )


def _between(column: Column) -> str:
    low = f"at or above {column.minimum:g}" if column.minimum is not None else ""
    high = f"at or below {column.maximum:g}" if column.maximum is not None else ""
    return " and ".join(part for part in (low, high) if part)


def _says(sentence: str) -> dict[str, str]:
    return {"sentence": sentence}


def _check_result(result: Any) -> CheckResult:
    config = result.expectation_config
    raised = _exception_message(result.exception_info)
    sentence = config.meta["sentence"]
    success = bool(result.success) and raised is None
    count = int(result.result.get("unexpected_count") or 0)
    if raised is not None:
        sentence = f"Could not be checked: {sentence} ({shortened(raised, 200)})"
    elif not success:
        sentence = f"Broken: {sentence} {_extent(count)}"
    name = config.type.removesuffix(f"_{ONCE.lower()}")
    return CheckResult(
        name, config.kwargs.get("column"), success, raised is not None, count, sentence.strip()
    )


def _extent(count: int) -> str:
    return f"{count:,} {'row does' if count == 1 else 'rows do'} not." if count else ""


def _exception_message(info: dict[str, Any] | None) -> str | None:
    """The first exception's words; Great Expectations nests them by metric when a metric raised."""
    if not info:
        return None
    for entry in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message") or "no reason was given")
    return None


def as_read_by_the_split(pattern: str) -> str:
    """A contract's pattern so that Python matches what DuckDB matches: a row that passed the one passes both.

    Else a sign that only one of them takes for white space would pass the row split and stop the whole feed.
    """
    is_class, pieces = False, []
    for piece in PIECES.finditer(pattern):
        text = piece[0]
        if text.lower() in CLASSES and not (is_class and text[1].isupper()):
            signs = CLASSES[text.lower()]
            text = signs if is_class else f"[{'^' if text[1].isupper() else ''}{signs}]"
        elif text.startswith("["):
            is_class = True
        elif text == "]":
            is_class = False
        pieces.append(text)
    return "".join(pieces)
