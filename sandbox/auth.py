"""Anaplan's authentication service: `/token/authenticate`, `/refresh`, `/validate`, `/logout`."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from aiohttp import web

from .answers import dead_token, failure, json_answer, token_of
from .certificates import account_of, fingerprint, verify
from .state import State, state_of
from .tokens import AUDITOR, Token

routes = web.RouteTableDef()
ANAPLAN_TOKEN = ("AnaplanAuthToken",)


def _token_body(request: web.Request, token: Token, message: str) -> dict[str, Any]:
    return {
        "meta": {"validationUrl": f"{request.url.origin()}/token/validate"},
        "status": "SUCCESS",
        "statusMessage": message,
        "tokenInfo": {
            "expiresAt": token.expires_at,
            "tokenId": token.token_id,
            "tokenValue": token.value,
            "refreshTokenId": token.refresh_id,
        },
    }


def _malformed(message: str) -> web.Response:
    return failure(400, "FAILURE_BAD_REQUEST", message)


def _bad_credential() -> web.Response:
    return failure(401, "FAILURE_BAD_CREDENTIAL", "Bad credentials")


@routes.post("/token/authenticate")
async def authenticate(request: web.Request) -> web.Response:
    state = state_of(request)
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    try:
        decoded = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return _malformed("Authorization header is not base64")
    if scheme == "Basic":
        email = _by_password(decoded, state)
    elif scheme == "CACertificate":
        email = _by_certificate(decoded, await request.read(), state)
    else:
        return _malformed("Authorization header must be Basic or CACertificate")
    if isinstance(email, web.Response):
        return email
    token = state.tokens.issue(email)
    return json_answer(_token_body(request, token, "Login successful"), 201)


def _by_password(decoded: bytes, state: State) -> str | web.Response:
    try:
        email, colon, password = decoded.decode().partition(":")
    except UnicodeDecodeError:
        return _malformed("Authorization header is not UTF-8")
    if not colon:
        return _malformed("Authorization header holds no colon")
    account = state.tokens.accounts.get(email)
    return email if account and account.password == password else _bad_credential()


def _by_certificate(pem: bytes, body: bytes, state: State) -> str | web.Response:
    """The certificate must be a trusted one, and the signature must be of its key: RSA, PKCS#1 v1.5, SHA-512."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, str])
        data = base64.b64decode(fields["encodedData"], validate=True)
        signature = base64.b64decode(fields["encodedSignedData"], validate=True)
        mark = fingerprint(pem)
    except (msgspec.DecodeError, KeyError, binascii.Error, ValueError):
        return _malformed("Certificate, encodedData or encodedSignedData is malformed")
    if len(data) < 100:
        return _malformed("encodedData must hold at least 100 bytes")
    if mark not in state.trusted_certificates or not verify(pem, data, signature, state.clock.now()):
        return _bad_credential()
    named = account_of(pem)
    return named if named in state.tokens.accounts else AUDITOR


@routes.post("/token/refresh")
async def refresh(request: web.Request) -> web.Response:
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, ANAPLAN_TOKEN)
    if isinstance(token, web.Response):
        return token
    state.tokens.extend(token)
    return json_answer(_token_body(request, token, "Token refreshed"))


@routes.get("/token/validate")
async def validate(request: web.Request) -> web.Response:
    token = token_of(request.headers.get("Authorization", ""), state_of(request), ANAPLAN_TOKEN)
    if isinstance(token, web.Response):
        return dead_token()
    return json_answer(_token_body(request, token, "Token validated"))


@routes.post("/token/logout")
async def logout(request: web.Request) -> web.Response:
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, ANAPLAN_TOKEN)
    if isinstance(token, web.Response):
        return token
    state.tokens.drop(token)
    return web.Response(status=204)
