"""X12 interchanges of our own making, in the styles of several partners; counts are right unless a test breaks them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from data.contract import Contract, load_contract
from data.formats import read
from data.records import Record

#: Kind of group (element 479) of each message.
GROUP_KINDS = {
    "204": "SM",
    "210": "IM",
    "214": "QM",
    "810": "IN",
    "856": "SH",
    "940": "OW",
    "945": "SW",
    "990": "GF",
    "997": "FA",
}


@dataclass(frozen=True)
class Style:
    """How one partner writes: separators, what follows each segment, versions and names."""

    element: str = "*"
    component: str = ">"
    terminator: str = "~"
    after: str = ""
    version: str = "00401"
    group_version: str = "004010"
    standards: str = "U"
    sender: str = "ACMECARRIER"
    receiver: str = "TIDEWAITER"
    asks: str = "0"


PLAIN = Style()
LINED = Style(after="\r\n", group_version="004010VICS")
NEWLINE = Style(terminator="\n", element="|", component=":")
NEWER = Style(version="00501", group_version="005010", standards="^", component=":", after="\n")
STYLES = {"plain": PLAIN, "lined": LINED, "newline": NEWLINE, "newer": NEWER}


def isa(style: Style = PLAIN, number: int = 1, **changes: str) -> str:
    """An ISA segment without its terminator; `changes` replace elements by name (e06)."""
    elements = ["00", " " * 10, "00", " " * 10, "02", f"{style.sender:15}", "ZZ", f"{style.receiver:15}"]
    elements += ["261126", "0830", style.standards, style.version, f"{number:09}", style.asks, "P"]
    elements.append(style.component)
    for name, text in changes.items():
        elements[int(name[1:]) - 1] = text
    return style.element.join(["ISA", *elements])


def transaction(kind: str, body: str, number: str = "0001") -> list[str]:
    """The segments of one set, from ST to SE; `body` has a segment a line, written with asterisks."""
    own = [line.strip() for line in body.strip().splitlines() if line.strip()]
    return [f"ST*{kind}*{number}", *own, f"SE*{len(own) + 2}*{number}"]


def group(kind: str, *sets: list[str], number: str = "1", style: Style = PLAIN) -> list[str]:
    """The segments of one group of sets."""
    head = f"GS*{GROUP_KINDS[kind]}*ACME*TIDE*20261126*0830*{number}*X*{style.group_version}"
    return [head, *(segment for one in sets for segment in one), f"GE*{len(sets)}*{number}"]


def interchange(*groups: list[str], style: Style = PLAIN, number: int = 1, **changes: str) -> str:
    """The text of one interchange of groups."""
    segments = [segment.replace("*", style.element) for one in groups for segment in one]
    trailer = style.element.join(["IEA", str(len(groups)), f"{number:09}"])
    everything = [isa(style, number, **changes), *segments, trailer]
    return "".join(segment + style.terminator + style.after for segment in everything)


def message(kind: str, *bodies: str, style: Style = PLAIN, **changes: str) -> bytes:
    """An interchange of one group with one set for each body."""
    sets = [transaction(kind, body, f"{place:04}") for place, body in enumerate(bodies, start=1)]
    return interchange(group(kind, *sets, style=style), style=style, **changes).encode()


def feed(kind: str, **changes: object) -> Contract:
    """The packaged contract of a message."""
    return load_contract("partner", f"x12_{kind}").model_copy(update=changes)


def records(kind: str, content: bytes) -> list[Record]:
    """Every row of a file under the message's contract."""
    return list(read(feed(kind), content))


def cells(record: Record) -> dict[str, str]:
    """The cells that a row gives."""
    return {name: value for name, value in record.values.items() if value is not None}


def renamed(style: Style, **changes: str) -> Style:
    """A style with something changed."""
    return replace(style, **changes)


#: One 214 with a status and an appointment.
STATUS = """
    B10*PRO123*SHIP9*ACME
    L11*BOL77*BM
    LX*1
    AT7*X1*NS***20261126*0815*ET
    MS1*CHICAGO*IL*US
    MS2*ACMU*123456**7
    AT7***AB*NA*20261127*0900*LT
"""
