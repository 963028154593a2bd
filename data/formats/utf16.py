"""UTF-16 as UTF-8, a piece at a time, so that lines are found the same way in every encoding."""

from __future__ import annotations

import codecs
from io import RawIOBase
from typing import BinaryIO

from data.errors import FileRefused

#: Not UTF-8 in any place, so that the line it stands in is told to be broken.
BROKEN = b"\xff"


class Utf16(RawIOBase, BinaryIO):
    """A binary stream of UTF-8 over one of UTF-16; FileRefused where no byte order mark says its order.

    Half of a surrogate pair and a cut last character stay as bytes that are not UTF-8: they cost their line.
    """

    def __init__(self, feed: str, stream: BinaryIO) -> None:
        """`feed` is named where the file is refused."""
        super().__init__()
        self._stream = stream
        orders = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
        order = orders.get(stream.read(2))
        if order is None:
            raise FileRefused(
                feed,
                "encoding",
                "it does not begin with the byte order mark that UTF-16 needs.",
                "Ask the producer which encoding it is in, and say so in the mapping or the contract.",
            )
        self._decoder = codecs.getincrementaldecoder(order)("surrogatepass")
        self._is_done = False

    def read(self, size: int = -1) -> bytes:
        """The next piece, of up to three bytes for each two of `size`; empty at the end."""
        while not self._is_done:
            piece = self._stream.read(size)
            self._is_done = not piece
            if text := self._decoded(piece):
                return text
        return b""

    def _decoded(self, piece: bytes) -> bytes:
        try:
            text = self._decoder.decode(piece, final=self._is_done)
        except UnicodeDecodeError:
            self._decoder.reset()
            return BROKEN
        return text.encode("utf-8", "surrogatepass")
