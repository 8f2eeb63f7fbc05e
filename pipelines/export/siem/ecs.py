"""Events of the Elastic Common Schema (ECS)."""

import re
from typing import Any

from .classes import ACCOUNT_CHANGE, ACTIVITIES, AUTHENTICATION, ENTITY_MANAGEMENT, SEVERITIES, EventClass
from .values import Event, address, filled, iso, moment, text_of

VERSION = "8.17.0"
CATEGORIES = {AUTHENTICATION: "authentication", ACCOUNT_CHANGE: "iam", ENTITY_MANAGEMENT: "configuration"}
# `event.type` by the caption of the OCSF activity; ECS allows each of them for the categories that have the activity.
TYPES = {
    "Logon": "start",
    "Logoff": "end",
    "Create": "creation",
    "Delete": "deletion",
    "Read": "access",
    "Other": "info",
}
OWN = (
    *("event_category", "workspace_id", "workspace_name", "model_id", "model_name"),
    *("object_kind", "object_id", "object_name", "app_id", "app_name", "page_id", "page_name"),
    *("action_id", "action_name", "action_kind", "process_id", "process_name"),
    *("integration_id", "integration_name", "import_name", "export_name", "export_format"),
    *("role_id", "role_name", "session_id", "client", "user_kind"),
)


def ecs_event(event: Event, kind: EventClass) -> dict[str, Any]:
    """Return a row of `fct_events` as an ECS document."""
    at, found = moment(event), address(event)
    user, target = _user(event, "user"), _user(event, "target_user")
    names = {one["name"] for one in (user, target) if one}
    return {
        "@timestamp": iso(at),
        "ecs": {"version": VERSION},
        "message": str(event["message"] or text_of(event)),
        "event": _about(event, kind),
        **filled(
            user={**user, **filled(target=target)},
            source=filled(ip=found and str(found), address=event["ip_address"]),
            user_agent=filled(original=event["user_agent"]),
            organization=filled(id=event["tenant_id"]),
            service=filled(name="Anaplan", type="anaplan", version=event["service_version"]),
            error=filled(code=event["error_number"] and str(event["error_number"])),
            related=filled(user=sorted(names), ip=[str(found)] if found else []),
            anaplan={"audit": {name: str(event[name]) for name in OWN if event.get(name) not in (None, "")}},
        ),
    }


def _about(event: Event, kind: EventClass) -> dict[str, Any]:
    activity = ACTIVITIES[kind.class_uid][kind.activity_id]
    return filled(
        id=str(event["event_id"]),
        code=event["event_type_id"],
        kind="event",
        category=[CATEGORIES.get(kind.class_uid, "api")],
        type=[TYPES.get(activity, "change")],
        action=re.sub(r"[^a-z0-9]+", "-", text_of(event).lower()).strip("-"),
        outcome=kind.status or "unknown",
        severity=SEVERITIES[kind.severity],
        created=iso(event["recorded_at"]),
        provider="anaplan",
        module="anaplan",
        dataset="anaplan.audit",
    )


def _user(event: Event, role: str) -> dict[str, Any]:
    uid = event[f"{role}_id"]
    if not uid:
        return {}
    return {
        "id": uid,
        "name": str(event[f"{role}_label"] or uid),
        **filled(email=event[f"{role}_email"], full_name=event[f"{role}_name"]),
    }
