"""One way from a value to bytes: what is hashed, signed and compared anywhere in casework.

Canonical JSON: keys sorted, no spaces, ASCII only, no NaN or infinity; money as a decimal string,
instants as UTC `2013-04-01T00:00:00.000000Z`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

_PLAIN = frozenset({str, int, bool, float})
NOT_STORABLE = {0: None}  # PostgreSQL refuses NUL in text


def instant(value: datetime) -> str:
    """Return an aware datetime as canonical UTC text; refuse a naive one."""
    if value.tzinfo is None:
        raise ValueError(f"The instant {value!r} has no time zone; pass an aware UTC datetime.")
    return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def plain(value: Any) -> Any:
    """Return the value as JSON-ready dicts, lists, strings, numbers, booleans and None."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, (set, frozenset)) else items
    raise TypeError(f"A {type(value).__name__} has no canonical form.")


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical JSON bytes of a value."""
    return _CANONICAL.encode(value).encode("ascii")


_CANONICAL = json.JSONEncoder(
    default=plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_sha256(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return sha256_hex(canonical_bytes(value))


def clean_text(text: str, *, limit: int = 20_000) -> str:
    """Return text that both stores can hold: no NUL, no lone surrogates, at most `limit` characters."""
    storable = text.translate(NOT_STORABLE).encode("utf-8", "replace").decode("utf-8")
    return storable[:limit]
