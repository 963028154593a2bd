"""A plain stretch of a comma-separated file as columns at once.

Plain is what reads the same whoever reads it: whole lines without a NUL, a lone carriage return or an undecodable
byte, none overlong, quotes only around whole cells of one line, every row with its cells. Anything else is left
to the reader that goes row by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from data.formats.limits import MAX_LINE_BYTES
from data.formats.lines import UTF8_BOM
from data.records import Block, Lines


@dataclass(frozen=True, slots=True)
class Names:
    """A file's headings: each column under our name (None for one that we do not know), and the unknown names."""

    ours: tuple[str | None, ...]
    extras: tuple[str, ...]


def block_of(
    names: Names, piece: bytes, encoding: str, delimiter: str, first: tuple[int, int]
) -> Block | None:
    """Return the rows of a stretch of a file, or None where it is not plain; `first` are its line and row."""
    if not (delimiter.isascii() and _is_plain(piece, delimiter)):
        return None
    try:
        utf8 = piece if encoding == "utf-8" else piece.decode(encoding).encode()
        table = _columns(utf8, delimiter, len(names.ours))
    except (UnicodeError, pa.ArrowInvalid):
        return None
    known = [(name, table.column(at)) for at, name in enumerate(names.ours) if name is not None]
    return Block(first[1], pa.table(dict(known)), Lines(first[0], piece, encoding), names.extras)


def _is_plain(piece: bytes, delimiter: str) -> bool:
    return (
        piece.endswith(b"\n")
        and not piece.startswith(UTF8_BOM)  # Arrow would take it for no content, wherever it stands
        and b"\0" not in piece
        and (b"\r" not in piece or piece.count(b"\r") == piece.count(b"\r\n"))
        and max(map(len, piece.split(b"\n"))) < MAX_LINE_BYTES
        and (b'"' not in piece or _is_quoted_plainly(piece, delimiter))
    )


def _is_quoted_plainly(piece: bytes, delimiter: str) -> bool:
    """Whether quotes stand around whole cells only; asked of an engine whose time is linear."""
    end = re.escape(delimiter)
    bare, quoted = rf'[^"{end}\r\n]*', r'"(?:[^"\r\n]|"")*"'
    whole = rf"\A(?:(?:{bare}|{quoted})(?:{end}|\r?\n))*\z"
    return bool(pc.match_substring_regex(pa.array([piece], pa.binary()), pattern=whole)[0].as_py())


def _columns(piece: bytes, delimiter: str, width: int) -> pa.Table:
    """Split at line ends and delimiters and at nothing else; raise `ArrowInvalid` where a row has other cells."""
    names = [str(at) for at in range(width)]
    return pyarrow.csv.read_csv(
        pa.BufferReader(piece),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=len(piece) + 1, column_names=names
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if b'"' in piece else False,
            escape_char=False,
            ignore_empty_lines=True,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]
        ),
    )
