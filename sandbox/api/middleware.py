"""Record, delay and rate-limit every API request, and apply the faults of `faults.py`."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from .answers import integration_failure, too_many
from .bodies import MalformedBody, json_object
from .fault_effects import PAGE_FAULT, strike
from .faults import Fault
from .state import RecordedRequest, State, state_of

CONTROL, INTEGRATION = "/_sandbox", ("/2/0/", "/cloudworks/2/0/", "/scim/1/0/v2/")
# State of the current request. Not stored on aiohttp's request: its key types differ between versions.
RECORD: ContextVar[RecordedRequest] = ContextVar("record")


def note_rows(rows: int) -> None:
    RECORD.get().rows = rows


def page_fault() -> Fault | None:
    """Return the fault that changes the page of this request, if there is one."""
    return PAGE_FAULT.get()


@web.middleware
async def steer(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith(CONTROL):
        return await handler(request)
    state = state_of(request)
    record = await _record(request, state)
    RECORD.set(record)
    PAGE_FAULT.set(None)
    if state.settings.latency_ms:
        await asyncio.sleep(state.settings.latency_ms / 1000)
    if not state.rate_limit.allows():
        record.status = 429
        return too_many(state.settings)
    fault = state.faults.take(request.path)
    try:
        if fault is None:
            response = await handler(request)
        else:
            record.fault = fault.what
            response = await strike(request, handler, fault, state)
    except web.HTTPException as unknown_path:
        record.status = unknown_path.status
        if not request.path.startswith(INTEGRATION):
            raise
        return integration_failure(request.path, unknown_path.status, unknown_path.reason)
    record.status = response.status
    record.size = len(response.body) if isinstance(response, web.Response) and isinstance(response.body, bytes) else 0
    return response


async def set_date(request: web.Request, response: web.StreamResponse) -> None:
    """Set `Date` from the sandbox's clock if the setting asks for it: clients measure their own clock error by it."""
    state = state_of(request)
    if state.settings.server_date and not request.path.startswith(CONTROL):
        response.headers["Date"] = formatdate(state.clock.now() / 1000, usegmt=True)


async def _record(request: web.Request, state: State) -> RecordedRequest:
    """Record a request. Only bodies of searches are kept: sign-in bodies hold credentials."""
    body: Any = None
    if request.path.endswith("/events/search"):
        with contextlib.suppress(MalformedBody):
            body = await json_object(request) or None
    record = RecordedRequest(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        body=body,
        auth_scheme=request.headers.get("Authorization", "").partition(" ")[0],
        host=request.host,
        at_ms=state.clock.now(),
    )
    state.requests.append(record)
    return record
