"""Published CSV files to text cells: encodings, line ends and missing columns. No meaning is given here."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml.errors import SourceRefused

BYTE_LIMIT = 256 * 1024 * 1024
UNKNOWN = frozenset({"", "?", "NA", "NaN", "nan", "NULL", "null", "None"})


@dataclass(frozen=True)
class Source:
    """A read file: its path, its hash, its rows, and how many lines were left out and why."""

    path: Path
    sha256: str
    rows: pd.DataFrame
    left_out: dict[str, int]


def read_cells(path: Path, columns: Sequence[str]) -> tuple[pd.DataFrame, str, dict[str, int]]:
    """Return the named columns as trimmed text or None, the file's SHA-256, and the lines left out.

    Accepts a byte order mark, UTF-8 or Windows-1252, and LF, CRLF or CR line ends. A line with another
    number of cells than the header is left out and counted. Raises SourceRefused.
    """
    content = _bytes(path)
    text = _text(content).replace("\r\n", "\n").replace("\r", "\n")
    lines = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(lines, [])]
    missing = [name for name in columns if name not in header]
    if missing:
        raise SourceRefused(
            str(path),
            f"the columns {', '.join(missing)} are missing",
            "Give the file as its publisher made it.",
        )
    kept = [line for line in lines if line and any(cell.strip() for cell in line)]
    whole = [line for line in kept if len(line) == len(header)]
    frame = pd.DataFrame(whole, columns=header, dtype=object)[list(columns)]
    frame = frame.map(lambda cell: None if cell.strip() in UNKNOWN else cell.strip()).astype(object)
    frame = frame.where(frame.notna(), None)
    return frame, hashlib.sha256(content).hexdigest(), {"broken_lines": len(kept) - len(whole)}


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > BYTE_LIMIT:
            raise SourceRefused(str(path), "the file is larger than 256 MiB", "Split it and try again.")
        return path.read_bytes()
    except OSError as error:
        raise SourceRefused(
            str(path), f"the file cannot be read ({error.strerror})", "Check the path."
        ) from error


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def numbers(cells: pd.Series) -> pd.Series:
    """Return finite floats; text and blanks are NaN."""
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(values), values, np.nan), index=cells.index)


def days(cells: pd.Series) -> pd.Series:
    """Return UTC midnights of `2-Jun-06`, `06/02/06` or ISO days; a text status is NaT."""
    found = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[us, UTC]")
    for form in ("%d-%b-%y", "%m/%d/%y", "%Y-%m-%d", "%m/%d/%Y", "%d-%b-%Y"):
        parsed = pd.to_datetime(cells, format=form, errors="coerce", utc=True)
        found = found.fillna(parsed.astype("datetime64[us, UTC]"))
    return found
