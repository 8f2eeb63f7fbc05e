"""Lines of the Common Event Format (CEF)."""

import ipaddress
import re
from typing import Any

from .classes import ACTIVITIES, CLASSES, EventClass
from .values import Event, address, milliseconds, moment, text_of

# CEF counts from 0 to 10.
SEVERITY = {"informational": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A custom string of CEF: its label, and the columns of which the first filled one is its value.
CUSTOM = (
    ("workspace", ("workspace_name", "workspace_id")),
    ("model", ("model_name", "model_id")),
    ("object", ("object_name", "object_id")),
    ("role", ("role_name", "role_id")),
    ("page", ("page_name", "page_id", "app_name", "app_id")),
    ("run", ("action_name", "process_name", "integration_name")),
)


def cef_line(event: Event, kind: EventClass) -> str:
    """Return a row of `fct_events` as a line of CEF, without its line end."""
    head = "|".join(map(_head, ("Anaplan", "Audit", "1", event["event_type_id"], text_of(event))))
    return f"CEF:0|{head}|{SEVERITY[kind.severity]}|" + " ".join(
        f"{name}={_value(value)}" for name, value in _fields(event, kind) if value not in (None, "")
    )


def _fields(event: Event, kind: EventClass) -> list[tuple[str, Any]]:
    found = address(event)
    six = isinstance(found, ipaddress.IPv6Address)
    fields = [
        ("rt", milliseconds(moment(event))),
        ("externalId", event["event_id"]),
        ("cat", CLASSES[kind.class_uid]),
        ("act", ACTIVITIES[kind.class_uid][kind.activity_id]),
        ("outcome", kind.status),
        ("reason", event["error_number"]),
        ("suid", event["user_id"]),
        ("suser", event["user_label"]),
        ("duid", event["target_user_id"]),
        ("duser", event["target_user_label"]),
        ("src", None if six else found),
        ("c6a2Label", "Source IPv6 Address" if six else None),
        ("c6a2", found if six else None),
        ("requestClientApplication", event["user_agent"]),
        ("dvchost", event["host_name"]),
        ("msg", event["message"]),
        ("deviceCustomDate1Label", "stored" if event["recorded_at"] else None),
        ("deviceCustomDate1", milliseconds(event["recorded_at"])),
    ]
    for number, (label, columns) in enumerate(CUSTOM, 1):
        value = next((event[name] for name in columns if event[name]), None)
        fields += [(f"cs{number}Label", value and label), (f"cs{number}", value)]
    return fields


def _head(value: Any) -> str:
    """Escape a field of the head. It has no escape for line ends."""
    text = _CONTROL.sub(" ", str("" if value is None else value))
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _value(value: Any) -> str:
    """Escape a value of the extension. Line ends become two characters, other control characters a blank."""
    text = str(value).replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
    return _CONTROL.sub(" ", text)
