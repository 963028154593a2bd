"""Ways in which a file is damaged between its producer and us, drawn at random and repeatable from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Mutation = Callable[
    [bytes, bytes, random.Random], bytes
]  # a file and another of its feed become a damaged one
#: Bytes that mean something to one of the formats, and some that mean nothing to any.
TELLING = [*b"\0\n\r\t\",:;{}[]\\'=+-0 9eE.", 0xFF, 0xFE, 0xEF, 0xBB, 0xC3, 0xA9, 0x80]
LINE_SEPARATORS = (b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c", b"\x1c", b"\xef\xbb\xbf")


def flip(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """One to eight bytes with a bit changed."""
    changed = bytearray(content)
    for _times in range(draw.randint(1, 8)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def delete(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """A stretch missing."""
    start = draw.randrange(len(content))
    return content[:start] + content[start + draw.choice((1, 2, 7, 80)) :]


def insert(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """Bytes that mean something, put in anywhere."""
    at = draw.randrange(len(content) + 1)
    return content[:at] + bytes(draw.choices(TELLING, k=draw.randint(1, 5))) + content[at:]


def put_separator(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """A character that some programs take for the end of a line, and a byte order mark, in the middle."""
    at = draw.randrange(len(content) + 1)
    return content[:at] + draw.choice(LINE_SEPARATORS) + content[at:]


def replace(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """One byte that means something in place of another."""
    at = draw.randrange(len(content))
    return content[:at] + bytes([draw.choice(TELLING)]) + content[at + 1 :]


def truncate(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """The end missing."""
    return content[: draw.randrange(len(content))]


def repeat_block(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """A stretch twice."""
    start = draw.randrange(len(content))
    end = start + draw.randint(1, 400)
    return content[:end] + content[start:end] + content[end:]


def swap_lines(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """Two lines in each other's place, headings included."""
    lines = content.splitlines(keepends=True)
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def splice(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    return content[: draw.randrange(len(content))] + other[draw.randrange(len(other)) :]


def recode(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """The whole file in another encoding, or taken for another one and written again."""
    text = content.decode("utf-8", "replace")
    encoding = draw.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8-sig", "twice"))
    if encoding == "twice":
        return content.decode("latin-1").encode("utf-8")
    return text.encode(encoding, "replace")


def put_zeros(content: bytes, _: bytes, draw: random.Random) -> bytes:
    """A stretch of zeros, as a disk leaves it."""
    start = draw.randrange(len(content))
    length = draw.choice((1, 4, 64, 512))
    return content[:start] + b"\0" * length + content[start + length * draw.randrange(2) :]


MUTATIONS: Sequence[Mutation] = (
    flip, delete, insert, put_separator, replace, truncate, repeat_block, swap_lines, splice, recode, put_zeros,
)  # fmt: skip


def mutated(content: bytes, other: bytes, draw: random.Random) -> tuple[str, bytes]:
    """A damaged file and the names of what was done to it: mostly one thing, sometimes up to three."""
    chosen = draw.choices(MUTATIONS, k=draw.choice((1, 1, 1, 2, 3)))
    for mutation in chosen:
        content = mutation(content or b"\n", other, draw)
    return " ".join(mutation.__name__ for mutation in chosen), content
