"""What a producer promises about one feed: columns, types, limits, key, cadence.

The YAML under `data/contracts/<source>/<feed>.yml` is the only home of these promises; the row split,
the Great Expectations suite and the columns of the raw table are all derived from it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.errors import ContractBroken
from data.records import composed

CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"

#: Which producers' contracts speak for which tenant; a tenant's feeds have different names whatever the source.
TENANT_SOURCES = {"health": ("scms",), "airfreight": ("c2k",), "demo": ("network", "partner")}

#: Formats of one message in many: the contract says which.
Format = Literal["csv", "json", "jsonl", "parquet", "xlsx", "x12", "edifact", "dcsa", "epcis", "webhook"]

FORMAT = re.compile(r"(%[dmyYbBHIpMSfz]|[ /:,.T-])*%[dmyYbBHIpMSfz]")

ColumnType = Literal["string", "integer", "decimal", "boolean", "date", "timestamp"]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def clock_problem(date_format: str) -> str | None:
    """What is wrong with the hours of a date format, to go on after it; None where nothing is."""
    if "%I" in date_format and "%p" not in date_format:
        return "counts hours to twelve (%I), so it needs AM or PM too (%p)"
    if "%p" in date_format and ("%I" not in date_format or "%H" in date_format):
        return "has AM or PM (%p), so its hours are counted to twelve: write %I, and no %H"
    return None


class Column(BaseModel):
    """One promised column. Limits are inclusive; `unit` is for people; a blank cell means "not given"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_name: str = ""
    type: ColumnType
    required: bool = False
    max_length: int = Field(default=4000, ge=1)
    pattern: str | None = None
    enum: list[str] | None = None
    minimum: float | None = None
    maximum: float | None = None
    formats: list[str] | None = None
    null_values: list[str] = []
    unit: str | None = None
    description: str = ""

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        # DuckDB matches in linear time, so it has neither look-around nor back-references.
        if pattern is not None and re.search(r"\(\?(<?[=!]|P=)|\\[1-9]", pattern):
            raise ValueError(f"{pattern!r} uses look-around or back-references, which a contract cannot")
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
        return pattern

    @field_validator("formats")
    @classmethod
    def _formats_are_plain(cls, formats: list[str] | None) -> list[str] | None:
        for item in formats or []:
            if not FORMAT.fullmatch(item):
                raise ValueError(f"{item!r} is not a date format such as %d-%b-%y")
            if problem := clock_problem(item):
                raise ValueError(f"{item!r} {problem}")
        return formats

    @model_validator(mode="after")
    def _rules_fit_the_type(self) -> Self:
        if self.formats and self.type not in ("date", "timestamp"):
            raise ValueError("formats belong to date and timestamp columns only")
        if (self.minimum, self.maximum) != (None, None) and self.type not in ("integer", "decimal"):
            raise ValueError("minimum and maximum belong to integer and decimal columns only")
        if (self.pattern or self.enum) and self.type != "string":
            raise ValueError("pattern and enum belong to string columns only")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        return self


class Contract(BaseModel):
    """The promises of one feed. `key` identifies a row; `recorded_at` says how we know when we learned it.

    `rows_at` is where in a JSON document the list of its rows is (`data.events`); without it the document is the list.
    `answers` says whether its files are answered by a 997 or TA1, `answer_content` whether by an 824 too where rows
    are set aside for their content; both count for X12 alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: Identifier
    source: Identifier
    producer: str
    format: Format
    message: str | None = None
    description: str
    columns: dict[Identifier, Column]
    key: list[str]
    recorded_at: str
    cadence: timedelta
    lateness: timedelta
    extra_columns: Literal["refuse", "ignore"] = "refuse"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] = "utf-8"
    rows_at: str | None = None
    sheet: str | None = None
    header_row: int = Field(default=1, ge=1, le=1000)
    max_rows: int = Field(default=1_000_000, ge=1)
    max_bytes: int = Field(default=256 * 1024 * 1024, ge=1)
    answers: bool = True
    answer_content: bool = False

    @field_validator("columns")
    @classmethod
    def _columns_know_their_source_name(cls, columns: dict[str, Column]) -> dict[str, Column]:
        named = {
            name: column if column.source_name else column.model_copy(update={"source_name": name})
            for name, column in columns.items()
        }
        if len({composed(column.source_name) for column in named.values()}) != len(named):
            raise ValueError("two columns share one source_name")
        return named

    @model_validator(mode="after")
    def _names_are_columns(self) -> Self:
        unknown = [name for name in self.key if name not in self.columns]
        if unknown or not self.key:
            raise ValueError(f"key must name columns of the feed, not {unknown}")
        if self.recorded_at != "file_stamp":
            column = self.columns.get(self.recorded_at)
            if column is None or column.type != "timestamp":
                raise ValueError(
                    f"recorded_at must be file_stamp or a timestamp column, not {self.recorded_at}"
                )
        return self

    @model_validator(mode="after")
    def _content_is_answered_beside_syntax(self) -> Self:
        if self.answer_content and not self.answers:
            raise ValueError("answer_content needs answers: true")
        return self

    @property
    def table_name(self) -> str:
        """The raw table of this feed, within schema `raw`."""
        return f"{self.source}__{self.feed}"

    @property
    def by_source_name(self) -> dict[str, str]:
        """Our column name for each name the producer writes, its accents composed or apart."""
        spelt = {name: column.source_name for name, column in self.columns.items()}
        return {
            way: name
            for name, said in spelt.items()
            for way in (said, composed(said), unicodedata.normalize("NFD", said))
        }

    @property
    def required_columns(self) -> list[str]:
        """Names (ours) that every file must carry."""
        return [name for name, column in self.columns.items() if column.required]

    def tenants(self) -> list[str]:
        """Tenants fed by this contract's source."""
        return tenants_of(self.source)


def tenants_of(source: str) -> list[str]:
    """Tenants fed by a source."""
    return [tenant for tenant, sources in TENANT_SOURCES.items() if source in sources]


def read_contract(path: Path) -> Contract:
    """The contract in one YAML file; ContractBroken names the file and the field otherwise.

    A contract `like: x` says only what is its own; the rest is in `_x.yml` of its folder.
    """
    try:
        contract = Contract.model_validate(_with_shape(path, yaml.safe_load(path.read_text("utf-8"))))
    except (ValidationError, yaml.YAMLError, ValueError) as error:
        raise ContractBroken(str(path), _first_problem(error)) from error
    if (contract.source, contract.feed) != (path.parent.name, path.stem):
        raise ContractBroken(str(path), "its source and feed do not match its folder and file name")
    return contract


@cache
def contract_path(source: str, feed: str) -> Path:
    """Where a packaged contract is written, whether or not there is one."""
    return CONTRACTS / source / f"{feed}.yml"


def load_contract(source: str, feed: str) -> Contract:
    """One packaged contract; ContractBroken where there is none or it is wrong."""
    path = contract_path(source, feed)
    if not path.is_file():
        raise ContractBroken(str(path), "there is no such file")
    return read_contract(path)


@cache
def load_contracts() -> dict[tuple[str, str], Contract]:
    """Every packaged contract by (source, feed), sorted; read once per process."""
    found = [read_contract(path) for path in sorted(CONTRACTS.glob("*/[!_]*.yml"))]
    return {(contract.source, contract.feed): contract for contract in found}


def _with_shape(path: Path, said: Any) -> Any:
    """What a contract says, together with the shape it shares with others."""
    if not isinstance(said, dict) or "like" not in said:
        return said
    own = {name: value for name, value in said.items() if name != "like"}
    shape = path.parent / f"_{said['like']}.yml"
    if not shape.is_file():
        raise ValueError(f"like: there is no {shape.name} beside it")
    return yaml.safe_load(shape.read_text("utf-8")) | own


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        return f"{place}: {first['msg']}"
    return str(error).splitlines()[0]
