"""What each fault does: one function for each, registered under the name of the fault.

An effect gets the request, the handler that would answer it, and the options of the fault. To add a fault, write its
function here and a line into the text of `faults.py`, which `python -m sandbox --help` prints.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from .answers import dead_token, failure, html_answer, no_role, too_many

if TYPE_CHECKING:
    from .faults import Fault
    from .state import State

STOPPING: web.AppKey[asyncio.Event] = web.AppKey("stopping", asyncio.Event)


@dataclass(frozen=True)
class Struck:
    """A request that a fault applies to."""

    request: web.Request
    handler: Handler
    fault: Fault
    state: State


Effect = Callable[[Struck], Awaitable[web.StreamResponse]]
EFFECTS: dict[str, Effect] = {}


def effect(name: str) -> Callable[[Effect], Effect]:
    """Register the effect of a fault."""

    def register(function: Effect) -> Effect:
        EFFECTS[name] = function
        return function

    return register


async def strike(request: web.Request, handler: Handler, fault: Fault, state: State) -> web.StreamResponse:
    """Answer a request as the fault wants it."""
    return await EFFECTS.get(fault.what, status)(Struck(request, handler, fault, state))


# Instead of an answer


async def status(struck: Struck) -> web.StreamResponse:
    """The fault is a number: that status, with Anaplan's error body."""
    number, retry_after = int(struck.fault.what), struck.fault.options.get("retry_after")
    if number == 429:
        return too_many(struck.state.settings, retry_after)
    if number == 204:
        return web.Response(status=204)
    headers = {"Retry-After": retry_after} if retry_after not in (None, "none") else None
    return failure(number, "FAILURE_INTERNAL_SERVER_ERROR" if number >= 500 else "FAILURE", "Simulated fault", headers)


@effect("token-dead")
async def token_dead(struck: Struck) -> web.StreamResponse:
    return dead_token()


@effect("token-expired")
async def token_expired(struck: Struck) -> web.StreamResponse:
    tokens = struck.state.tokens
    token = tokens.find(struck.request.headers.get("Authorization", "").partition(" ")[2].strip())
    if token:
        tokens.drop(token)
    return dead_token()


@effect("role")
async def role(struck: Struck) -> web.StreamResponse:
    return no_role()


@effect("reset")
async def reset(struck: Struck) -> web.StreamResponse:
    return _reset(struck.request)


@effect("timeout")
async def timeout(struck: Struck) -> web.StreamResponse:
    await struck.request.app[STOPPING].wait()
    return _reset(struck.request)


@effect("html")
async def html(struck: Struck) -> web.StreamResponse:
    return html_answer(200)


@effect("maintenance")
async def maintenance(struck: Struck) -> web.StreamResponse:
    return html_answer(503)


@effect("redirect")
async def redirect(struck: Struck) -> web.StreamResponse:
    # The same server under another host name: a client that follows the redirect sends it the token.
    other = f"http://localhost:{struck.request.url.port}{struck.request.path_qs}"
    headers = {"Location": struck.fault.options.get("to", other)}
    return web.Response(status=int(struck.fault.number("status", 302)), headers=headers)


# An answer whose body is spoiled


@effect("half-body")
async def half_body(struck: Struck) -> web.StreamResponse:
    body = _body_of(await struck.handler(struck.request))
    stream = await _begin(struck.request, body)
    await stream.write(body.content[: len(body.content) // 2])
    stream.force_close()
    if struck.request.transport is not None:
        struck.request.transport.close()
    return stream


@effect("bad-json")
async def bad_json(struck: Struck) -> web.StreamResponse:
    body = _body_of(await struck.handler(struck.request))
    half = body.content[: len(body.content) // 2]
    return web.Response(status=body.status, body=half, content_type="application/json")


@effect("slow")
async def slow(struck: Struck) -> web.StreamResponse:
    body = _body_of(await struck.handler(struck.request))
    stream = await _begin(struck.request, body)
    step = max(1, -(-len(body.content) // 8))
    for start in range(0, len(body.content), step):
        await asyncio.sleep(struck.fault.number("seconds", 2) / 8)
        await stream.write(body.content[start : start + step])
    await stream.write_eof()
    return stream


@effect("gzip")
async def gzip(struck: Struck) -> web.StreamResponse:
    response = await struck.handler(struck.request)
    takes_gzip = "gzip" in struck.request.headers.get("Accept-Encoding", "")
    response.enable_compression(web.ContentCoding.gzip if takes_gzip else web.ContentCoding.identity)
    return response


# Another page: the service asks `change_page` which rows to serve


@dataclass
class Page:
    """The rows that a service would serve, from `start` to before `start + limit`, and the total to report."""

    start: int
    limit: int
    total: int


PAGE_CHANGES: dict[str, Callable[[Page, Fault], None]] = {}
PAGE_FAULT: ContextVar[Fault | None] = ContextVar("page_fault")


def page_change(name: str) -> Callable[[Callable[[Page, Fault], None]], Callable[[Page, Fault], None]]:
    """Register a fault that changes a page."""

    def register(function: Callable[[Page, Fault], None]) -> Callable[[Page, Fault], None]:
        PAGE_CHANGES[name], EFFECTS[name] = function, _remembered
        return function

    return register


def change_page(page: Page, fault: Fault | None) -> None:
    """Change a page as the fault wants it, if it is one of pages."""
    change = PAGE_CHANGES.get(fault.what) if fault else None
    if change is not None and fault is not None:
        change(page, fault)


async def _remembered(struck: Struck) -> web.StreamResponse:
    PAGE_FAULT.set(struck.fault)
    return await struck.handler(struck.request)


@page_change("empty-page")
def empty_page(page: Page, fault: Fault) -> None:
    page.limit = 0


@page_change("duplicate-page")
def duplicate_page(page: Page, fault: Fault) -> None:
    page.start = max(0, page.start - page.limit)


@page_change("shifted-page")
def shifted_page(page: Page, fault: Fault) -> None:
    page.start = max(0, page.start - int(fault.number("by", 1)))


@page_change("wrong-total")
def wrong_total(page: Page, fault: Fault) -> None:
    page.total += int(fault.number("by", 1))


# Another end of an export task


# The state in which the task ends.
TASK_STATES = {
    "task-failed": "FAILED",
    "task-cancelled": "CANCELLED",
    "task-hangs": "IN_PROGRESS",
    "task-unsuccessful": "COMPLETE",
}
WITHOUT_ID = "task-without-id"
EFFECTS.update(dict.fromkeys((*TASK_STATES, WITHOUT_ID), _remembered))


# Helpers


@dataclass(frozen=True)
class _Body:
    status: int
    content: bytes


def _body_of(response: web.StreamResponse) -> _Body:
    is_whole = isinstance(response, web.Response) and isinstance(response.body, bytes)
    return _Body(response.status, response.body if is_whole else b"")  # type: ignore[attr-defined]


async def _begin(request: web.Request, body: _Body) -> web.StreamResponse:
    """Send the headers of an answer: they promise the whole body."""
    stream = web.StreamResponse(status=body.status, headers={"Content-Type": "application/json"})
    stream.content_length = len(body.content)
    await stream.prepare(request)
    return stream


def _reset(request: web.Request) -> web.StreamResponse:
    """Close with RST, so that the client sees a reset instead of an orderly end."""
    transport = request.transport
    if transport is not None:
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=499)
