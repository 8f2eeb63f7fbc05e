"""Anaplan's SCIM API, as far as it lists users with their entitlements."""

from __future__ import annotations

from aiohttp import web

from .answers import integration_failure, json_answer, origin, token_of
from .middleware import note_rows, page_fault
from .pages import BadRequest, paged, positive
from .state import state_of

routes = web.RouteTableDef()
SCHEMES = ("AnaplanAuthToken", "Bearer")
BASE = "/scim/1/0/v2"
MAX_COUNT = 100
SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


@routes.get(f"{BASE}/Users")
async def users(request: web.Request) -> web.Response:
    """One page of users. Pages are numbered by their first user, from 1 on."""
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    if not token.account.user_administrator:
        return integration_failure(request.path, 403, "User does not have the role User Administrator")
    try:
        start = positive(request.query, "startIndex", 1, 1)
        count = positive(request.query, "count", MAX_COUNT, 1)
        if count > MAX_COUNT:
            raise BadRequest(f"count must not be over {MAX_COUNT}")
    except BadRequest as error:
        return integration_failure(request.path, 400, str(error))
    rows = state.entitlements.resources(f"{origin(request)}{BASE}")
    span = paged(start - 1, min(count, state.settings.page_cap or count), len(rows), page_fault())
    page = rows[span.start : span.stop]
    note_rows(len(page))
    body = {"schemas": [SCHEMA], "totalResults": span.total, "startIndex": start, "itemsPerPage": len(page)}
    return json_answer({**body, "Resources": page})
