"""Answers that several handlers share."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from yarl import URL

from ..settings import Settings
from .tokens import Token

if TYPE_CHECKING:
    from .state import State

BAD_TOKEN = "No valid token header found for the request"
MAINTENANCE = b"""<!DOCTYPE html>
<html><head><title>Anaplan - Maintenance</title></head>
<body><h1>Scheduled maintenance</h1><p>We'll be back soon.</p></body></html>
"""


def origin(request: web.Request) -> URL:
    """Return the address that the client used, for links to further pages.

    Clients reach Anaplan's own hosts over HTTPS only: such a request came through a proxy that terminates TLS.
    """
    own = request.url.origin()
    return own.with_scheme("https") if str(own.host).endswith(".anaplan.com") else own


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return web.Response(body=data, status=status, headers=headers, content_type="application/json", charset="utf-8")


def failure(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return the error body of Anaplan's sign-in and audit services."""
    return json_answer({"status": code, "statusMessage": message}, status, headers)


def integration_failure(path: str, status: int, message: str) -> web.Response:
    """Return the error body of the Integration API."""
    moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json_answer({"status": {"code": status, "message": message}, "path": path, "timestamp": moment}, status)


def html_answer(status: int) -> web.Response:
    return web.Response(body=MAINTENANCE, status=status, content_type="text/html", charset="utf-8")


def too_many(settings: Settings, retry_after: str | None = None) -> web.Response:
    """Return a 429. `retry_after` overrides the setting; `none` omits the header."""
    value = retry_after or (str(settings.retry_after) if settings.retry_after else "none")
    headers = {} if value == "none" else {"Retry-After": value}
    return failure(429, "FAILURE_TOO_MANY_REQUESTS", "Too many requests", headers)


def no_role() -> web.Response:
    """Return the answer to a valid token without the role: Anaplan sends 401 for it, not 403."""
    return failure(401, "FAILURE_UNAUTHORIZED_USER_ACTION", "User is not authorized to perform this action")


def dead_token() -> web.Response:
    return failure(401, "FAILURE_BAD_CREDENTIAL", "Token is expired or invalid")


def token_of(header: str, state: State, schemes: tuple[str, ...]) -> Token | web.Response:
    """Return the live token of an Authorization header, or the 401 answer."""
    scheme, _, value = header.partition(" ")
    if scheme not in schemes or not value.strip():
        return failure(401, "FAILURE_BAD_CREDENTIAL", BAD_TOKEN)
    return state.tokens.find(value.strip()) or dead_token()
