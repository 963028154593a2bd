"""A file of posted bodies: one JSON object, or several as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from data.contract.model import Contract
from data.errors import FileRefused
from data.formats.limits import check_size
from data.formats.lines import UTF8_BOM, open_bytes, size_of
from data.formats.strict_json import NotStrict, parse
from data.records import Problem


@dataclass(frozen=True, slots=True)
class Body:
    """One posted body: the line it begins on, what is said before a path in it, and its object or its fault."""

    line_number: int
    where: str
    found: Any
    text: str = ""
    problem: Problem | None = None


def bodies_of(contract: Contract, source: Path | bytes) -> Iterator[Body]:
    """Every body of a file in order. One that cannot be read among lines is its own problem.

    Raises FileRefused where the file is too large, or is neither one JSON object nor lines of them.
    """
    check_size(contract, size_of(source))
    with open_bytes(source) as stream:
        content = stream.read(contract.max_bytes + 1).removeprefix(UTF8_BOM)
    try:
        yield Body(1, "", _object(content))
    except NotStrict as error:
        if not _are_lines(content):
            raise FileRefused(
                contract.feed, "json", f"{error}.", "Ask the provider to send the body again."
            ) from error
        yield from _line_bodies(content)


def _object(content: bytes) -> dict[str, Any]:
    """The object in these bytes, its numbers as text; NotStrict with the reason otherwise."""
    if not content.strip():
        raise NotStrict("it is empty")
    try:
        found = parse(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotStrict(f"byte {error.start + 1} is not valid UTF-8") from error
    if not isinstance(found, dict):
        raise NotStrict("it is valid JSON but not an object of named values")
    return found


def _are_lines(content: bytes) -> bool:
    """Whether the first or the last line is a body; a body written over several lines begins and ends in part."""
    first = next((line for line in BytesIO(content) if line.strip()), b"").strip()
    last = content.rstrip().rpartition(b"\n")[2].strip()
    return first != content.strip() and (_is_object(first) or _is_object(last))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(_object(line), dict)
    except NotStrict:
        return False


def _line_bodies(content: bytes) -> Iterator[Body]:
    for number, line in enumerate(BytesIO(content), start=1):
        if not line.strip():
            continue
        where = f"line {number} "
        try:
            yield Body(number, where, _object(line.rstrip(b"\r\n")))
        except NotStrict as error:
            problem = Problem("json", f"Line {number}: {error}.")
            text = line.decode("utf-8", "backslashreplace")
            yield Body(number, where, None, text, problem)
