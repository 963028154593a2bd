"""A zip file whose every byte follows from its members, closed by a signature block.

Members are stored, not compressed, in the order given, with fixed dates and rights; the signature block is
the archive's comment: the signature over all bytes before it, and one over the manifest (the first member),
which lets a verifier say *where* a broken archive is broken.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from casework.canonical import sha256_hex
from casework.evidence.keys import Keys, is_signed

MANIFEST = "manifest.json"
WHOLE = b"tidewaiter evidence pack 1\n"
LISTED = b"tidewaiter evidence manifest 1\n"
BLOCK = re.compile(rb"tidewaiter-evidence-1 pack=([0-9a-f]{128}) manifest=([0-9a-f]{128})")
BLOCK_LENGTH = len(b"tidewaiter-evidence-1 pack= manifest=") + 256
HEADER = 30  # a local header's length without its name


@dataclass(frozen=True, slots=True)
class Broken:
    """Where an archive is not what was signed, and a sentence."""

    place: str
    problem: str


def write(members: Mapping[str, bytes], keys: Keys) -> bytes:
    """Return the archive of a manifest and the members it lists, signed."""
    body = unsigned(members)
    pack = keys.sign(WHOLE + sha256_hex(body).encode("ascii")).hex()
    manifest = keys.sign(LISTED + sha256_hex(members[MANIFEST]).encode("ascii")).hex()
    return body + f"tidewaiter-evidence-1 pack={pack} manifest={manifest}".encode("ascii")


def unsigned(members: Mapping[str, bytes]) -> bytes:
    """Return an archive's bytes before the signature block; the same members give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)
        archive.comment = b"." * BLOCK_LENGTH
    return buffer.getvalue()[:-BLOCK_LENGTH]


def problem_of(data: bytes, public_key: bytes) -> Broken | None:
    """Return where an archive differs from what the key signed, or None."""
    body, block = data[:-BLOCK_LENGTH], BLOCK.fullmatch(data[-BLOCK_LENGTH:])
    if block is None:
        return Broken("signature block", "It does not end with a signature block; its end was changed.")
    pack, listed = (bytes.fromhex(group.decode("ascii")) for group in block.groups())
    is_whole = is_signed(public_key, pack, WHOLE + sha256_hex(body).encode("ascii"))
    is_listed = is_signed(public_key, listed, LISTED + sha256_hex(_manifest(body)).encode("ascii"))
    if is_whole:
        wrong = Broken("signature block", "The manifest's signature was changed.")
        return None if is_listed else wrong
    if not is_listed:
        return Broken(MANIFEST, "The manifest or its signature was changed, or another key signed it.")
    return _locate(body)


def _manifest(body: bytes) -> bytes:
    """Return the first member's content, by the length its header states."""
    start = HEADER + len(MANIFEST)
    return body[start : start + int.from_bytes(body[22:26], "little")]


def members_of(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive that verifies, in order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _locate(body: bytes) -> Broken:
    """Find the first member that is not what the signed manifest says of it."""
    manifest = _manifest(body)
    members = {MANIFEST: manifest}
    position = HEADER + len(MANIFEST) + len(manifest)
    for item in json.loads(manifest)["members"]:
        start = position + HEADER + len(item["name"].encode("utf-8"))
        data = body[start : start + item["size"]]
        if sha256_hex(data) != item["sha256"]:
            return Broken(item["name"], f"The content of {item['name']} was changed.")
        members[item["name"]] = data
        position = start + item["size"]
    return _locate_outside(body, unsigned(members), members)


def _locate_outside(body: bytes, expected: bytes, members: Mapping[str, bytes]) -> Broken:
    """Every content is right: find the header, the directory or the signature that is not."""
    at = next((i for i, (a, b) in enumerate(zip(body, expected, strict=False)) if a != b), None)
    if at is None and len(body) == len(expected):
        return Broken("signature block", "All members are right, but the pack's signature is not theirs.")
    if at is None:
        at = min(len(body), len(expected))
    position = 0
    for name, data in members.items():
        position += HEADER + len(name.encode("utf-8")) + len(data)
        if at < position:
            return Broken(name, f"The archive's header of {name} was changed (byte {at}).")
    return Broken("zip directory", f"The archive's directory was changed (byte {at}).")
