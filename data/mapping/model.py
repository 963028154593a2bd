"""What a mapping file says: a partner's columns, codes and clocks beside the contract's.

Mapping files are a user's own: `<home>/mappings/<tenant>/<name>.yml`; the partner's files land under
`landing/<tenant>/<name>/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.contract.model import FORMAT, Identifier, clock_problem
from data.errors import ContractBroken
from data.records import composed

#: A mapping is written by hand; a larger file is something else.
MAX_MAPPING_BYTES = 256 * 1024
#: Written by a proposal where a person has to decide; no mapping with one left is used.
UNDECIDED = "?"

Heading = Annotated[str, Field(min_length=1, max_length=300)]
TableFormat = Literal["csv", "json", "jsonl", "parquet", "xlsx"]
#: Formats whose cells carry their own type, so that a day or a number is never a partner's spelling.
TYPED_FORMATS = ("parquet", "xlsx")
#: Words for a format that strptime does not know: what is counted since 1970 (UTC), and how many make a second.
EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
#: Formats in which an object may stand within a row.
JSON_FORMATS = ("json", "jsonl")


class MappedColumn(BaseModel):
    """Where one of our columns comes from, and how the partner writes it.

    `from` is a heading, or several whose cells are joined by `joiner`; or `constant` is every row's text.
    `formats` are strptime formats or words of `EPOCHS`; `zone` is the IANA zone of their local times; `values`
    is their code to ours, complete: a code that is not in it quarantines its row; `day_only: midnight` lets a
    day without a time be its first moment. `thousands` is the sign between groups of three digits; with
    `decimal_comma` alone that is a point or a blank.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Heading | list[Heading] | None = Field(default=None, alias="from")
    constant: str | None = Field(default=None, min_length=1)
    joiner: str = Field(default=" ", max_length=10)
    formats: list[str] | None = Field(default=None, min_length=1)
    zone: str | None = None
    day_only: Literal["midnight"] | None = None
    values: dict[str, str | None] | None = Field(default=None, min_length=1)
    decimal_comma: bool = False
    thousands: Literal[",", ".", " ", "'"] | None = None
    null_values: list[str] = []

    @property
    def headings(self) -> list[str]:
        """The partner's headings it is made of, in order; none for a constant."""
        if self.source is None:
            return []
        return [self.source] if isinstance(self.source, str) else list(self.source)

    @field_validator("source", mode="before")
    @classmethod
    def _headings_are_text(cls, source: Any) -> Any:
        for part in source if isinstance(source, list) else [source]:
            if not isinstance(part, str | None):
                raise ValueError(f"YAML reads {part!r} here, so put the heading in quotes")
        return source

    @field_validator("values", mode="before")
    @classmethod
    def _codes_are_text(cls, values: Any) -> Any:
        # YAML takes NO for false and 01 for 1, and then the code as sent is gone.
        for part in [*values.keys(), *values.values()] if isinstance(values, dict) else ():
            if not isinstance(part, str | None):
                raise ValueError(f"YAML reads {part!r} here, so put the code in quotes")
        return values

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        try:
            if zone is not None:
                ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is not a time zone such as Europe/Berlin") from error
        return zone

    @field_validator("formats")
    @classmethod
    def _formats_name_a_whole_day(cls, formats: list[str] | None) -> list[str] | None:
        for item in formats or []:
            if item in EPOCHS:
                continue
            if not FORMAT.fullmatch(item):
                raise ValueError(f"{item!r} is not a date format such as %d.%m.%Y %H:%M")
            if not all(re.search(part, item) for part in ("%d", "%[mbB]", "%[yY]")):
                raise ValueError(f"{item!r} does not name a day, a month and a year")
            if problem := clock_problem(item):
                raise ValueError(f"{item!r} {problem}")
        return formats

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.constant is None) == (not self.headings):
            raise ValueError("say either from (the partner's heading) or constant")
        if self.constant is not None and self.model_fields_set - {"constant"}:
            raise ValueError("a constant is already ours; nothing else belongs beside it")
        if self.values is not None and (self.formats or self.zone or self.decimal_comma or self.thousands):
            raise ValueError(
                "values already gives our text; formats, zone, decimal_comma and thousands do not belong"
            )
        if self.thousands == ("," if self.decimal_comma else "."):
            word = "with" if self.decimal_comma else "without"
            raise ValueError(
                f"{word} decimal_comma {self.thousands!r} is before the decimals, so not thousands"
            )
        if self.day_only and not self.zone:
            raise ValueError("day_only needs the zone whose midnight is meant")
        return self


class PartnerMapping(BaseModel):
    """One partner's table: how its file is written and what each of our columns is in it.

    `contract` is `<source>/<feed>`; `ignored` are the partner's columns that nobody needs; any other
    unmapped column refuses the file (of JSON: quarantines its row) unless `extra_columns: ignore`. In JSON a
    column is named by its keys (`event.code`), and `rows_at` says where in a document the list of rows is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Identifier
    tenant: Identifier
    contract: str = Field(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$")
    producer: str | None = None
    format: TableFormat
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] = "utf-8"
    rows_at: str | None = Field(default=None, min_length=1, max_length=300)
    sheet: str | None = Field(default=None, min_length=1)
    header_row: int = Field(default=1, ge=1, le=1000)
    columns: dict[Identifier, MappedColumn] = Field(min_length=1)
    ignored: list[str] = []
    extra_columns: Literal["refuse", "ignore"] = "refuse"

    @cached_property
    def _nobody_needs(self) -> frozenset[str]:
        return frozenset(map(composed, self.ignored))

    def ignores(self, heading: str) -> bool:
        """Say whether nobody needs a column; in JSON, with an object goes all that is in it."""
        heading = composed(heading)
        within = accumulate(heading.split("."), "{}.{}".format) if self.format in JSON_FORMATS else (heading,)
        return not self._nobody_needs.isdisjoint(within)

    @model_validator(mode="after")
    def _options_fit_the_format(self) -> Self:
        said = self.model_fields_set
        if self.format != "xlsx" and "sheet" in said:
            raise ValueError("sheet belongs to xlsx files only")
        if self.format not in ("csv", "xlsx") and "header_row" in said:
            raise ValueError("header_row belongs to csv and xlsx files only")
        if self.format != "json" and "rows_at" in said:
            raise ValueError("rows_at belongs to json documents only")
        if self.format != "csv" and said & {"delimiter", "encoding"}:
            raise ValueError("delimiter and encoding belong to csv files only")
        if self.format != "csv" and any(column.decimal_comma for column in self.columns.values()):
            # Text and number are one there once read, and 1.234 would become 1234.
            raise ValueError("decimal_comma belongs to csv files only; other formats write numbers as such")
        used = {heading for column in self.columns.values() for heading in column.headings}
        if both := sorted(heading for heading in used if composed(heading) in self._nobody_needs):
            raise ValueError(f"{both[0]!r} is both used and ignored")
        return self


def read_mapping(path: Path) -> PartnerMapping:
    """The mapping in one YAML file; ContractBroken names the file and the field otherwise."""
    try:
        if path.stat().st_size > MAX_MAPPING_BYTES:
            raise ValueError(f"the file: it is longer than {MAX_MAPPING_BYTES:,} bytes")
        said = yaml.load(path.read_text("utf-8"), Loader=_OnceLoader)  # noqa: S506 - it is a SafeLoader
        if not isinstance(said, dict):
            raise ValueError("the file: it does not name fields, such as tenant: demo")
        if open_places := list(_undecided(said)):
            raise ValueError(_still_open(open_places))
        found = PartnerMapping.model_validate({**said, "name": path.stem})
    except (ValidationError, yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        raise ContractBroken(str(path), _first_problem(error)) from error
    if found.tenant != path.parent.name:
        raise ContractBroken(str(path), f"tenant: it says {found.tenant}, its folder {path.parent.name}")
    return found


class _OnceLoader(yaml.SafeLoader):
    """YAML that says everything once: of a key given twice, plain YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node; ValueError where a key is repeated."""
        keys = [key.value for key, _ in node.value]
        if repeated := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"line {node.start_mark.line + 1}: {repeated!r} is given more than once")
        return super().construct_mapping(node, deep)


def _undecided(said: dict[str, Any]) -> Iterator[str]:
    """Places a proposal left for a person."""
    for option in ("sheet", "rows_at"):
        if said.get(option) == UNDECIDED:
            yield option
    columns = said.get("columns")
    for name, column in columns.items() if isinstance(columns, dict) else ():
        for field, value in column.items() if isinstance(column, dict) else ():
            parts = (
                value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
            )
            if field not in ("null_values", "joiner") and UNDECIDED in [part for part in parts if part]:
                yield f"columns.{name}.{field}"


def _still_open(places: list[str]) -> str:
    more = f", and {len(places) - 8} more" if len(places) > 8 else ""
    return f"a person still has to decide {', '.join(places[:8])}{more}"


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]") or "the file"
        return f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return " ".join(str(error).split())[:300]
