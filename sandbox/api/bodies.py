"""Read and decode request bodies. A malformed body is a client error, never a 500."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import web

T = TypeVar("T")
# What msgspec raises: its own error, one for invalid UTF-8, and one for deep nesting.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class MalformedBody(Exception):
    """The body does not match its declared encoding or content type."""


async def read_body(request: web.Request) -> bytes:
    """Return the body. Raises MalformedBody if its Content-Encoding does not match."""
    try:
        return await request.read()
    except web.RequestPayloadError:
        raise MalformedBody("Body does not match its Content-Encoding") from None


def decode(raw: bytes, kind: type[T]) -> T:
    """Return the JSON as `kind`. Raises MalformedBody for anything else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNDECODABLE:
        raise MalformedBody("Malformed JSON request body") from None


async def json_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in the body; an empty body counts as an empty object."""
    raw = await read_body(request)
    return decode(raw, dict[str, Any]) if raw.strip() else {}
