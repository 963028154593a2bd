"""Whole-file promises: unpacked, how large, how many rows, which columns. A file that breaks one is refused."""

from __future__ import annotations

from collections import Counter

from data.contract.model import Contract
from data.errors import FileRefused
from data.records import composed, shortened

#: No line and no row is longer than this (bytes); a longer one is a fault or an attack. It also keeps every
#: cell under the csv module's own limit.
MAX_LINE_BYTES = 128 * 1024

#: How files begin that hold another one, packed or encrypted.
WRAPPINGS = {
    b"\x1f\x8b": "packed by gzip",
    b"\x1f\x9d": "packed by compress",
    **{b"BZh%d1AY&SY" % level: "packed by bzip2" for level in range(1, 10)},
    b"\xfd7zXZ\x00": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"PK\x03\x04": "a ZIP archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"-----BEGIN PGP": "encrypted or signed by PGP",
}


def check_unwrapped(feed: str, head: bytes, *, is_workbook: bool = False) -> None:
    """Refuse a file that holds another one: what is in it may be of any size, and was not agreed on."""
    found = next((words for mark, words in WRAPPINGS.items() if head.startswith(mark)), None)
    if found and not (is_workbook and head.startswith(b"PK")):
        raise FileRefused(feed, "wrapped", f"it is {found}.", "Ask the producer to send the file itself.")


def check_size(contract: Contract, size: int) -> None:
    """Refuse a file over the feed's byte limit before any of it is read."""
    if size > contract.max_bytes:
        raise FileRefused(
            contract.feed,
            "max_bytes",
            f"it holds {size:,} bytes and the feed's limit is {contract.max_bytes:,}.",
            "Ask the producer to send it in parts, or raise max_bytes in the contract.",
        )


def check_row_count(contract: Contract, row_count: int) -> None:
    """Refuse a file as soon as it has shown more rows than the feed allows."""
    if row_count > contract.max_rows:
        raise FileRefused(
            contract.feed,
            "max_rows",
            f"it holds more than the feed's limit of {contract.max_rows:,} rows.",
            "Ask the producer to send it in parts, or raise max_rows in the contract.",
        )


def check_columns(contract: Contract, names: list[str]) -> None:
    """Refuse a table whose headings break the promise: repeated, missing or (if so agreed) unknown names."""
    known = contract.by_source_name
    counted = Counter(composed(name) for name in names)
    repeated = sorted({name for name in names if counted[composed(name)] > 1})
    given = {known.get(name) for name in names}
    missing = [contract.columns[name].source_name for name in contract.required_columns if name not in given]
    extra = [name for name in names if name not in known]
    for rule, found, sentence in (
        ("repeated_columns", repeated, "these columns appear more than once:"),
        ("missing_columns", missing, "these required columns are missing:"),
        ("extra_columns", extra if contract.extra_columns == "refuse" else [], "it has unknown columns:"),
    ):
        if found:
            listed = ", ".join(repr(shortened(name, 60)) for name in found[:8])
            more = f" and {len(found) - 8} more" if len(found) > 8 else ""
            raise FileRefused(
                contract.feed,
                rule,
                f"{sentence} {listed}{more}.",
                "Ask the producer for a file with the agreed columns, or change the contract.",
            )
