"""The contract that a mapping makes of a feed: the same promises and raw table, in the partner's file.

`mapped_contract` is what loading, quarantine and replay are given: a contract like any other, whose feed is
the mapping's name. `sent_as` is the partner's own table, as its reader must find it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from data.contract.model import TENANT_SOURCES, Column, Contract
from data.errors import ContractBroken
from data.mapping.cells import has_time, has_zone
from data.mapping.fits import misfit
from data.mapping.model import EPOCHS, MappedColumn, PartnerMapping
from data.records import composed

#: A day, or a moment by the clock of the place, as a column of text holds it.
LOCAL_TEXT = "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?)?"
#: Anything that is not behind the mark of an untranslated cell, which begins with a bracket.
TRANSLATED = "(?s)[^(].*"

Contracts = Mapping[tuple[str, str], Contract]


class MappedContract(Contract):
    """A contract whose rows come in a partner's own table; they end in the raw table of `base`.

    Its columns are named by the partner's headings where a sentence names one, and hold no date formats
    where the mapping gives them: by then the cell is written as the contract's own.
    """

    base: Contract = Field(exclude=True)
    mapping: PartnerMapping = Field(exclude=True)

    @property
    def table_name(self) -> str:
        """The raw table of the contract it is mapped onto."""
        return self.base.table_name

    def tenants(self) -> list[str]:
        """The one tenant whose mapping it is."""
        return [self.mapping.tenant]


def mapped_contract(mapping: PartnerMapping, contracts: Contracts, path: Path | str) -> MappedContract:
    """The mapping's feed as a contract; ContractBroken, naming `path` and the field, where they do not fit."""
    source, feed = mapping.contract.split("/")
    base = contracts.get((source, feed))
    if base is None:
        raise ContractBroken(str(path), f"contract: there is no {mapping.contract}")
    if problem := _misnamed(mapping, contracts) or _misfit(mapping, base):
        raise ContractBroken(str(path), problem)
    own: dict[str, Any] = {
        "feed": mapping.name,
        "producer": mapping.producer or base.producer,
        "format": mapping.format,
        "columns": _columns(mapping, base),
        "extra_columns": mapping.extra_columns,
        "delimiter": mapping.delimiter,
        "encoding": mapping.encoding,
        "rows_at": mapping.rows_at,
        "sheet": mapping.sheet,
        "header_row": mapping.header_row,
    }
    said = {name: getattr(base, name) for name in Contract.model_fields} | own
    try:
        return MappedContract(**said, base=base, mapping=mapping)
    except ValidationError as error:
        raise ContractBroken(str(path), str(error.errors()[0]["msg"])) from error


def sent_names(mapping: PartnerMapping) -> dict[str, str]:
    """The reader's name for each of the partner's headings that is used: c1, c2, …"""
    headings = [heading for column in mapping.columns.values() for heading in column.headings]
    names = {
        each: f"c{number}" for number, each in enumerate(dict.fromkeys(map(composed, headings)), start=1)
    }
    return {heading: names[composed(heading)] for heading in headings}


def sent_as(contract: MappedContract) -> Contract:
    """The partner's own table as a contract of plain text, for the readers.

    A heading is required where something required is made of it. Unknown columns pass, because which of them
    may be ignored is the mapping's to say.
    """
    mapping, base, names = contract.mapping, contract.base, sent_names(contract.mapping)
    required = {
        names[heading]
        for name, column in mapping.columns.items()
        if base.columns[name].required
        for heading in column.headings
    }
    columns = {
        name: Column(source_name=heading, type="string", required=name in required)
        for heading, name in names.items()
    }
    # Every row needs a key to be a contract's row, also where each of our columns is a constant.
    columns = columns or {"c0": Column(source_name="(none)", type="string")}
    own = {"columns": columns, "key": [next(iter(columns))], "recorded_at": "file_stamp"}
    said = {name: getattr(contract, name) for name in Contract.model_fields}
    return Contract(**{**said, **own, "extra_columns": "ignore"})


def _columns(mapping: PartnerMapping, base: Contract) -> dict[str, Column]:
    """Our columns under the partner's headings; a heading used twice is told apart by our name."""
    labels = {name: _label(name, mapping.columns.get(name)) for name in base.columns}
    shared = {label for label, count in Counter(labels.values()).items() if count > 1}
    return {
        name: column.model_copy(
            update={
                "source_name": f"{labels[name]} as {name}" if labels[name] in shared else labels[name],
                **_own_rules(mapping.columns.get(name), column),
            }
        )
        for name, column in base.columns.items()
    }


def _label(name: str, column: MappedColumn | None) -> str:
    return " + ".join(column.headings) if column and column.headings else name


def _own_rules(column: MappedColumn | None, promised: Column) -> dict[str, Any]:
    """Rules that follow from the mapping, so that no untranslated text of a corrected row keeps them."""
    if column is None:
        return {}
    own: dict[str, Any] = {"formats": None} if column.formats or column.zone else {}
    if promised.type == "string" and not promised.enum and not promised.pattern:
        # A column of any text would take an untranslated cell too, once another cell of its row is corrected.
        own |= {"pattern": LOCAL_TEXT} if column.formats else {"pattern": TRANSLATED} if column.values else {}
    return own


def _misnamed(mapping: PartnerMapping, contracts: Contracts) -> str | None:
    """What is wrong with a mapping's name: a feed of the same tenant may have it already."""
    if any((source, mapping.name) in contracts for source in TENANT_SOURCES.get(mapping.tenant, ())):
        return f"the file: {mapping.tenant} has a feed {mapping.name} already, so give it another name"
    return None


def _misfit(mapping: PartnerMapping, base: Contract) -> str | None:
    """The first thing the contract does not allow, with the field it stands in."""
    if strangers := [name for name in mapping.columns if name not in base.columns]:
        return f"columns.{strangers[0]}: {mapping.contract} has no such column"
    if missing := [name for name in base.required_columns if name not in mapping.columns]:
        return (
            f"columns.{missing[0]}: every row of {mapping.contract} needs it, and the mapping leaves it out"
        )
    for name, column in mapping.columns.items():
        if problem := _column_misfit(column, base.columns[name]):
            return f"columns.{name}.{problem}"
    return None


def _column_misfit(column: MappedColumn, promised: Column) -> str | None:
    if column.constant is not None and (problem := misfit(promised, column.constant)):
        return f"constant: {column.constant!r} {problem}"
    for theirs, ours in (column.values or {}).items():
        if ours is not None and (problem := misfit(promised, ours)):
            return f"values: {theirs!r} becomes {ours!r}, which {problem}"
        if ours is None and promised.required:
            return f"values: {theirs!r} becomes nothing, and every row needs this column"
    for field in ("decimal_comma", "thousands"):
        if getattr(column, field) and promised.type not in ("integer", "decimal"):
            return f"{field}: the column is of type {promised.type}, not a number"
    return _clock_misfit(column, promised)


def _clock_misfit(column: MappedColumn, promised: Column) -> str | None:
    if column.zone and promised.type != "timestamp":
        return f"zone: the column is of type {promised.type}, not a timestamp"
    if column.formats and promised.type not in ("timestamp", "date", "string"):
        return f"formats: the column is of type {promised.type}, not a day or a time"
    for item in column.formats or []:
        if promised.type != "timestamp":
            if item in EPOCHS:
                return f"formats: {item} is an instant, and the column is of type {promised.type}"
            continue
        if not has_time(item) and not column.day_only:
            return f"formats: {item!r} has no time of day; add one, or say day_only: midnight"
        if not has_zone(item) and not column.zone:
            return f"zone: {item!r} has no offset (%z), so the zone of its local times is needed"
    return None
