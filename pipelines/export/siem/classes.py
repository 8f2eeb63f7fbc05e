"""The OCSF class and activity of an event, from the seed `ocsf_classes`."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

AUTHENTICATION, ACCOUNT_CHANGE, ENTITY_MANAGEMENT, API_ACTIVITY = 3002, 3001, 3004, 6003
CLASSES = {
    ACCOUNT_CHANGE: "Account Change",
    AUTHENTICATION: "Authentication",
    ENTITY_MANAGEMENT: "Entity Management",
    API_ACTIVITY: "API Activity",
}
CATEGORIES = {3: "Identity & Access Management", 6: "Application Activity"}
OTHER = 99
# Captions of the OCSF schema for the activities that an audit log of Anaplan has.
ACTIVITIES: dict[int, dict[int, str]] = {
    ACCOUNT_CHANGE: {
        1: "Create",
        2: "Enable",
        3: "Password Change",
        5: "Disable",
        6: "Delete",
        7: "Attach Policy",
        8: "Detach Policy",
        OTHER: "Other",
    },
    AUTHENTICATION: {1: "Logon", 2: "Logoff", OTHER: "Other"},
    ENTITY_MANAGEMENT: {
        1: "Create",
        2: "Read",
        3: "Update",
        4: "Delete",
        5: "Move",
        8: "Enable",
        9: "Disable",
        10: "Activate",
        11: "Deactivate",
        12: "Suspend",
        13: "Resume",
        OTHER: "Other",
    },
    API_ACTIVITY: {1: "Create", 2: "Read", 3: "Update", 4: "Delete", OTHER: "Other"},
}
SEVERITIES = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}


class EventClass(NamedTuple):
    """What kind of event it is. `status` is empty where the event itself says whether it succeeded."""

    class_uid: int
    activity_id: int
    status: str | None
    severity: str


_UNKNOWN = EventClass(API_ACTIVITY, OTHER, None, "informational")


class EventClasses:
    """Finds the class of an event by its code, else by its category."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._known = {str(row["event"]): _checked(row) for row in rows}

    def of(self, event: Mapping[str, Any]) -> EventClass:
        """Return the class of a row of `fct_events`. A failed event has at least the severity `low`."""
        by_category = self._known.get(str(event["event_category"]), _UNKNOWN)
        found = self._known.get(str(event["event_type_id"]), by_category)
        if found.status is None and event["success"] is not None:
            found = found._replace(status="success" if event["success"] else "failure")
        if found.status == "failure" and found.severity == "informational":
            found = found._replace(severity="low")
        return found


def _checked(row: Mapping[str, Any]) -> EventClass:
    """Return a row of the seed. A number that OCSF does not have becomes `Other`, so that no event is lost."""
    class_uid, activity = int(row["class_uid"] or 0), int(row["activity_id"] or 0)
    if class_uid not in CLASSES:
        class_uid, activity = API_ACTIVITY, OTHER
    if activity not in ACTIVITIES[class_uid]:
        activity = OTHER
    severity = str(row["severity"])
    return EventClass(
        class_uid, activity, row["status"] or None, severity if severity in SEVERITIES else _UNKNOWN.severity
    )
