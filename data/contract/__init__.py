"""Feed contracts: what producers promise, and every check that follows from the promise."""

from data.contract.model import TENANT_SOURCES, Column, Contract, load_contracts, read_contract
from data.contract.schema import arrow_schema, empty_table, raw_schema, stamp_of

__all__ = [
    "TENANT_SOURCES",
    "Column",
    "Contract",
    "arrow_schema",
    "empty_table",
    "load_contracts",
    "raw_schema",
    "read_contract",
    "stamp_of",
]
