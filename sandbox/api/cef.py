"""The audit log in the Common Event Format (CEF), which Anaplan sends for `Accept: text/plain`."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec

from ..world.store import Window

HEAD = ("eventTypeId", "message")


def cef_lines(window: Window) -> str:
    """Return all events of the window, one per line: CEF answers have no pages."""
    events: list[dict[str, Any]] = msgspec.json.decode(b"".join((b"[", *window.page(0, window.total), b"]")))
    return "".join(f"{_line(event)}\n" for event in events)


def _line(event: dict[str, Any]) -> str:
    """Return a line as live tenants send it: time stamp, two blanks, no device version, no severity."""
    code, message = (_escaped(event.get(key), "|") for key in HEAD)
    fields = (f"{name}={_value(value)}" for name, value in event.items() if name not in HEAD)
    return f"{_stamp(event.get('eventDate'))}  CEF:0|Anaplan, Inc.||null|{code}|{message}|{' '.join(fields)}"


def _stamp(moment: Any) -> str:
    try:
        return datetime.fromtimestamp(moment / 1000, timezone.utc).isoformat(timespec="milliseconds")[:23] + "Z"
    except (TypeError, ValueError, OverflowError, OSError):
        return "null"


def _value(value: Any) -> str:
    text = msgspec.json.encode(value).decode() if isinstance(value, (dict, list, bool)) or value is None else value
    return _escaped(text, "=")


def _escaped(value: Any, mark: str) -> str:
    """Escape the backslash, the separator and line ends, as CEF requires."""
    text = str("" if value is None else value).replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return text.replace("\r", "\\r").replace("\n", "\\n")
