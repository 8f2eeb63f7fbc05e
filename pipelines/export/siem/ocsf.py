"""Events of the Open Cybersecurity Schema Framework (OCSF), version 1.5.0."""

from typing import Any

from .classes import (
    ACCOUNT_CHANGE,
    ACTIVITIES,
    API_ACTIVITY,
    AUTHENTICATION,
    CATEGORIES,
    CLASSES,
    ENTITY_MANAGEMENT,
    OTHER,
    SEVERITIES,
    EventClass,
)
from .values import Event, address, filled, milliseconds, moment, text_of

VERSION = "1.5.0"
PRODUCT = {"name": "Anaplan", "vendor_name": "Anaplan"}
STATUSES = {"success": 1, "failure": 2}
USER_TYPES = {"person": (1, "User"), "system": (3, "System")}
# What an event has besides, and OCSF has no attribute for.
UNMAPPED = (
    "event_category",
    *("workspace_id", "workspace_name", "model_id", "model_name"),
    *("app_id", "app_name", "page_id", "page_name"),
    *("action_id", "action_name", "action_kind", "process_id", "process_name"),
    *("integration_id", "integration_name", "import_name", "export_name", "export_format"),
    *("role_id", "role_name", "client"),
)


def ocsf_event(event: Event, kind: EventClass) -> dict[str, Any]:
    """Return a row of `fct_events` as an OCSF event."""
    user, target = _user(event, "user"), _user(event, "target_user")
    return {
        **_head(event, kind),
        **filled(
            actor=filled(user=user, session=filled(uid=event["session_id"])),
            src_endpoint=_source(event),
            http_request=filled(user_agent=event["user_agent"]),
            unmapped={name: str(event[name]) for name in UNMAPPED if event.get(name) not in (None, "")},
        ),
        **_BODIES[kind.class_uid](event, user, target),
    }


def _head(event: Event, kind: EventClass) -> dict[str, Any]:
    activity = ACTIVITIES[kind.class_uid][kind.activity_id]
    status = kind.status or "unknown"
    return {
        "class_uid": kind.class_uid,
        "class_name": CLASSES[kind.class_uid],
        "category_uid": kind.class_uid // 1000,
        "category_name": CATEGORIES[kind.class_uid // 1000],
        "activity_id": kind.activity_id,
        "activity_name": text_of(event) if kind.activity_id == OTHER else activity,
        "type_uid": kind.class_uid * 100 + kind.activity_id,
        "type_name": f"{CLASSES[kind.class_uid]}: {activity}",
        "severity_id": SEVERITIES[kind.severity],
        "severity": kind.severity.capitalize(),
        "status_id": STATUSES.get(status, 0),
        "status": status.capitalize(),
        "time": milliseconds(moment(event)),
        "message": str(event["message"] or text_of(event)),
        "metadata": {
            "version": VERSION,
            "product": PRODUCT,
            "log_name": "audit",
            "uid": str(event["event_id"]),
            **filled(
                event_code=event["event_type_id"],
                logged_time=milliseconds(event["recorded_at"]),
                tenant_uid=event["tenant_id"],
            ),
        },
        **filled(status_code=str(event["error_number"] or "")),
    }


def _user(event: Event, role: str) -> dict[str, Any]:
    uid = event[f"{role}_id"]
    if not uid:
        return {}
    number, kind = USER_TYPES.get(event[f"{role}_kind"], (0, "Unknown"))
    return {
        "uid": uid,
        "name": str(event[f"{role}_label"] or uid),
        "type_id": number,
        "type": kind,
        **filled(email_addr=_email(event[f"{role}_email"])),
    }


def _email(text: str | None) -> str | None:
    """Return an address in the form that OCSF accepts, else None: a masked one is no address."""
    name, separator, domain = (text or "").rpartition("@")
    plain = separator and name and "." in domain.strip(".") and domain.replace(".", "").replace("-", "").isalnum()
    accepted = plain and domain.isascii() and all(one.isascii() and (one.isalnum() or one in _MARKS) for one in name)
    return text if accepted else None


_MARKS = "!#$%&'*+-/=?^_`{|}~."


def _source(event: Event) -> dict[str, Any]:
    found = address(event)
    if found is not None:
        return {"ip": str(found)}
    return (
        {"name": str(event["ip_address"] or "unknown")} if event["user_kind"] != "system" else {"svc_name": "Anaplan"}
    )


def _authentication(event: Event, user: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    return {
        "user": user or target or {"name": "unknown"},
        "service": {"name": "Anaplan"},
        **filled(dst_endpoint=filled(hostname=event["host_name"]), session=filled(uid=event["session_id"])),
    }


def _account_change(event: Event, user: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    policy = filled(name=event["role_name"], uid=event["role_id"])
    return {"user": target or user or {"name": "unknown"}, **filled(policy=policy)}


def _api_activity(event: Event, user: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    session = filled(uid=event["session_id"])
    resources = [
        filled(uid=event["object_id"], name=event["object_name"], type=event["object_kind"]),
        filled(uid=event["model_id"], name=event["model_name"], type="model"),
        filled(uid=event["workspace_id"], name=event["workspace_name"], type="workspace"),
    ]
    unique = {one["uid"]: one for one in reversed(resources) if "uid" in one}
    return {
        "actor": filled(user=user, session=session) or {"app_name": "Anaplan"},
        "api": {"operation": text_of(event), "service": {"name": "Anaplan"}},
        **filled(
            resources=list(reversed(unique.values())),
            dst_endpoint=filled(hostname=event["host_name"]),
        ),
    }


def _entity_management(event: Event, user: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    entity = filled(
        uid=event["object_id"] or event["integration_id"],
        name=event["object_name"] or event["integration_name"] or event["sent_name"],
    )
    return {"entity": {**(entity or {"name": "unknown"}), **filled(type=event["object_kind"])}}


_BODIES = {
    AUTHENTICATION: _authentication,
    ACCOUNT_CHANGE: _account_change,
    API_ACTIVITY: _api_activity,
    ENTITY_MANAGEMENT: _entity_management,
}
