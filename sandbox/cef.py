"""The audit log as text in the Common Event Format, which Anaplan sends for `Accept: text/plain`."""

from __future__ import annotations

from typing import Any

import msgspec

from .store import Window

EXTENSIONS = {
    "id": "externalId",
    "eventDate": "rt",
    "userId": "suser",
    "ipAddress": "src",
    "userAgent": "requestClientApplication",
    "objectId": "duid",
    "success": "outcome",
}


def cef_lines(window: Window) -> str:
    """All events of the window, one a line: this form is not paged."""
    events: list[dict[str, Any]] = msgspec.json.decode(b"".join((b"[", *window.page(0, window.total), b"]")))
    return "".join(f"{_line(event)}\n" for event in events)


def _line(event: dict[str, Any]) -> str:
    head = "|".join(_escaped(event.get(key), "|") for key in ("serviceVersion", "eventTypeId", "message"))
    known = ((name, event.get(key)) for key, name in EXTENSIONS.items())
    pairs = (f"{name}={_escaped(value, '=')}" for name, value in known if value not in (None, ""))
    return f"CEF:0|Anaplan|Audit|{head}|5|{' '.join(pairs)}"


def _escaped(value: Any, mark: str) -> str:
    """The format escapes the backslash, its separators and line ends."""
    text = str("" if value is None else value).replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return text.replace("\r", "\\r").replace("\n", "\\n")
