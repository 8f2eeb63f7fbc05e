"""Anaplan's Integration API: the lists of users, workspaces and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web
from yarl import URL

from .access import listed
from .answers import integration_failure, json_answer, origin, token_of
from .middleware import note_rows, page_fault
from .pages import BadRequest, paged, positive
from .state import state_of

routes = web.RouteTableDef()
SCHEMES = ("AnaplanAuthToken", "Bearer")
MAX_LIMIT = 5_000
SORT_FIELDS = {
    "users": ("firstName", "lastName", "email", "active", "lastLoginDate"),
    "workspaces": ("name", "sizeAllowance"),
    "models": ("name", "activeState"),
}
# Fields that `s=` searches by prefix.
SEARCHED = {"users": ("firstName", "lastName", "email"), "workspaces": ("name",), "models": ("name",)}
# Fields sent without tenantDetails=true or modelDetails=true.
BRIEF = {
    "workspaces": ("id", "name"),
    "models": ("id", "activeState", "name", "currentWorkspaceId", "currentWorkspaceName", "modelUrl"),
}
SINGULAR = {"processes": "process"}
DETAILS = {"workspaces": "tenantDetails", "models": "modelDetails"}


@routes.get("/2/0/users/me")
async def myself(request: web.Request) -> web.Response:
    """Return the account that owns the token."""
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
    return _list(request, request.match_info["collection"], lambda row: True)


@routes.get("/2/0/workspaces/{workspace}/models")
async def models_of_workspace(request: web.Request) -> web.Response:
    wanted = request.match_info["workspace"].lower()
    return _list(request, "models", lambda row: str(row.get("currentWorkspaceId", "")).lower() == wanted, below=True)


@routes.get("/2/0/workspaces/{workspace}/models/{model}")
async def model_below_workspace(request: web.Request) -> web.Response:
    """Answer 405: Anaplan has no GET here. A single model is at `/models/{id}`."""
    return integration_failure(request.path, 405, "Method Not Allowed")


@routes.get("/2/0/{collection:users|workspaces|models}/{id}")
async def single(request: web.Request) -> web.Response:
    """Return one record; ids are not case-sensitive here."""
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    collection, wanted = request.match_info["collection"], request.match_info["id"].lower()
    rows = [row for row in state.directory.rows(collection) if str(row.get("id", "")).lower() == wanted]
    rows = listed(state, token.account, collection, rows)
    if not rows:
        return integration_failure(request.path, 404, "Entity not found")
    if collection == "models":
        # A list sends this field at times, a single model always.
        rows = [{**row, "modelTransactionRunning": row.get("modelTransactionRunning", False)} for row in rows]
    (shown,) = rows[:1] if collection == "users" else _brief(collection, rows[:1], request)
    return json_answer({"status": {"code": 200, "message": "Success"}, collection[:-1]: shown})


def _list(
    request: web.Request, collection: str, keep: Callable[[dict[str, Any]], bool], below: bool = False
) -> web.Response:
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    try:
        limit = min(positive(request.query, "limit", MAX_LIMIT, 1), MAX_LIMIT)
        offset = positive(request.query, "offset", 0, 0)
        kept = [row for row in state.directory.rows(collection) if keep(row)]
        rows = _shown(collection, listed(state, token.account, collection, kept, below), request)
    except BadRequest as error:
        return integration_failure(request.path, 400, str(error))
    if state.settings.page_cap:
        limit = min(limit, state.settings.page_cap)
    return list_page(request, collection, rows, offset, limit)


def list_page(
    request: web.Request, collection: str, rows: list[dict[str, Any]], offset: int, limit: int
) -> web.Response:
    span = paged(offset, limit, len(rows), page_fault())
    shown = rows[span.start : span.stop]
    note_rows(len(shown))
    paging: dict[str, Any] = {"currentPageSize": len(shown), "totalSize": span.total, "offset": offset}
    paging |= page_links(request, offset, limit, offset + len(shown) < span.total)
    body: dict[str, Any] = {
        "meta": {
            "schema": f"{origin(request)}/2/0/objects/{SINGULAR.get(collection, collection[:-1])}",
            "paging": paging,
        },
        "status": {"code": 200, "message": "Success"},
    }
    # Anaplan omits the key when the list is empty.
    if shown:
        body[collection] = shown
    return json_answer(body)


def page_links(request: web.Request, offset: int, limit: int, has_more: bool) -> dict[str, str]:
    """Return the addresses of the pages before and after one, where there are any."""
    links = {"next": _page_url(request, offset + limit)} if has_more else {}
    return links if offset == 0 else {**links, "previous": _page_url(request, max(0, offset - limit))}


def _page_url(request: web.Request, offset: int) -> str:
    return str(URL(f"{origin(request)}{request.path}").with_query({**request.query, "offset": str(offset)}))


def _shown(collection: str, rows: list[dict[str, Any]], request: web.Request) -> list[dict[str, Any]]:
    start = request.query.get("s", "").lower()
    if start:
        fields = SEARCHED[collection]
        rows = [row for row in rows if any(str(row.get(name, "")).lower().startswith(start) for name in fields)]
    rows = _sorted(collection, rows, request.query.get("sort"))
    return rows if collection == "users" else _brief(collection, rows, request)


def _brief(collection: str, rows: list[dict[str, Any]], request: web.Request) -> list[dict[str, Any]]:
    if request.query.get(DETAILS[collection], "").lower() == "true":
        return rows
    return [{key: row[key] for key in BRIEF[collection] if key in row} for row in rows]


def _sorted(collection: str, rows: list[dict[str, Any]], sort: str | None) -> list[dict[str, Any]]:
    """Sort by `+email` or `-email`; the sign is required. An unescaped plus arrives as a blank."""
    if sort is None:
        return rows
    sign, name = sort[:1], sort[1:]
    if sign not in ("+", "-", " ") or name not in SORT_FIELDS[collection]:
        raise BadRequest(f"Invalid sort parameter: {sort}")
    return sorted(rows, key=lambda row: _rank(row.get(name)), reverse=sign == "-")


def _rank(value: Any) -> tuple[bool, float, str]:
    """Return the sort key of a value of any type: numbers first, then texts. A missing value sorts as empty text."""
    if isinstance(value, (int, float)):
        return False, value, ""
    return True, 0, "" if value is None else str(value)
