"""Record, delay and rate-limit every API request, and inject faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from contextvars import ContextVar
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from .answers import dead_token, failure, html_answer, integration_failure, no_role, too_many
from .bodies import MalformedBody, json_object
from .faults import BODY_FAULTS, PAGE_FAULTS, TASK_FAULTS, Fault
from .state import RecordedRequest, State, state_of

CONTROL, INTEGRATION = "/_sandbox", ("/2/0/", "/cloudworks/2/0/", "/scim/1/0/v2/")
# State of the current request. Not stored on aiohttp's request: its key types differ between versions.
RECORD: ContextVar[RecordedRequest] = ContextVar("record")
PAGE_FAULT: ContextVar[Fault | None] = ContextVar("page_fault")
STOPPING: web.AppKey[asyncio.Event] = web.AppKey("stopping", asyncio.Event)


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
            response = await _with_fault(request, handler, fault)
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


async def _with_fault(request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
    what = fault.what
    if what in (*PAGE_FAULTS, *TASK_FAULTS):
        PAGE_FAULT.set(fault)
        return await handler(request)
    if what in BODY_FAULTS:
        return await _spoiled_body(request, await handler(request), fault)
    if what == "reset":
        return _reset(request)
    if what == "timeout":
        await request.app[STOPPING].wait()
        return _reset(request)
    return _instead(request, fault)


def _instead(request: web.Request, fault: Fault) -> web.Response:
    """Return the answer of a fault that replaces the handler."""
    state, what = state_of(request), fault.what
    if what == "token-dead":
        return dead_token()
    if what == "token-expired":
        token = state.tokens.find(request.headers.get("Authorization", "").partition(" ")[2].strip())
        if token:
            state.tokens.drop(token)
        return dead_token()
    if what == "role":
        return no_role()
    if what in ("html", "maintenance"):
        return html_answer(200 if what == "html" else 503)
    if what == "redirect":
        # The same server under another host name: a client that follows the redirect sends it the token.
        other = f"http://localhost:{request.url.port}{request.path_qs}"
        headers = {"Location": fault.options.get("to", other)}
        return web.Response(status=int(fault.number("status", 302)), headers=headers)
    return _status(state, int(what), fault.options.get("retry_after"))


def _status(state: State, status: int, retry_after: str | None) -> web.Response:
    if status == 429:
        return too_many(state.settings, retry_after)
    if status == 204:
        return web.Response(status=204)
    headers = {"Retry-After": retry_after} if retry_after not in (None, "none") else None
    return failure(status, "FAILURE_INTERNAL_SERVER_ERROR" if status >= 500 else "FAILURE", "Simulated fault", headers)


def _reset(request: web.Request) -> web.StreamResponse:
    """Close with RST, so that the client sees a reset instead of an orderly end."""
    transport = request.transport
    if transport is not None:
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=499)


async def _spoiled_body(request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    if fault.what == "gzip":
        response.enable_compression(web.ContentCoding.gzip if _takes_gzip(request) else web.ContentCoding.identity)
        return response
    if fault.what == "bad-json":
        return web.Response(status=response.status, body=body[: len(body) // 2], content_type="application/json")
    stream = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    stream.content_length = len(body)
    await stream.prepare(request)
    if fault.what == "half-body":
        await stream.write(body[: len(body) // 2])
        stream.force_close()
        if request.transport is not None:
            request.transport.close()
        return stream
    pause = fault.number("seconds", 2) / 8
    step = max(1, -(-len(body) // 8))
    for start in range(0, len(body), step):
        await asyncio.sleep(pause)
        await stream.write(body[start : start + step])
    await stream.write_eof()
    return stream


def _takes_gzip(request: web.Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")
