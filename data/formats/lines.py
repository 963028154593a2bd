"""Bytes to lines: any of LF, CRLF and lone CR, in bounded memory, undecodable bytes kept visible."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from data.formats.limits import MAX_LINE_BYTES

CHUNK_BYTES = 1024 * 1024
UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line with its own line end; `fault` says why its text is not what the producer meant."""

    number: int
    text: str
    fault: str | None = None


def open_bytes(source: Path | bytes) -> BinaryIO:
    """A binary stream over a file or over bytes in hand."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def size_of(source: Path | bytes) -> int:
    """Bytes in the source."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


class Readable(Protocol):
    """Whatever gives bytes until it gives none."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


def lines_of(stream: Readable, encoding: str, first: int = 1) -> Iterator[Line]:
    """Every line of the stream, decoded, numbered from `first`.

    A UTF-8 byte order mark before line 1 is not content.
    """
    for number, (raw, is_cut) in enumerate(_raw_lines(stream), start=first):
        if number == 1:
            raw = raw.removeprefix(UTF8_BOM)
        yield _decoded(number, raw, is_cut, encoding)


def _decoded(number: int, raw: bytes, is_cut: bool, encoding: str) -> Line:
    fault = f"line {number} is longer than {MAX_LINE_BYTES:,} bytes" if is_cut else None
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        text = raw.decode(encoding, "backslashreplace")
        fault = fault or f"byte {error.start + 1} of line {number} is not valid {encoding.upper()}"
    if "\0" in text:
        fault = fault or f"character {text.index(chr(0)) + 1} of line {number} is a NUL"
        text = text.replace("\0", "\\x00")
    return Line(number, text, fault)


def _raw_lines(stream: Readable) -> Iterator[tuple[bytes, bool]]:
    """Lines as bytes with their ends; of an overlong line only the beginning is kept, marked True."""
    rest, is_cut = b"", False
    while chunk := stream.read(CHUNK_BYTES):
        pieces = (rest + chunk).splitlines(keepends=True)
        # The last piece may go on in the next chunk; a final CR may be half of a CRLF.
        rest = b"" if pieces[-1].endswith(b"\n") else pieces.pop()
        for piece in pieces:
            yield piece[:MAX_LINE_BYTES], is_cut or len(piece) > MAX_LINE_BYTES
            is_cut = False
        if len(rest) > MAX_LINE_BYTES:
            # A CR just seen must stay at the end, or the line would never be seen to end.
            rest, is_cut = rest[:MAX_LINE_BYTES] + (b"\r" if rest.endswith(b"\r") else b""), True
    if rest:
        yield rest[:MAX_LINE_BYTES], is_cut or len(rest) > MAX_LINE_BYTES


class PushbackLines:
    """Lines as text for a parser, remembering which it took so that a broken row can be taken back."""

    def __init__(self, lines: Iterator[Line], limit_bytes: int = MAX_LINE_BYTES) -> None:
        """`limit_bytes` (counted in characters) bounds how much one row may take."""
        self._lines, self._limit = lines, limit_bytes
        self._waiting: deque[Line] = deque()
        self.taken: list[Line] = []
        self._taken_size = 0

    def __iter__(self) -> PushbackLines:
        """Itself: a parser iterates over it."""
        return self

    def __next__(self) -> str:
        """The next line's text; RowTooLong when the row at hand grows past the limit."""
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        self._taken_size += len(line.text)
        if self._taken_size > self._limit and len(self.taken) > 1:
            raise RowTooLong
        return line.text

    def row_done(self) -> list[Line]:
        """The lines the parser took for this row; the next row starts after them."""
        taken, self.taken, self._taken_size = self.taken, [], 0
        return taken

    def back_to_second_line(self) -> list[Line]:
        """Keep only the first taken line as this row; the others are read again."""
        taken = self.row_done()
        self._waiting.extendleft(reversed(taken[1:]))
        return taken[:1]


class RowTooLong(Exception):  # noqa: N818
    """A quoted cell ran on past every sensible length: its closing quote is missing."""
