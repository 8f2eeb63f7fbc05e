"""Anaplan's Integration API, as far as it lists users, workspaces and models."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .answers import failure, json_answer, token_of
from .middleware import note_rows, page_fault
from .pages import BadRequest, paged, positive
from .state import state_of

routes = web.RouteTableDef()
SCHEMES = ("AnaplanAuthToken", "Bearer")
MAX_LIMIT = 5_000
SORT_FIELDS = ("firstName", "lastName", "email", "active", "lastLoginDate")
# Fields without tenantDetails=true or modelDetails=true.
BRIEF = {
    "workspaces": ("id", "name"),
    "models": ("id", "activeState", "name", "currentWorkspaceId", "currentWorkspaceName", "modelUrl"),
}
DETAILS = {"workspaces": "tenantDetails", "models": "modelDetails"}


@routes.get("/2/0/users/me")
async def myself(request: web.Request) -> web.Response:
    """The account behind the token."""
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    email = token.account.email
    listed = (row for row in state.directory.rows("users") if row.get("email") == email)
    user = next(listed, {"email": email, "active": True})
    return json_answer({"status": {"code": 200, "message": "Success"}, "user": user})


@routes.get("/2/0/{collection:users|workspaces|models}")
async def listing(request: web.Request) -> web.Response:
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    collection = request.match_info["collection"]
    try:
        limit = min(positive(request.query, "limit", MAX_LIMIT, 1), MAX_LIMIT)
        offset = positive(request.query, "offset", 0, 0)
        rows = _shown(collection, state.directory.rows(collection), request)
    except BadRequest as error:
        return failure(400, "FAILURE_BAD_REQUEST", str(error))
    if state.settings.page_cap:
        limit = min(limit, state.settings.page_cap)
    return _page(request, collection, rows, offset, limit)


def _page(request: web.Request, collection: str, rows: list[dict[str, Any]], offset: int, limit: int) -> web.Response:
    span = paged(offset, limit, len(rows), page_fault())
    shown = rows[span.start : span.stop]
    note_rows(len(shown))
    body: dict[str, Any] = {
        "meta": {
            "schema": f"{request.url.origin()}/2/0/objects/{collection[:-1]}",
            "paging": {"currentPageSize": len(shown), "totalSize": span.total, "offset": offset},
        },
        "status": {"code": 200, "message": "Success"},
    }
    # The key is absent, not empty, when there is nothing to list.
    if shown:
        body[collection] = shown
    return json_answer(body)


def _shown(collection: str, rows: list[dict[str, Any]], request: web.Request) -> list[dict[str, Any]]:
    if collection == "users":
        return _sorted(rows, request.query.get("sort"))
    if request.query.get(DETAILS[collection], "").lower() == "true":
        return rows
    return [{key: row[key] for key in BRIEF[collection] if key in row} for row in rows]


def _sorted(rows: list[dict[str, Any]], sort: str | None) -> list[dict[str, Any]]:
    """`+email` or `-email`; the sign is required. A plus that was not escaped arrives as a blank."""
    if sort is None:
        return rows
    sign, name = sort[:1], sort[1:]
    if sign not in ("+", "-", " ") or name not in SORT_FIELDS:
        raise BadRequest(f"Invalid sort parameter: {sort}")
    return sorted(rows, key=lambda row: str(row.get(name, "")), reverse=sign == "-")
