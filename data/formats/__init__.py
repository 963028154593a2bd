"""Bytes to records, one module a format. Reading only: rules are the contract's, meaning is dbt staging's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.contract.model import Contract
from data.formats import csv, jsonl, parquet
from data.records import Problem, Record

__all__ = ["Problem", "Record", "read"]

READERS = {"csv": csv.read, "jsonl": jsonl.read, "parquet": parquet.read}


def read(contract: Contract, source: Path | str | bytes) -> Iterator[Record]:
    """Every row of the file as a Record, in order, in bounded memory.

    Raises FileRefused where the file as a whole breaks the contract (size, headings, damage); anything wrong
    with one row is that record's `problem`.
    """
    return READERS[contract.format](contract, Path(source) if isinstance(source, str) else source)
