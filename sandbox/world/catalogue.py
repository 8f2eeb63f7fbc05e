"""The event codes the sandbox sends, and how `type` of the audit API selects them.

Codes, messages and prefixes are those of Anaplan's published list of audit events.
"""

from __future__ import annotations

# `type` of a request -> prefix of eventTypeId. An unknown type selects everything.
TYPE_PREFIXES = {
    "user_activity": "USR-",
    "access_control": "AUTHZ-",
    "int": "INT-",
    "conn_mgmt": "CONN-",
    "comment": "COMMENT-",
    "byok": "DSM-",
    "plan_iq": "PIQ-",
    "forecaster": "FRCST-",
}

MESSAGES = {
    "USR-1": "User created",
    "USR-4": "User disabled",
    "USR-5": "User updated",
    "USR-8": "User login success",
    "USR-9": "User login failure",
    "USR-10": "User logout success",
    "USR-12": "User session time-out",
    "USR-13": "User access to model, success",
    "USR-14": "User access-to-model failure",
    "USR-15": "User assigned to tenant success",
    "USR-17": "User removed from tenant success",
    "USR-19": "User accessed dashboard",
    "USR-20": "User executed action",
    "USR-21": "User added to workspace",
    "USR-22": "User removed from workspace",
    "USR-23": "User assigned to a model role",
    "USR-24": "User unassigned from a model role",
    "USR-25": "User assigned or unassigned the Workspace Administrator role",
    "USR-29": "User deleted",
    "USR-32": "Miscellaneous Data Export",
    "USR-36": "Data export from action",
    "USR-41": "A process action has been executed",
    "USR-43": "UX board page opened",
    "USR-44": "UX worksheet page opened",
    "USR-45": "UX report page opened",
    "USR-46": 'UX board "My Page" opened',
    "USR-47": 'UX worksheet "My Page" opened',
    "USR-48": "UX app opened",
    "USR-51": "List items updated from an import",
    "USR-52": "Module data updated from an import",
    "USR-55": "User password change",
    "USR-59": "UX board page published",
    "USR-60": "UX worksheet page published",
    "AUTHZ-0": "Authorization failure",
    "AUTHZ-1": "Access granted",
    "AUTHZ-2": "Access denied",
    "AUTHZ-3": "Role assigned",
    "AUTHZ-6": "Role unassigned",
    "CONN-1": "Connection configuration created successfully",
    "CONN-2": "Connection configuration updated successfully",
    "CONN-4": "Workspace associated with connection configuration successfully",
    "INT-04": "Data Integration update",
    "INT-05": "Data Integration creation",
    "INT-06": "Data Integration execution",
    "INT-61": "ADO Pipeline started",
    "COMMENT-01": "Comment added",
    "COMMENT-02": "Comment deleted",
    "DSM-DAO0239I": "Create symmetric key with key",
    "DSM-DAO0267I": "A user logged in",
    "DSM-405": "Assigned roles to a user in the domain",
    "FRCST-07": "Data Collection reran - success",
    "FRCST-30": "Forecast Model created - success",
    "FRCST-64": "Forecast Action run completed - success",
    "PIQ-01": "Data Collection created",
    "PIQ-14": "Forecast action executed",
    "WF-100": "Task created",
    "WF-102": "Task completed",
    "OAUTH-1": "",
}

# Some services zero-pad the number of a code; both spellings mean the same event type.
PADDED = {"USR-4": "USR-04", "USR-5": "USR-05", "USR-8": "USR-08", "CONN-2": "CONN-02"}


# Tenants on one cloud send encryption events as `BYOK-…`, others as `DSM-…`. `type=byok` selects both.
SAME_TYPE = {"BYOK-": "DSM-"}


def prefix_of(code: object) -> str:
    """Return the prefix that selects a code: `USR-` for `USR-13`, an empty text for anything that is not a code."""
    text = code if isinstance(code, str) else ""
    prefix = text[: text.index("-") + 1] if "-" in text else ""
    return SAME_TYPE.get(prefix, prefix)


def prefix_of_type(event_type: str | None) -> str | None:
    """Return the prefix that a request's `type` selects. None, also for an unknown type, selects all events."""
    return TYPE_PREFIXES.get(event_type or "all")
