"""Anaplan's OAuth service: `/oauth/token`, `/oauth/device/code`, and the pages of the authorization code grant."""

from __future__ import annotations

import base64
import html

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from .answers import json_answer, origin
from .bodies import MalformedBody, decode, read_body
from .oauth_grants import CODE_GRANT, CODE_SECONDS, DEVICE_GRANT, GrantError
from .state import State, state_of

routes = web.RouteTableDef()
SCOPE = "openid profile email offline_access"


async def _fields(request: web.Request) -> dict[str, str]:
    """Return the fields of a JSON or form body, plus the client of a Basic header."""
    if request.content_type == "application/json":
        try:
            fields = decode(await read_body(request), dict[str, str])
        except MalformedBody:
            raise GrantError("invalid_request", "Body is not a JSON object of texts.") from None
    else:
        try:
            fields = {key: str(value) for key, value in (await request.post()).items()}
        except (ValueError, LookupError, HttpProcessingError, web.RequestPayloadError):
            # Raised for malformed multipart bodies, and for unknown character sets or encodings.
            raise GrantError("invalid_request", "Body is malformed.") from None
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            fields["client_id"], _, fields["client_secret"] = base64.b64decode(value).decode().partition(":")
        except ValueError:
            raise GrantError("invalid_request", "Authorization header is malformed.") from None
    return fields


def _needed(fields: dict[str, str], key: str) -> str:
    if not fields.get(key):
        raise GrantError("invalid_request", f"Missing required parameter: {key}")
    return fields[key]


def _refused(error: GrantError) -> web.Response:
    return json_answer({"error": error.error, "error_description": error.description}, error.status)


@routes.post("/oauth/token")
async def token(request: web.Request) -> web.Response:
    try:
        return _grant(await _fields(request), state_of(request))
    except GrantError as error:
        return _refused(error)


def _grant(fields: dict[str, str], state: State) -> web.Response:
    grants = state.grants
    client_id = _needed(fields, "client_id")
    grants.check_client(client_id, fields.get("client_secret"))
    kind = _needed(fields, "grant_type")
    if kind == "refresh_token":
        email, refresh_token = grants.use_refresh_token(_needed(fields, "refresh_token"))
    elif kind == CODE_GRANT:
        email = grants.use_code(_needed(fields, "code"), client_id, _needed(fields, "redirect_uri"))
        refresh_token = grants.new_refresh_token(email)
    elif kind == DEVICE_GRANT:
        email = grants.poll_device(_needed(fields, "device_code"), client_id)
        refresh_token = grants.new_refresh_token(email)
    else:
        raise GrantError("unsupported_grant_type", f"Unsupported grant type: {kind}")
    return json_answer(
        {
            "access_token": state.tokens.issue(email).value,
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_in": int(state.settings.token_seconds),
            "scope": SCOPE,
        }
    )


@routes.post("/oauth/device/code")
async def device_code(request: web.Request) -> web.Response:
    state = state_of(request)
    try:
        fields = await _fields(request)
        client_id = _needed(fields, "client_id")
        if client_id not in state.grants.clients:
            raise GrantError("invalid_client", "Unknown client", 403)
    except GrantError as error:
        return _refused(error)
    code = state.grants.start_device(client_id)
    page = f"{origin(request)}/activate"
    return json_answer(
        {
            "device_code": code.device_code,
            "user_code": code.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={code.user_code}",
            "expires_in": CODE_SECONDS,
            "interval": int(state.settings.device_interval),
        }
    )


@routes.get("/auth/authorize")
async def authorize(request: web.Request) -> web.Response:
    """Start the authorization code grant: redirect to the sign-in page."""
    if not request.query.get("client_id"):
        return _refused(GrantError("invalid_request", "Missing required parameter: client_id"))
    return _sent_to(URL("/auth/prelogin").with_query(request.query))


@routes.get("/auth/prelogin")
async def prelogin(request: web.Request) -> web.Response:
    """Show the sign-in page. Following its link stands for signing in and giving consent."""
    if not all(request.query.get(key) for key in ("client_id", "response_type", "redirect_uri")):
        return _refused(GrantError("invalid_request", "Missing required parameter"))
    link = html.escape(str(URL("/auth/approve").with_query(request.query)))
    return web.Response(text=f'<p><a href="{link}">Sign in to Anaplan.</a></p>', content_type="text/html")


@routes.get("/auth/approve")
async def approve(request: web.Request) -> web.Response:
    """Redirect to the client's own page with a code for `/oauth/token`."""
    query = request.query
    try:
        client_id, redirect_uri = _needed(dict(query), "client_id"), _needed(dict(query), "redirect_uri")
        code = state_of(request).grants.start_code(client_id, redirect_uri)
    except GrantError as error:
        return _refused(error)
    more = {"state": query["state"]} if "state" in query else {}
    return _sent_to(URL(redirect_uri).update_query({"code": code, **more}))


def _sent_to(url: URL) -> web.Response:
    return web.Response(status=302, headers={"Location": str(url)})


@routes.get("/activate")
async def activate(request: web.Request) -> web.Response:
    """Show the page that a person opens. Following the complete link approves the code."""
    user_code = request.query.get("user_code", "")
    approved = bool(user_code) and state_of(request).grants.approve(user_code)
    text = "Approved." if approved else "Unknown code."
    return web.Response(text=f"<p>{html.escape(user_code)} {text}</p>", content_type="text/html")
