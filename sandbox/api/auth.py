"""Anaplan's authentication service: `/token/authenticate`, `/refresh`, `/validate`, `/logout`."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aiohttp import web

from .answers import failure, json_answer, origin, token_of
from .bodies import MalformedBody, decode, read_body
from .certificates import account_of, fingerprint, shown_certificate, stamp_ms, verify
from .state import State, state_of
from .tokens import AUDITOR, Token

routes = web.RouteTableDef()
ANAPLAN_TOKEN = ("AnaplanAuthToken",)
# A certificate sign-in is refused when its time stamp is further off than this, in either direction.
STAMP_LIFE_MS = 300_000
LEAST_BYTES = 100


def _token_body(request: web.Request, token: Token, message: str) -> dict[str, Any]:
    return {
        "meta": {"validationUrl": f"{origin(request)}/token/validate"},
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


def _bad_credential(message: str = "Bad credentials") -> web.Response:
    return failure(401, "FAILURE_BAD_CREDENTIAL", message)


def _bad_header() -> web.Response:
    return failure(400, "FAILURE_BAD_HEADER", "Authorization header is missing or malformed")


def _live_token(request: web.Request) -> Token | web.Response:
    """Return the token of the header, a 400 for a malformed header, or a 401 for an expired or unknown token.

    `/token/logout` does not use this: it answers 401 in both cases.
    """
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme not in ANAPLAN_TOKEN or not value.strip():
        return _bad_header()
    return token_of(request.headers["Authorization"], state_of(request), ANAPLAN_TOKEN)


@routes.post("/token/authenticate")
async def authenticate(request: web.Request) -> web.Response:
    state = state_of(request)
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    try:
        decoded = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return _bad_credential("Authorization header is not base64")
    if scheme == "Basic":
        email = _by_password(decoded, state)
    elif scheme == "CACertificate":
        email = await _by_certificate(decoded, request, state)
    else:
        return _bad_credential("Authorization header must be Basic or CACertificate")
    if isinstance(email, web.Response):
        return email
    token = state.tokens.issue(email)
    return json_answer(_token_body(request, token, "Login successful"), 201)


def _by_password(decoded: bytes, state: State) -> str | web.Response:
    try:
        email, colon, password = decoded.decode().partition(":")
    except UnicodeDecodeError:
        return _bad_credential("Authorization header is not UTF-8")
    if not colon:
        return _bad_credential("Authorization header holds no colon")
    account = state.tokens.accounts.get(email)
    return email if account and account.password == password else _bad_credential()


async def _by_certificate(shown: bytes, request: web.Request, state: State) -> str | web.Response:
    """Return the account of a trusted certificate whose key made the signature (RSA, PKCS#1 v1.5, SHA-512)."""
    accepted = state.settings.certificate_format
    try:
        pem = shown_certificate(shown)
        fields = decode(await read_body(request), dict[str, str])
        data = base64.b64decode(fields["encodedData"], validate=True)
        signature = base64.b64decode(fields["encodedSignedData"], validate=True)
        mark = fingerprint(pem)
    except (MalformedBody, KeyError, binascii.Error, ValueError):
        return _malformed("Certificate, encodedData or encodedSignedData is malformed")
    version = fields.get("encodedDataFormat", "v1")
    if accepted == "v1" and "encodedDataFormat" in fields:
        return _malformed("Unrecognized field encodedDataFormat")
    if version not in ("v1", "v2") or (accepted == "v2" and version != "v2"):
        return _malformed("encodedDataFormat must be v2")
    if len(data) < LEAST_BYTES:
        return _malformed(f"encodedData must hold at least {LEAST_BYTES} bytes")
    if version == "v2" and abs(stamp_ms(data) - state.clock.now()) > STAMP_LIFE_MS:
        return _bad_credential("encodedData has expired")
    if mark not in state.trusted_certificates or not verify(pem, data, signature, state.clock.now()):
        return _bad_credential()
    named = account_of(pem)
    return named if named in state.tokens.accounts else AUDITOR


@routes.post("/token/refresh")
async def refresh(request: web.Request) -> web.Response:
    token = _live_token(request)
    if isinstance(token, web.Response):
        return token
    state_of(request).tokens.extend(token)
    return json_answer(_token_body(request, token, "Token refreshed"))


@routes.get("/token/validate")
async def validate(request: web.Request) -> web.Response:
    token = _live_token(request)
    if isinstance(token, web.Response):
        return token
    body = _token_body(request, token, "Token validated")
    body["tokenInfo"] = {key: body["tokenInfo"][key] for key in ("expiresAt", "tokenId")}
    body["userInfo"] = _user_info(state_of(request), token)
    return json_answer(body)


def _user_info(state: State, token: Token) -> dict[str, str]:
    email = token.account.email
    listed = next((row for row in state.directory.rows("users") if row.get("email") == email), {})
    return {"userId": email, "userGuid": listed.get("id", ""), "customerGuid": listed.get("customerId", "")}


@routes.post("/token/logout")
async def logout(request: web.Request) -> web.Response:
    token = token_of(request.headers.get("Authorization", ""), state_of(request), ANAPLAN_TOKEN)
    if isinstance(token, web.Response):
        return token
    state_of(request).tokens.drop(token)
    return web.Response(status=204)
