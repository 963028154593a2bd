"""Which feeds can be posted to: there is a door only where the environment holds a secret for it.

The variable is TIDEWAITER_WEBHOOK_SECRET_<TENANT>_<FEED>; it holds several secrets, separated by blanks, while they
are changed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from standardwebhooks import Webhook, WebhookVerificationError

from casework.errors import ConfigError
from data.contract import Contract
from orchestration.resources import Platform

SECRET = "TIDEWAITER_WEBHOOK_SECRET_"
SECRET_BYTES = range(24, 65)  # of the standard

JSON = frozenset({"application/json"})
# By a contract's format: how the kept file's name ends, and what a post may say that it is. Parquet and workbooks are
# no text, so they cannot be signed; they are landed as files.
MEDIA: dict[str, tuple[str, frozenset[str]]] = {
    "csv": ("csv", frozenset({"text/csv"})),
    "jsonl": ("jsonl", frozenset({"application/x-ndjson", "application/jsonl"}) | JSON),
    "json": ("json", JSON),
    "x12": ("x12", frozenset({"application/edi-x12"})),
    "edifact": ("edi", frozenset({"application/edifact"})),
    "dcsa": ("json", JSON),
    "epcis": ("json", JSON | {"application/ld+json"}),
    "webhook": ("json", JSON),
}


@dataclass(frozen=True)
class Limits:
    """What one receiver takes on at once: bytes of a post, posts, seconds until a body must be whole."""

    post_bytes: int = 1024 * 1024
    at_once: int = 64
    read_seconds: float = 10.0


@dataclass(frozen=True)
class Door:
    """Where one tenant's feed is posted to."""

    tenant_id: str
    contract: Contract
    signers: tuple[Webhook, ...] = field(repr=False)
    max_bytes: int

    def knows(self, signed: Mapping[str, str], body: bytes) -> bool:
        """Say whether one of the door's secrets signed these bytes within five minutes of now."""
        for signer in self.signers:
            with suppress(WebhookVerificationError):
                signer.verify(body, dict(signed), json_parse=False)
                return True
        return False


def doors_of(
    platform: Platform, environment: Mapping[str, str], limits: Limits
) -> dict[tuple[str, str], Door]:
    """Return the doors the environment holds secrets for, by tenant and feed.

    A feed may be a mapping's, as it stands now. Raises `ConfigError`, naming the variable and never its value: it
    names no feed or two, one that cannot be posted or whose mapping cannot be used, holds no secret of the standard,
    or one that another door has too (what is signed does not say which door it is meant for).
    """
    doors: dict[tuple[str, str], Door] = {}
    owners: dict[str, str] = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(SECRET) or not value.strip():
            continue
        tenant_id, contract = _place(platform, name)
        secrets = value.replace(",", " ").split()
        for secret in map(_bytes_of, [name] * len(secrets), secrets):
            if owners.setdefault(secret.hex(), name) != name:
                raise ConfigError(
                    f"{name} and {owners[secret.hex()]} hold the same secret. Make one for each."
                )
        signers = tuple(Webhook(secret) for secret in secrets)
        limit = min(contract.max_bytes, limits.post_bytes)
        doors[tenant_id, contract.feed] = Door(tenant_id, contract, signers, limit)
    return doors


def _variable(tenant_id: str, feed: str) -> str:
    return SECRET + re.sub(r"[^A-Z0-9]", "_", f"{tenant_id}_{feed}".upper())


def _place(platform: Platform, name: str) -> tuple[str, Contract]:
    """Return the tenant whose feed a variable names, and what that feed is held to."""
    places = [place for place in platform.feeds() if _variable(*place) == name]
    contract = platform.contract_of(*places[0]) if len(places) == 1 else None
    if contract is None:
        raise ConfigError(f"{name} {_unclear(platform, name, places)}")
    if problem := _not_posted(contract):
        raise ConfigError(
            f"{name} is for a feed in {problem}, which cannot be posted: a post is signed as UTF-8 text. Take the "
            "variable away, and land its files."
        )
    return places[0][0], contract


def _unclear(platform: Platform, name: str, places: list[tuple[str, str]]) -> str:
    """Say why a variable names no feed, or not one alone."""
    for (tenant_id, feed), broken in platform.mappings.broken.items():
        if not places and _variable(tenant_id, feed) == name:
            return f"is for {tenant_id}/{feed}. {broken}"
    told = " and ".join(f"{tenant_id}/{feed}" for tenant_id, feed in places)
    why = f"could mean {told}" if told else "names no tenant's feed"
    return f"{why}. It must read {SECRET}<TENANT>_<FEED>; correct it, or take it away."


def _not_posted(contract: Contract) -> str | None:
    """Return what a feed's files are that no post can be, if they are."""
    if contract.format not in MEDIA:
        return contract.format
    return f"{contract.format} written as {contract.encoding}" if contract.encoding != "utf-8" else None


def _bytes_of(name: str, secret: str) -> bytes:
    try:
        found = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        found = b""
    if not secret.startswith("whsec_") or len(found) not in SECRET_BYTES:
        raise ConfigError(
            f"{name} must hold whsec_ and then 24 to 64 random bytes in base64; several are separated by blanks. "
            "Make a new secret."
        )
    return found
