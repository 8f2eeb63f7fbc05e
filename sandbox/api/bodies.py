"""Request bodies, read and decoded in one place: a malformed body is the client's fault, never a 500."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import web

T = TypeVar("T")
# What msgspec raises: besides its own error one for bytes that are no UTF-8, and one for deep nesting.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class MalformedBody(Exception):
    """A body that cannot be read as what it claims to be."""


async def read_body(request: web.Request) -> bytes:
    """Return the body; MalformedBody if its Content-Encoding does not fit it."""
    try:
        return await request.read()
    except web.RequestPayloadError:
        raise MalformedBody("Body does not match its Content-Encoding") from None


def decode(raw: bytes, kind: type[T]) -> T:
    """Return JSON as `kind`; MalformedBody for anything else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNDECODABLE:
        raise MalformedBody("Malformed JSON request body") from None


async def json_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of the body; an empty body is an empty object."""
    raw = await read_body(request)
    return decode(raw, dict[str, Any]) if raw.strip() else {}
