"""Interchanges of our own making: a status report and an instruction, and what becomes of them."""

from __future__ import annotations

from itertools import chain

from data.contract import Contract, load_contract
from data.formats import read
from data.records import Record

IFTSTA = load_contract("partner", "iftsta")
IFTMIN = load_contract("partner", "iftmin")
STATUS = (
    "BGM+77+STATUS1+9",
    "DTM+137:202608011500UTC:303",
    "NAD+CA+MAEU:172:182",
    "RFF+BN:BOOK1",
    "CNI+1+HBL9",
    "STS+1+24+20",
    "DTM+334:202608011405?+02:303",
    "FTX+AAI+++ALL ?'GOOD?' HERE??:1?:2 LEFT",
    "LOC+9+DEHAM:139:6:HAMBURG",
    "TDT+20+14E+1++MAEU:172:182",
    "DTM+132:202608101200:203",
    "LOC+11+USNYC:139:6",
    "EQD+CN+MSKU1234565+22G1:102:5",
)
DATE = "DTM+334:202608011405:203"
INSTRUCTION = (
    "BGM+340+SI-1+9",
    "DTM+137:202608011500:203",
    "DTM+2:20260901:102",
    "CNT+7:12345,5:KGM",
    "CNT+11:20",
    "LOC+88+DEHAM:139:6",
    "LOC+7+USCHI:139:6:CHICAGO",
    "RFF+BN:BOOK1",
    "DTM+189:20200101:102",
    "TDT+10++3",
    "DTM+189:202608101200:203",
    "TDT+20++1++MAEU:172:182",
    "DTM+189:202608121200:203",
    "LOC+9+DEHAM:139:6",
    "NAD+CZ+4012345000009::9++ACME:LTD",
    "NAD+CN+++BUYER INC",
    "RFF+ON:PO5",
    "NAD+CA+MAEU:172:182",
    "GID+1+20:PK",
    "NAD+CN+++NOT THE CONSIGNEE",
    "FTX+AAA+++PUMPS",
    "MEA+WT+G+KGM:1000",
    "EQD+CN+MSKU1234565+22G1",
)


def message(*segments: str, reference: str = "1", kind: str = "IFTSTA:D:95B:UN") -> list[str]:
    """A message around these segments, its control count right."""
    return [f"UNH+{reference}+{kind}", *segments, f"UNT+{len(segments) + 2}+{reference}"]


def interchange(*messages: list[str], una: str = "", between: str = "", charset: str = "UNOC:3") -> str:
    """An interchange around these messages, its control count right."""
    begin = f"UNB+{charset}+CARRIERX:ZZ+SHIPPERY:ZZ+260801:1500+REF1"
    segments = [begin, *chain(*messages), f"UNZ+{len(messages)}+REF1"]
    return una + between.join(f"{segment}'{between}" for segment in segments)


def instruction(*segments: str) -> str:
    return interchange(message(*segments, kind="IFTMIN:D:16B:UN"))


def records(text: str | bytes, contract: Contract = IFTSTA) -> list[Record]:
    return list(read(contract, text.encode("latin-1") if isinstance(text, str) else text))


def said(text: str, contract: Contract = IFTSTA) -> dict[str, str | None]:
    """The cells of the only row."""
    [record] = records(text, contract)
    assert record.problem is None
    return record.values


def status(event: str, *segments: str) -> dict[str, str | None]:
    """The cells of a status with these segments, and with a date where none of them is one."""
    is_dated = any(segment.startswith("DTM+") for segment in segments)
    dated = [event, *([] if is_dated else [DATE]), *segments]
    return said(interchange(message("BGM+77+S+9", "CNI+1+HBL9", *dated)))


def problem(text: str, contract: Contract = IFTSTA) -> tuple[str, str]:
    """Rule and sentence of the only problem of the file's only record."""
    [record] = records(text, contract)
    assert record.problem is not None and record.values == {}
    return record.problem.rule, record.problem.message


GOOD = interchange(message(*STATUS))
