"""A company's OpenID provider: where to send somebody to sign in, and whom its answer names.

Authorization code with PKCE, state and nonce. An answer is believed only when its token is signed with one of
the provider's published keys by an algorithm of ours, names us alone as its audience, carries the nonce of
this very attempt, and is of now. What it says beside issuer and subject is not read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from casework.errors import ConfigError, SignInRefused

CALLBACK = "/signin/callback"
# Signatures with a public key only: `none`, or a secret both sides know, proves nothing here.
ALGORITHMS = ("RS256", "ES256", "PS256", "ES384", "RS384", "PS384", "RS512", "PS512", "EdDSA")
LEEWAY_SECONDS = 60
TIMEOUT_SECONDS = 10.0
KEPT_SECONDS = 3_600.0
NOT_BELIEVED = (
    "The answer of your company's sign-in could not be believed, so you were not signed in. Try again."
)
OUT_OF_REACH = "Your company's sign-in cannot be reached just now. Try again, or sign in with a password."


@dataclass(frozen=True)
class Settings:
    """Which provider, and who we are to it."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    label: str = "your company account"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings | None:
        """Read the TIDEWAITER_OIDC_ variables and TIDEWAITER_URL; None when no issuer is named.

        Raises `ConfigError` for what is missing or not safe.
        """
        issuer = environment.get("TIDEWAITER_OIDC_ISSUER")
        if not issuer:
            return None
        told = {
            name: environment.get(name, "")
            for name in ("TIDEWAITER_OIDC_CLIENT_ID", "TIDEWAITER_OIDC_CLIENT_SECRET", "TIDEWAITER_URL")
        }
        for name, value in told.items():
            if not value:
                raise ConfigError(f"TIDEWAITER_OIDC_ISSUER is set, but {name} is not. Set it, or neither.")
        for name, url in (
            ("TIDEWAITER_OIDC_ISSUER", issuer),
            ("TIDEWAITER_URL", told["TIDEWAITER_URL"]),
        ):
            if not is_safe(url):
                raise ConfigError(f"{name} must be an https address (or one on this machine).")
        client_id, secret, own = told.values()
        label = environment.get("TIDEWAITER_OIDC_LABEL") or cls.label
        return cls(issuer, client_id, secret, own.rstrip("/") + CALLBACK, label)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read or change what an address says: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    )


@dataclass(frozen=True)
class Attempt:
    """What is remembered of somebody who was sent to the provider, until they come back."""

    nonce: str
    code_verifier: str = field(repr=False)


class Provider:
    """One provider, with what it publishes of itself kept for an hour."""

    def __init__(self, settings: Settings) -> None:
        """Ask nothing yet."""
        self.settings = settings
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def address(self, state: str, attempt: Attempt) -> str:
        """Return where to send the browser; raise `SignInRefused` when the provider cannot be reached."""
        endpoint = self._published("authorization_endpoint")
        with self._client() as client:
            url, _ = client.create_authorization_url(
                endpoint, state=state, code_verifier=attempt.code_verifier, nonce=attempt.nonce
            )
        return str(url)

    def subject(self, code: str, attempt: Attempt) -> tuple[str, str]:
        """Return issuer and subject that the provider vouches for; raise `SignInRefused` for anything else."""
        endpoint = self._published("token_endpoint")
        try:
            with self._client() as client:
                answer = client.fetch_token(endpoint, code=code, code_verifier=attempt.code_verifier)
        except httpx.HTTPError as problem:
            raise SignInRefused(OUT_OF_REACH) from problem
        except Exception as problem:  # the library's own errors, and whatever a broken answer makes of it
            raise SignInRefused(NOT_BELIEVED) from problem
        return self._believed(str(answer.get("id_token") or ""), attempt.nonce)

    def _believed(self, id_token: str, nonce: str) -> tuple[str, str]:
        """Check a token; the library asks for signature, times, issuer, audience and nonce."""
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.settings.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._decoded(id_token)
            registry.validate(claims)
            if claims["aud"] not in (self.settings.client_id, [self.settings.client_id]):
                raise ValueError("it is meant for others too")
            if not isinstance(claims["sub"], str) or not claims["sub"]:
                raise ValueError("it names nobody")
        except (JoseError, ValueError, KeyError, TypeError) as problem:
            raise SignInRefused(NOT_BELIEVED) from problem
        return claims["iss"], claims["sub"]

    def _decoded(self, id_token: str) -> dict[str, Any]:
        """Read a token by the published keys; a key that was not there yet is looked for once."""
        try:
            return dict(jwt.decode(id_token, self._keys(), algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError):
            address = self._published_keys_address()
            with self._lock:
                self._kept.pop(address, None)
            return dict(jwt.decode(id_token, self._keys(), algorithms=list(ALGORITHMS)).claims)

    def _keys(self) -> KeySet:
        return KeySet.import_key_set(self._fetched(self._published_keys_address()))  # type: ignore[arg-type]

    def _published_keys_address(self) -> str:
        return self._published("jwks_uri")

    def _published(self, name: str) -> str:
        """Return an address from the provider's own description, which must name the issuer we know."""
        about = self._fetched(self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
        address = str(about.get(name) or "")
        if about.get("issuer") != self.settings.issuer or not is_safe(address):
            raise SignInRefused(NOT_BELIEVED)
        return address

    def _fetched(self, url: str) -> dict[str, Any]:
        moment = time.monotonic()
        with self._lock:
            kept = self._kept.get(url)
        if kept and kept[0] > moment:
            return kept[1]
        try:
            answer = httpx.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as problem:
            raise SignInRefused(OUT_OF_REACH) from problem
        if not isinstance(found, dict):
            raise SignInRefused(NOT_BELIEVED)
        with self._lock:
            self._kept[url] = (moment + KEPT_SECONDS, found)
        return found

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            client_id=self.settings.client_id,
            client_secret=self.settings.client_secret,
            redirect_uri=self.settings.redirect_uri,
            scope="openid",
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
        )
