"""GS1 identifiers as EPCIS writes them: EPC URNs and GS1 Digital Links to plain keys with their check digit.

Sources: GS1 EPC Tag Data Standard 2.0 (URNs), GS1 Digital Link URI Syntax 1.3 (links), CBV 2.0 (codes and
business transactions), RFC 5870 (geo URIs).
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import unquote

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gln import Gln
from biip.sscc import Sscc

from data.records import shortened

SSCC_URN, SGLN_URN = "urn:epc:id:sscc:", "urn:epc:id:sgln:"
SSCC_PARTS = re.compile(r"([0-9]{6,12})\.([0-9])([0-9]{4,10})")
SGLN_PARTS = re.compile(r"([0-9]{6,12})\.([0-9]{0,6})\.[^.\s]{1,60}")
KEY_DIGITS = {"00": 18, "414": 13}
LINK = re.compile(r"https?://[^\s?#]*?/(00|414)/([0-9]+)(?![^/?#])")
CONTAINER = re.compile(r"urn:epc:id:bic:([A-Z]{4}[0-9]{7})")
TRANSACTION = re.compile(r"urn:epcglobal:cbv:bt:[0-9]{13}:(\S+)")
POINT = re.compile(r"geo:(-?[0-9]{1,2}(?:\.[0-9]+)?),(-?[0-9]{1,3}(?:\.[0-9]+)?)(?:[,;].*)?")
CODE = re.compile(
    r"(?:urn:epcglobal:cbv:(?:bizstep|disp|btt|er):"
    r"|(?:https?://(?:ref|ns)\.gs1\.org/cbv/|cbv:)(?:BizStep|Disp|BTT|ER)-)([A-Za-z_]+)"
)
#: What may differ between two tellings of one event, and so is no part of its identity.
NOT_CONTENT = ("@context", "eventID", "recordTime", "errorDeclaration", "certificationInfo")


class Damaged(ValueError):  # noqa: N818
    """An identifier that says what it is and is not written as one; the message says why."""


def sscc_of(uri: str) -> str | None:
    """The 18 digits of a logistic unit, None where the URI is of something else; Damaged where it is broken."""
    if uri.startswith(SSCC_URN):
        parts = SSCC_PARTS.fullmatch(uri.removeprefix(SSCC_URN))
        if not parts or len(parts[1]) + len(parts[3]) != 16:
            raise Damaged("an SSCC is a company prefix, a full stop and a serial, 17 digits together")
        return _with_check_digit(f"{parts[2]}{parts[1]}{parts[3]}")
    digits = _link(uri, "00")
    return _checked(Sscc, digits) if digits else None


def gln_of(uri: str) -> str | None:
    """The 13 digits of a location, None where the URI is of something else; Damaged where it is broken."""
    if uri.startswith(SGLN_URN):
        parts = SGLN_PARTS.fullmatch(uri.removeprefix(SGLN_URN))
        if not parts or len(parts[1]) + len(parts[2]) != 12:
            raise Damaged("an SGLN is a company prefix and a location, 12 digits together, and an extension")
        return _with_check_digit(f"{parts[1]}{parts[2]}")
    digits = _link(uri, "414")
    return _checked(Gln, digits) if digits else None


def container_of(uri: str) -> str | None:
    """The container number of a `urn:epc:id:bic:` URN, as sent."""
    found = CONTAINER.fullmatch(uri)
    return found[1] if found else None


def transaction_of(uri: str) -> str | None:
    """The sender's own number within a CBV business transaction URN: `urn:epcglobal:cbv:bt:<GLN>:<number>`."""
    found = TRANSACTION.fullmatch(uri)
    return unquote(found[1]) if found else None


def point_of(uri: str) -> tuple[str, str] | None:
    """Latitude and longitude (degrees, WGS 84) of a geo URI."""
    found = POINT.fullmatch(uri)
    return (found[1], found[2]) if found else None


def code_of(text: str) -> str:
    """A CBV code by its bare word, as EPCIS 2.0 writes it, whether sent so or as the URI it stands for."""
    found = CODE.fullmatch(text)
    return found[1] if found else text


def content_hash(event: dict[str, Any]) -> str:
    """Identity of an event that has no eventID: `sha256:` and the hash of its canonical JSON.

    Canonical means names sorted, no white space, other than ASCII escaped, numbers as written, without
    NOT_CONTENT. It is not the CBV's event hash: it is stable for an event sent again, also with a later error
    declaration, but not between different spellings of one event.
    """
    content = {name: value for name, value in event.items() if name not in NOT_CONTENT}
    written = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(written.encode('ascii')).hexdigest()}"


def _link(uri: str, application_identifier: str) -> str | None:
    found = LINK.match(uri)
    if not found or found[1] != application_identifier:
        return None
    # On a host of the sender's own, a folder named 00 need not be a key of GS1's.
    is_gs1s = uri.split("/", 3)[2] == "id.gs1.org"
    return found[2] if is_gs1s or len(found[2]) == KEY_DIGITS[application_identifier] else None


def _checked(kind: type[Sscc] | type[Gln], digits: str) -> str:
    try:
        return kind.parse(digits).value
    except ParseError as error:
        raise Damaged(shortened(str(error), 120).rstrip(".")) from error


def _with_check_digit(digits: str) -> str:
    return f"{digits}{gs1_standard_check_digit(digits)}"
