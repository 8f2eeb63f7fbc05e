"""Anaplan's CloudWorks API: integrations, their runs, flows. It has its own host, and a path on the API's host."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .answers import integration_failure, json_answer, token_of
from .directory import MAX_LIMIT, page_links
from .middleware import note_rows, page_fault
from .pages import BadRequest, paged, positive
from .state import state_of

routes = web.RouteTableDef()
# `Bearer` is refused here.
SCHEMES = ("AnaplanAuthToken",)
HOST_PATH, API_PATH = "/2/0", "/cloudworks/2/0"
SORTED_BY = "name"
Row = dict[str, Any]


@routes.get(f"{HOST_PATH}/integrations")
@routes.get(f"{API_PATH}/integrations")
async def integrations(request: web.Request) -> web.Response:
    allowed = _is_assigned(request)
    if isinstance(allowed, web.Response):
        return allowed
    rows = state_of(request).integrations.rows() if allowed else []
    return _listing(request, rows, lambda page: {"integrations": page})


@routes.get(f"{HOST_PATH}/integrations/runs/{{integration}}")
@routes.get(f"{API_PATH}/integrations/runs/{{integration}}")
async def runs(request: web.Request) -> web.Response:
    allowed = _is_assigned(request)
    if isinstance(allowed, web.Response):
        return allowed
    rows = state_of(request).integrations.runs(request.match_info["integration"].lower()) if allowed else None
    if rows is None:
        return integration_failure(request.path, 404, "Integration not found")
    return _listing(request, rows, lambda page: {"history_of_runs": {"runs": page}})


@routes.get(f"{HOST_PATH}/integrationflows")
@routes.get(f"{API_PATH}/integrationflows")
async def flows(request: web.Request) -> web.Response:
    allowed = _is_assigned(request)
    if isinstance(allowed, web.Response):
        return allowed
    rows = state_of(request).integrations.flows() if allowed else []
    return _listing(request, rows, lambda page: {"integrationFlows": page})


def _is_assigned(request: web.Request) -> bool | web.Response:
    """Tell whether the account is assigned to a workspace; without one, every list is empty.

    Without the role Restricted Integration User, return the refusal.
    """
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    if not token.account.cloudworks:
        status = state.settings.cloudworks_refusal
        return integration_failure(request.path, status, "User does not have the required role")
    return token.account.workspaces


def _listing(request: web.Request, rows: list[Row], body: Any) -> web.Response:
    """Answer with one page. A list without members is empty here, not absent."""
    sort = request.query.get("sortBy")
    try:
        if sort is not None and sort.lstrip("-") != SORTED_BY:
            raise BadRequest(f"Invalid value for sortBy: {sort}")
        cap = state_of(request).settings.page_cap or MAX_LIMIT
        limit = min(positive(request.query, "limit", MAX_LIMIT, 1), cap, MAX_LIMIT)
        offset = positive(request.query, "offset", 0, 0)
    except BadRequest as error:
        return integration_failure(request.path, 400, str(error))
    if sort is not None:
        rows = sorted(rows, key=lambda row: str(row.get(SORTED_BY, "")), reverse=sort.startswith("-"))
    span = paged(offset, limit, len(rows), page_fault())
    page = rows[span.start : span.stop]
    note_rows(len(page))
    paging: Row = {"currentPageSize": len(page), "totalSize": span.total, "offset": offset}
    paging |= page_links(request, offset, limit, offset + len(page) < span.total)
    status = {"code": 200, "message": "Success"}
    return json_answer({"status": status, "meta": {"paging": paging}, **body(page)})
