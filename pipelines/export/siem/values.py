"""Values of an event that all formats need in the same form."""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, time, timedelta, timezone
from typing import Any

Event = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment(event: Event) -> datetime:
    """Return when the event happened; if it was sent without a time, when it was stored, else the start of its day."""
    found: datetime | None = event["occurred_at"] or event["recorded_at"]
    if found is None:
        return datetime.combine(event["event_day"], time.min, timezone.utc)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def milliseconds(at: datetime | None) -> int | None:
    """Return a moment as milliseconds since 1970 (UTC)."""
    if at is None:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=timezone.utc)) - _EPOCH) // timedelta(milliseconds=1)


def iso(at: datetime | None) -> str | None:
    """Return a moment in ISO 8601 with milliseconds (UTC)."""
    if at is None:
        return None
    return at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def text_of(event: Event) -> str:
    """Return what happened: the catalogue's text, else the message, else the code."""
    return str(event["event_message"] or event["message"] or event["event_type_id"] or "unknown")


def address(event: Event) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    """Return the address of the request, None if there is none or the text is no address."""
    with suppress(ValueError):
        return ipaddress.ip_address(str(event["ip_address"] or "").strip())
    return None


def filled(**values: Any) -> dict[str, Any]:
    """Return the values that are not empty."""
    return {name: value for name, value in values.items() if value not in (None, "", {}, [])}
