"""JSON, strictly: no repeated keys, no NaN, no deep nesting; numbers stay the text the producer wrote."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.limits import check_size
from data.formats.lines import UTF8_BOM, open_bytes, size_of
from data.records import shortened

#: A little nesting is answered with a clear message, more is not even parsed.
MAX_DEPTH = 32
# A string without its end goes on to the end of the text, so every character is looked at once.
STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


class NotStrict(ValueError):  # noqa: N818
    """A text that is not strict JSON; the message says why."""


def parse(text: str) -> Any:
    """The value of a text, its numbers as text; NotStrict with the reason otherwise."""
    if depth_of(text) > MAX_DEPTH:
        raise NotStrict(f"it is nested more than {MAX_DEPTH} levels deep")
    try:
        return STRICT.decode(text)
    except json.JSONDecodeError as error:
        raise NotStrict(f"it is not valid JSON at character {error.pos + 1} ({error.msg.lower()})") from error


def read_document(contract: Contract, source: Path | bytes) -> Any:
    """The value of a whole file; FileRefused where it is too large, not UTF-8 or not strict JSON."""
    check_size(contract, size_of(source))
    with open_bytes(source) as stream:
        content = stream.read(contract.max_bytes + 1).removeprefix(UTF8_BOM)
    try:
        return parse(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refused(contract, f"byte {error.start + 1} is not valid UTF-8") from error
    except NotStrict as error:
        raise _refused(contract, str(error)) from error


def _refused(contract: Contract, reason: str) -> FileRefused:
    return FileRefused(contract.feed, "json", f"{reason}.", "Ask the sender for the file again.")


def depth_of(text: str) -> int:
    """How deep brackets nest outside of strings; cheap when there are few brackets at all."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    deepest = depth = 0
    for found in STRING_OR_BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counted = Counter(key for key, _ in pairs)
        repeated = next(name for name, count in counted.items() if count > 1)
        raise NotStrict(f"the key {shortened(repeated, 60)!r} appears more than once")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise NotStrict(f"{name} is not a JSON number")


STRICT = json.JSONDecoder(
    object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant, parse_float=str, parse_int=str
)
