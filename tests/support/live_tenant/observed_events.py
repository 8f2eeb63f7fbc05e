"""Every kind of event that was observed on live tenants, with what the facts must say about it."""

from tests.support.live_tenant.company import CATEGORIES, CONNECTION, HOUR, OTHER_CONNECTION, Company
from tests.support.live_tenant.directory import (
    ANNA,
    BEN,
    CARA,
    DIRK,
    FINANCE,
    LOST,
    OLD,
    OPERATIONS,
    PLAN,
    STRANGER,
    SUPPLY,
    SYSTEM,
    WORKSPACE_OF,
    Record,
)

# Codes that run an action, with the range of ids that the action comes from.
ACTION_CODES = {
    "USR-20": "117",
    "USR-32": None,
    "USR-33": None,
    "USR-34": None,
    "USR-35": None,
    "USR-36": "116",
    "USR-38": "117",
    "USR-40": "117",
    "USR-41": "118",
    "USR-42": "112",
    "USR-50": "112",
    "USR-51": "112",
    "USR-52": "112",
    "USR-53": "112",
    "USR-54": "112",
}


def run_actions(company: Company, at: int) -> None:
    """Add every code that runs an action, as live tenants send it: the model as object, other fields in part."""
    for number, (code, prefix) in enumerate(ACTION_CODES.items()):
        for sends_workspace, model in ((False, PLAN), (True, SUPPLY), (False, OLD)):
            attributes: Record = {}
            expected: Record = {"object_kind": "model", "action_id": None, "process_id": None}
            if prefix is not None:
                action = f"{prefix}0000000{number:02d}"
                # Mostly a number as text, at times a bare number.
                attributes["actionId"] = action if model != OLD else int(action)
                expected.update(action_id=action, process_id=action if prefix == "118" else None)
            if sends_workspace:
                attributes["workspaceId"] = WORKSPACE_OF[model]
            if code in ("USR-36", "USR-38"):
                attributes["name"] = expected["action_name"] = f"Nightly {number}"
            elif prefix is not None:
                # The lists of the model hold other actions; those of an archived model cannot be read.
                expected.update(action_name=None, object_status="named" if model == OLD else "unknown")
            company.happen(code, at + number * 1000, "…", BEN, model.lower(), attributes or None, **expected)
    company.happen(
        "USR-20", at, "User executed action", BEN, PLAN.lower(), {"actionId": "-1"}, object_kind="model", action_id="-1"
    )
    # A model without access is in no list, yet the object is a model, not the catalogue's `process`.
    company.happen(
        "USR-41",
        at,
        "A process action has been executed",
        BEN,
        LOST.lower(),
        {"actionId": "118000000077", "workspaceId": FINANCE},
        object_kind="model",
        model_id=LOST.lower(),
        model_name=None,
        workspace_id=FINANCE,
        workspace_name="Finance",
        action_id="118000000077",
        process_id="118000000077",
    )


def refuse(company: Company, at: int) -> None:
    """Add denials of a model, a function and an unknown user."""
    company.happen("USR-14", at, "User access-to-model failure", DIRK, PLAN.lower(), None, success=False)
    company.happen("AUTHZ-0", at + 1, "Authorization failure", DIRK, None, {"name": "exports"}, success=False)
    company.happen("AUTHZ-2", at + 2, "Access denied", STRANGER, STRANGER, {}, success=False, user_kind="unknown")


def change_platform(company: Company, at: int) -> None:
    """Add events of connections that differ in case only, keys, guardpoints, comments, workflow, forecasts, the system."""
    for connection in (CONNECTION, OTHER_CONNECTION):
        company.happen("CONN-2", at, "…", CARA, connection, {"connectionId": connection}, object_kind="connection")
    for code in ("DSM-229", "DSM-DAO0229I", "BYOK-231", "DSM-501"):
        company.happen(
            code,
            at + 1,
            "…",
            CARA,
            OPERATIONS,
            {},
            object_kind="workspace",
            workspace_id=OPERATIONS,
            workspace_name="Operations",
        )
    company.happen("BYOK-239", at + 2, "Create symmetric key with key", CARA, "key-7", {"name": "key-7"})
    company.happen("COMMENT-01", at + 3, "Comment added", ANNA, None, {"commentId": "42"})
    company.happen("WF-100", at + 4, "Task created", ANNA, None, {"workflowTemplateId": "11"})
    company.happen("FRCST-64", at + 5, "…", SYSTEM, None, "run 7 completed", user_kind="system")
    company.happen("PIQ-14", at + 6, "Forecast action executed", ANNA, None, None)
    company.happen("OAUTH-1", at + 7, "…", ANNA, None, {"clientName": "Reporting"})
    company.happen(
        "INT-61", at + 8, "ADO Pipeline started", SYSTEM, "pipe_1", {"pipelineId": "pipe_1"}, user_kind="system"
    )
    # Undocumented attributes with values of every type.
    company.happen(
        "USR-13", at + 9, "…", ANNA, PLAN.lower(), {"riskScore": 0.5, "tags": ["a", {"b": None}], "modelId": PLAN}
    )
    company.happen(
        "USR-8", at + 10, "User login success", STRANGER, STRANGER, None, user_kind="unknown", user_name=None
    )
    company.happen(
        "AUTHZ-3", at + 11, "Role assigned", CARA, DIRK, {"roleName": "Tenant Auditor"}, target_user_name="Dirk Dünn"
    )


def use_unlisted_codes(company: Company, at: int) -> set[str]:
    """Add an unlisted code of each prefix, and one with an unknown prefix. Returns the codes."""
    codes = {f"{prefix}-{number}" for number, prefix in enumerate(CATEGORIES, 7001)} | {"DSM-DAO7999I", "BYOK-DAO7999I"}
    for code in sorted(codes):
        company.happen(code, at, "something new", ANNA, None, {"name": "x"})
    company.happen("QQQ-1", at, "something new", ANNA, None, {}, event_category="unknown")
    return codes | {"QQQ-1"}


def whole_company(days: int = 12, now: int | None = None) -> Company:
    """Return a company with ordinary events and every kind of observed event."""
    company = Company(now).live_through(days)
    yesterday = company.now - 30 * HOUR
    for tell in (run_actions, refuse, change_platform):
        tell(company, yesterday)
        yesterday += 20 * 60_000
    return company
