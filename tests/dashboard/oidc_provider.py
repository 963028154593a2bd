"""An OpenID provider in a process of its own that can be told to answer wrongly.

It checks what a good provider checks: the redirect address, the client's secret, one use of a code, and PKCE.
`POST /next` says who signs in next and what is wrong with the answer; `GET /asked` what was asked of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, SECRET = "tidewaiter", "the client's secret"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
STRANGER = RSAKey.generate_key(2048, {"kid": "one"})
told: dict[str, Any] = {"subject": "u-1", "fault": ""}
asked: list[dict[str, str]] = []
codes: dict[str, dict[str, str]] = {}


def issuer(request: Request) -> str:
    return f"http://{request.headers['host']}"


async def about(request: Request) -> Response:
    me = issuer(request)
    named = "http://127.0.0.1:1" if told["fault"] == "describes another issuer" else me
    return JSONResponse(
        {
            "issuer": named,
            "authorization_endpoint": f"{me}/authorize",
            "token_endpoint": f"{me}/token",
            "jwks_uri": f"{me}/keys",
        }
    )


async def keys(request: Request) -> Response:
    return JSONResponse({"keys": [KEY.as_dict(private=False)]})


async def following(request: Request) -> Response:
    told.update(json.loads(await request.body()))
    return Response(status_code=204)


async def what_was_asked(request: Request) -> Response:
    return JSONResponse(asked)


async def authorize(request: Request) -> Response:
    query = dict(request.query_params)
    asked.append(query)
    if query.get("client_id") != CLIENT_ID or not query["redirect_uri"].endswith("/signin/callback"):
        return Response("no such client", status_code=400)
    if query.get("code_challenge_method") != "S256" or not query.get("nonce") or not query.get("state"):
        return Response("PKCE, nonce and state are asked for here", status_code=400)
    if told["fault"] == "denied":
        answer = {"error": "access_denied", "state": query["state"]}
    else:
        code = secrets.token_urlsafe(16)
        codes[code] = query | {"subject": told["subject"]}
        answer = {"code": code, "state": query["state"]}
    return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}", status_code=302)


async def token(request: Request) -> Response:
    form = {name: str(value) for name, value in (await request.form()).items()}
    credentials = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
    begun = codes.pop(form.get("code", ""), None)
    verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
    if request.headers.get("authorization") != f"Basic {credentials}":
        return JSONResponse({"error": "invalid_client"}, status_code=401)
    if begun is None or begun["code_challenge"] != challenge or begun["redirect_uri"] != form["redirect_uri"]:
        return JSONResponse({"error": "invalid_grant"}, status_code=400)
    return JSONResponse(
        {"access_token": "a", "token_type": "Bearer", "id_token": id_token(issuer(request), begun)}
    )


def id_token(me: str, begun: dict[str, str]) -> str:
    now, fault = int(time.time()), told["fault"]
    claims: dict[str, Any] = {
        "iss": me,
        "sub": begun["subject"],
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 300,
        "nonce": begun["nonce"],
        "email": "lead@tidewaiter.example",
        "preferred_username": "lead",
        "groups": ["ops_lead"],
    }
    changed: dict[str, dict[str, Any]] = {
        "wrong audience": {"aud": "another client"},
        "two audiences": {"aud": [CLIENT_ID, "another client"]},
        "another issuer": {"iss": "http://127.0.0.1:1"},
        "nonce of another attempt": {"nonce": "of another attempt"},
        "no nonce": {"nonce": None},
        "expired": {"iat": now - 900, "exp": now - 300},
        "never expires": {"exp": None},
        "from the future": {"iat": now + 3_600, "exp": now + 7_200},
        "names nobody": {"sub": None},
        "names an empty subject": {"sub": ""},
        "names a list": {"sub": ["u-1"]},
    }
    claims |= changed.get(fault, {})
    claims = {name: value for name, value in claims.items() if value is not None}
    if fault == "alg none":
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
    if fault == "a secret key made of the public one":
        shared = OctKey.import_key(json.dumps(KEY.as_dict(private=False)).encode())
        return jwt.encode({"alg": "HS256", "kid": "one"}, claims, shared)
    if fault == "not a token":
        return "<html>"
    signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, STRANGER if fault == "another key" else KEY)
    if fault == "changed after signing":
        head, body, signature = signed.split(".")
        changed_body = (
            base64.urlsafe_b64encode(json.dumps(claims | {"sub": "u-2"}).encode()).decode().rstrip("=")
        )
        return f"{head}.{changed_body}.{signature}"
    return signed


FAULTS = (
    *("wrong audience", "two audiences", "another issuer", "describes another issuer", "another key"),
    *("nonce of another attempt", "no nonce", "expired", "never expires", "from the future"),
    *("names nobody", "names an empty subject", "names a list", "alg none", "not a token"),
    *("a secret key made of the public one", "changed after signing"),
)
app = Starlette(
    routes=[
        Route("/.well-known/openid-configuration", about),
        Route("/keys", keys),
        Route("/authorize", authorize),
        Route("/token", token, methods=["POST"]),
        Route("/next", following, methods=["POST"]),
        Route("/asked", what_was_asked),
    ]
)
if __name__ == "__main__":
    Path(sys.argv[2]).write_text("ready")
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
