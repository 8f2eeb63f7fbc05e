"""Anaplan's audit API: `GET /audit/api/1/events` and `POST /audit/api/1/events/search`."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web
from yarl import URL

from ..world.clock import DAY, HOUR
from ..world.store import Window
from .answers import failure, json_answer, no_role, origin, token_of
from .bodies import MalformedBody, json_object
from .cef import cef_lines
from .faults import AUDIT_EVENTS
from .middleware import note_rows, page_fault
from .pages import BadRequest, paged, positive, whole
from .state import State, state_of

routes = web.RouteTableDef()
# The audit API refuses `Bearer`, also for an OAuth access token.
SCHEMES = ("AnaplanAuthToken",)
MAX_LIMIT = 10_000
MAX_HOURS = 720
MAX_SPAN = 30 * DAY
TOO_LONG = "Date range cannot exceed 30 days"


@routes.get(AUDIT_EVENTS)
async def events(request: web.Request) -> web.Response:
    query = request.query
    return _answer(request, lambda: _span(state_of(request), query, "dateFrom", "dateTo", "intervalInHours"))


@routes.post(f"{AUDIT_EVENTS}/search")
async def search(request: web.Request) -> web.Response:
    try:
        body = await json_object(request)
    except MalformedBody as error:
        return failure(400, "FAILURE_BAD_REQUEST", str(error))
    fields = {key: str(value) for key, value in body.items() if value is not None}
    return _answer(request, lambda: _span(state_of(request), fields, "from", "to", "interval"))


def _span(state: State, fields: Any, from_key: str, to_key: str, hours_key: str) -> tuple[int, int]:
    """Return start and exclusive end (ms) of the requested window. The default is the last 30 days."""
    now = state.clock.now()
    hours = whole(fields, hours_key)
    if hours is not None:
        if not 0 < hours <= MAX_HOURS:
            raise BadRequest(TOO_LONG if hours > MAX_HOURS else f"Invalid value for {hours_key}")
        return now - hours * HOUR, now + 1
    start, end = whole(fields, from_key), whole(fields, to_key)
    if start is None:
        start = (now if end is None else end) - MAX_SPAN
    stop = now + 1 if end is None else end + state.settings.date_to_inclusive
    if (now if end is None else end) - start > MAX_SPAN:
        raise BadRequest(TOO_LONG)
    if end is not None and end < start:
        raise BadRequest(f"{from_key} must not be after {to_key}")
    return start, stop


def _answer(request: web.Request, find_span: Any) -> web.Response:
    state, settings = state_of(request), state_of(request).settings
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    if not token.account.auditor:
        return no_role()
    try:
        start, end = find_span()
        limit = positive(request.query, "limit", settings.default_limit, 1)
        offset = positive(request.query, "offset", 0, 0)
    except BadRequest as error:
        return failure(400, "FAILURE_BAD_REQUEST", str(error))
    if settings.refuse_over_limit and limit > MAX_LIMIT:
        return web.Response(status=204, reason="Requested limit is more than the Specified limit")
    window = state.store.window(start, end, request.query.get("type"))
    if "text/plain" in request.headers.get("Accept", ""):
        note_rows(window.total)
        return web.Response(text=cef_lines(window), content_type="text/plain")
    return _page(request, window, offset, min(limit, settings.page_cap or limit))


def _page(request: web.Request, window: Window, offset: int, limit: int) -> web.Response:
    span = paged(offset, limit, window.total, page_fault())
    rows = window.page(span.start, span.stop - span.start)
    count = span.stop - span.start
    note_rows(count)
    settings = state_of(request).settings
    if settings.no_meta_single_page and offset == 0 and span.total <= limit:
        return json_answer(b"".join((b'{"response":[', *rows, b"]}")))
    paging: dict[str, Any] = {"currentPageSize": count, "totalSize": span.total, "offSet": offset}
    if offset > 0:
        paging["previousUrl"] = _page_url(request, max(0, offset - limit))
    following = offset + limit
    if following < span.total:
        paging |= {"nextOffset": following, "nextUrl": _page_url(request, following)}
    elif settings.next_offset_on_last:
        paging["nextOffset"] = span.total
    meta = msgspec.json.encode({"paging": paging})
    return json_answer(b"".join((b'{"meta":', meta, b',"response":[', *rows, b"]}")))


def _page_url(request: web.Request, offset: int) -> str:
    """Return the URL of another page.

    For a request without dates, it carries the default 30 days (seen on live tenants). Anaplan was also seen to
    return the POST endpoint after a GET.
    """
    state = state_of(request)
    path = f"{AUDIT_EVENTS}/search" if state.settings.search_next_url else request.path
    query = {**request.query, "offset": str(offset)}
    if request.method == "GET" and not {"dateFrom", "dateTo", "intervalInHours"} & query.keys():
        now = state.clock.now()
        query |= {"dateFrom": str(now - MAX_SPAN), "dateTo": str(now)}
    return str(URL(f"{origin(request)}{path}").with_query(query))
