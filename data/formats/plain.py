"""A plain stretch of a comma-separated file as columns at once.

Plain is what reads the same whoever reads it: whole lines without a NUL, a lone carriage return or an undecodable
byte, none overlong, quotes only around whole cells of one line, every row with its cells. Anything else is left
to the reader that goes row by row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from data.formats.limits import MAX_LINE_BYTES
from data.formats.lines import UTF8_BOM
from data.records import Block, Lines

LINE_FEED, RETURN, QUOTE = b'\n\r"'


@dataclass(frozen=True, slots=True)
class Names:
    """A file's headings: each column under our name (None for one that we do not know), and the unknown names.

    A column without a heading is none while it is empty, as Excel leaves them behind the last one.
    """

    ours: tuple[str | None, ...]
    extras: tuple[str, ...]
    unnamed: tuple[int, ...] = ()
    refuses_unnamed: bool = True


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
    if any(pc.max(pc.utf8_length(table.column(at))).as_py() for at in names.unnamed):
        return None
    known = [(name, table.column(at)) for at, name in enumerate(names.ours) if name is not None]
    return Block(first[1], pa.table(dict(known)), Lines(first[0], piece, encoding), names.extras)


def line_lengths(piece: bytes) -> np.ndarray | None:
    """Return the bytes of each line with its end, or None where not all end in a line feed or hold a lone return."""
    signs = np.frombuffer(piece, np.uint8)
    ends = np.flatnonzero(signs == LINE_FEED)
    if not len(ends) or ends[-1] != len(piece) - 1:
        return None
    # Of the first line, were it empty, the sign before its end would be the last of all: a line feed.
    returns = np.count_nonzero(signs[ends - 1] == RETURN)
    return np.diff(ends, prepend=-1) if returns == np.count_nonzero(signs == RETURN) else None


def _is_plain(piece: bytes, delimiter: str) -> bool:
    lengths = line_lengths(piece)
    return (
        lengths is not None
        and not piece.startswith(UTF8_BOM)  # Arrow would take it for no content, wherever it stands
        and b"\0" not in piece
        and int(lengths.max()) <= MAX_LINE_BYTES
        and (b'"' not in piece or _is_quoted_plainly(piece, delimiter))
    )


def _is_quoted_plainly(piece: bytes, delimiter: str) -> bool:
    """Whether quotes stand around whole cells of one line only; a doubled one ends a stretch that the next goes on."""
    signs = np.frombuffer(piece, np.uint8)
    quotes = np.flatnonzero(signs == QUOTE)
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    # Before the first sign stands, by the way Python counts, the last: a line feed.
    may_precede, may_follow = np.zeros((2, 256), bool)
    may_precede[[QUOTE, LINE_FEED, ord(delimiter)]] = True
    may_follow[[QUOTE, LINE_FEED, RETURN, ord(delimiter)]] = True
    is_whole = may_precede[signs[opening - 1]].all() and may_follow[signs[closing + 1]].all()
    quotes_before = np.searchsorted(quotes, np.flatnonzero(signs == LINE_FEED))
    return bool(is_whole and not (quotes_before % 2).any())


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
