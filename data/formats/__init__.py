"""Bytes to records, one module a format. Reading only: rules are the contract's, meaning is dbt staging's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from data.contract.model import Contract
from data.formats import csv, dcsa, document, edifact, epcis, jsonl, parquet, webhook, x12, xlsx
from data.formats.limits import check_unwrapped
from data.formats.lines import open_bytes, size_of
from data.formats.messages import bounded
from data.mapping.apply import translated
from data.mapping.mapped import MappedContract, sent_as
from data.records import Block, Problem, Record

__all__ = ["Problem", "Record", "read", "read_in_blocks"]

READERS: dict[str, Callable[[Contract, Path | bytes], Iterator[Record]]] = {
    "csv": csv.read,
    "dcsa": dcsa.read,
    "edifact": edifact.read,
    "epcis": epcis.read,
    "json": document.read,
    "jsonl": jsonl.read,
    "parquet": parquet.read,
    "x12": x12.read,
    "xlsx": xlsx.read,
    "webhook": webhook.read,
}
#: Formats whose rows carry what their message or document says once for all of them.
SHARING = {"dcsa", "edifact", "epcis", "json", "webhook", "x12"}


def read(contract: Contract, source: Path | str | bytes) -> Iterator[Record]:
    """Every row of the file as a Record, in order, in bounded memory.

    Raises FileRefused where the file as a whole breaks the contract (packed, size, headings, damage); anything wrong
    with one row is that record's `problem`. A mapped contract's rows come in its own words already.
    """
    found = _unwrapped(contract, source)
    if isinstance(contract, MappedContract):
        records = translated(contract, _sent(contract, found))
    else:
        records = READERS[contract.format](contract, found)
    yield from bounded(contract, size_of(found), records) if contract.format in SHARING else records


def _sent(contract: MappedContract, source: Path | bytes) -> Iterator[Record]:
    if contract.format == "json":
        return document.read(sent_as(contract), source, contract.mapping.ignores)
    return READERS[contract.format](sent_as(contract), source)


def read_in_blocks(contract: Contract, source: Path | str | bytes) -> Iterator[Record | Block]:
    """The same rows, many at once where the format has them so: what a row split is given."""
    if contract.format != "csv" or isinstance(contract, MappedContract):
        yield from read(contract, source)
    else:
        yield from csv.read_in_blocks(contract, _unwrapped(contract, source))


def _unwrapped(contract: Contract, source: Path | str | bytes) -> Path | bytes:
    found = Path(source) if isinstance(source, str) else source
    with open_bytes(found) as stream:
        check_unwrapped(contract.feed, stream.read(16), is_workbook=contract.format == "xlsx")
    return found
