"""Feed contracts: what producers promise, and every check that follows from the promise."""

from data.contract.model import (
    TENANT_SOURCES,
    Column,
    Contract,
    contract_path,
    load_contract,
    load_contracts,
    read_contract,
)
from data.contract.rowsplit import LOADER_VERSION, Rejection, Split, correct, split
from data.contract.schema import arrow_schema, empty_table, raw_schema, stamp_of
from data.contract.suite import CheckResult, expectation_suite, validate

__all__ = [
    "LOADER_VERSION",
    "TENANT_SOURCES",
    "CheckResult",
    "Column",
    "Contract",
    "Rejection",
    "Split",
    "arrow_schema",
    "contract_path",
    "correct",
    "empty_table",
    "expectation_suite",
    "load_contract",
    "load_contracts",
    "raw_schema",
    "read_contract",
    "split",
    "stamp_of",
    "validate",
]
