"""Raw rows of lists inside models, of CloudWorks and of entitlements, with everything that is hard to name."""

from typing import Any

from tests.support.raw_rows import Row, at, event

ANN, BOB = "a0" * 16, "b0" * 16
# The same ids in two models; a model that was read and holds nothing; one that was never read; one in no list.
PLAN, COPY, EMPTY, UNREAD, LOST = "AB" * 16, "CD" * 16, "ED" * 16, "FD" * 16, "EF" * 16
SALES, OPS = "5a" * 16, "0b" * 16
IMPORT, EXPORT, ACTION, PROCESS, NEVER = (f"{n}000000001" for n in (112, 116, 117, 118, 119))
GONE, SECOND = "117000000002", "116000000002"
NIGHTLY, WEEKLY, UNLISTED = "1061928a" * 4, "2061928b" * 4, "3061928c" * 4


def validity(since: str, until: str | None = None) -> Row:
    return {"_dlt_valid_from": at(since), "_dlt_valid_to": at(until) if until else None}


def listed(
    model: str, kind: str, action: str, name: str | None, since: str, until: str | None = None, **more: Any
) -> Row:
    """Return a version of an action of a model."""
    row: Row = {"model_id": model, "workspace_id": SALES, "kind": kind, "action_id": action, "name": name, **more}
    return {**row, "row_version": f"{model} {kind} {action} {since} {until}", **validity(since, until)}


def integration(number: str, name: str, model: str, since: str, until: str | None = None, **more: Any) -> Row:
    """Return a version of an integration."""
    row: Row = {"integration_id": number, "name": name, "model_id": model, "workspace_id": SALES, **more}
    return {**row, "row_version": f"{number} {since} {until}", **validity(since, until)}


def run(number: str, of: str, started: str, seconds: int, success: bool | None, **more: Any) -> Row:
    """Return a run of an integration."""
    start = at(started)
    end = start.replace(second=seconds)
    return {"run_id": number, "integration_id": of, "started_at": start, "ended_at": end, "success": success, **more}


ACTIONS: list[Row] = [
    listed(PLAN, "import", IMPORT, "Load actuals", "2026-03-02 00:00", import_type="MODULE_DATA", code="C1"),
    listed(COPY, "import", IMPORT, "Load budget", "2026-03-02 00:00", import_type="USERS"),
    # An export that is renamed; its format changes too. Its last version begins twice.
    listed(PLAN, "export", EXPORT, "P&L", "2026-03-02 00:00", "2026-03-05 00:00", export_format="text/csv"),
    listed(PLAN, "export", EXPORT, "P&L v2", "2026-03-05 00:00", "2026-03-05 00:00", export_format="text/plain"),
    listed(PLAN, "export", EXPORT, "P&L v3", "2026-03-05 00:00", export_format="text/plain", export_layout="GRID"),
    listed(COPY, "export", EXPORT, "Headcount", "2026-03-02 00:00", export_format="text/csv"),
    listed(PLAN, "action", ACTION, "Tidy up", "2026-03-02 00:00", action_type="DELETE_BY_SELECTION"),
    listed(COPY, "action", ACTION, "Copy up", "2026-03-02 00:00"),
    listed(PLAN, "action", GONE, "Old one", "2026-03-02 00:00", "2026-03-04 00:00"),
    listed(PLAN, "process", PROCESS, "Nightly", "2026-03-02 00:00"),
    listed(COPY, "process", PROCESS, "Month end", "2026-03-02 00:00"),
    # A number that two kinds of one model share.
    listed(COPY, "action", PROCESS, "Not a process", "2026-03-02 00:00"),
    listed(EMPTY, "none", "none", None, "2026-03-02 00:00"),
]
STEPS: list[Row] = [
    {"model_id": PLAN, "process_id": PROCESS, "step_number": 1, "action_id": IMPORT, "action_name": "Load"},
    {"model_id": PLAN, "process_id": PROCESS, "step_number": 2, "action_id": EXPORT, "action_name": "P&L"},
    {"model_id": PLAN, "process_id": PROCESS, "step_number": 3, "action_id": NEVER, "action_name": "Lost"},
    # A process without steps.
    {"model_id": COPY, "process_id": PROCESS, "step_number": 0},
]
INTEGRATIONS: list[Row] = [
    integration(NIGHTLY, "Nightly load", PLAN, "2026-03-02 00:00", "2026-03-05 00:00", process_id=PROCESS),
    integration(NIGHTLY, "Nightly load 2", COPY, "2026-03-05 00:00", process_id=PROCESS, created_by="Bob Bee"),
    # It works in a model and a workspace that no list shows.
    integration(WEEKLY, "Weekly", LOST, "2026-03-02 00:00", "2026-03-06 00:00") | {"workspace_id": OPS},
]
RUNS: list[Row] = [
    run("r1", NIGHTLY, "2026-03-02 10:00", 7, True, triggered_by="bob@x.com", trigger_source="scheduled"),
    run("r2", NIGHTLY, "2026-03-06 10:00", 9, False, triggered_by="BOB BEE", trigger_source="MANUAL")
    | {"execution_error_code": "101", "message": "no source"},
    run("r3", NIGHTLY, "2026-03-07 10:00", 9, False, trigger_source="scheduled_inf"),
    run("r4", NIGHTLY, "2026-03-08 10:00", 9, True, triggered_by="Anybody"),
    run("r5", WEEKLY, "2026-03-03 10:00", 30, None),
    run("r6", UNLISTED, "2026-03-03 11:00", 1, False),
]
ENTITLEMENTS: list[Row] = [
    {"user_id": ANN.upper(), "workspace_id": SALES, "entitlement_type": "WORKSPACE", "row_version": "1"}
    | {"workspace_name": "Sales old", **validity("2026-03-01 00:00", "2026-03-03 00:00")},
    {"user_id": ANN, "workspace_id": SALES, "entitlement_type": "WORKSPACE", "row_version": "1"}
    | {"workspace_name": "Sales old", **validity("2026-03-05 00:00")},
    # A user in no list, in a workspace in no list.
    {"user_id": "c0" * 16, "workspace_id": OPS, "entitlement_type": "WORKSPACE", "row_version": "2"}
    | {"workspace_name": "Operations", **validity("2026-03-01 00:00")},
]


def _runs(number: int, code: str, moment: str, model: str, action: str | None, **more: Any) -> Row:
    return event(
        number, code, moment, user_id=ANN, object_id=model.lower(), attr_action_id=action, success=True, **more
    )


EVENTS: list[Row] = [
    # 1-2: before the lists were first read; the same id in two models.
    _runs(1, "USR-51", "2026-03-01 08:00", PLAN, IMPORT),
    _runs(2, "USR-51", "2026-03-01 08:00", COPY, IMPORT),
    # 3-5: an export under the name and format of its time, and under the name that the event sends.
    _runs(3, "USR-36", "2026-03-04 23:59", PLAN, EXPORT, attr_type="csv"),
    _runs(4, "USR-36", "2026-03-05 00:00", PLAN, EXPORT, attr_type="csv"),
    _runs(5, "USR-36", "2026-03-05 01:00", COPY, EXPORT, attr_name="As sent", attr_type="csv"),
    # 6-7: an action before and after its deletion; 8: one that no list ever showed.
    _runs(6, "USR-20", "2026-03-03 08:00", PLAN, GONE),
    _runs(7, "USR-20", "2026-03-04 08:00", PLAN, GONE),
    _runs(8, "USR-20", "2026-03-04 08:01", PLAN, NEVER),
    # 9-10: a process of either model. 11: as object, as older descriptions have it.
    _runs(9, "USR-41", "2026-03-04 09:00", PLAN, PROCESS),
    _runs(10, "USR-41", "2026-03-04 09:01", COPY, PROCESS),
    event(11, "USR-41", "2026-03-04 09:02", user_id=ANN, object_id=PROCESS, attr_model_id=PLAN.lower()),
    # 12-14: models that hold nothing, were never read, or are in no list.
    _runs(12, "USR-20", "2026-03-04 10:00", EMPTY, ACTION),
    _runs(13, "USR-20", "2026-03-04 10:01", UNREAD, ACTION),
    _runs(14, "USR-20", "2026-03-04 10:02", LOST, ACTION),
    # 15-16: an unsaved action, and an export of a grid without an action.
    _runs(15, "USR-20", "2026-03-04 11:00", PLAN, "-1", attr_name="null"),
    event(16, "USR-32", "2026-03-04 11:01", user_id=ANN, object_id=PLAN.lower(), attr_name="Grid", attr_type="xlsx"),
    # 17: an import as a step of a process.
    _runs(17, "USR-52", "2026-03-04 12:00", PLAN, IMPORT, attr_process_id=PROCESS),
    # 20-24: integrations, in either case, in their first and second version, removed, and in no list.
    event(20, "INT-06", "2026-03-01 10:00", user_id="INTERNAL_5", object_id=NIGHTLY.upper(), success=True),
    event(21, "INT-06", "2026-03-06 10:00", user_id="INTERNAL_5", object_id=NIGHTLY, success=False),
    event(22, "INT-06", "2026-03-07 10:00", user_id=ANN, attr_integration_id=WEEKLY, success=True),
    event(23, "INT-06", "2026-03-07 10:01", user_id=ANN, object_id=UNLISTED, attr_name="As sent", success=True),
    # 24: an integration that sends its own model.
    event(24, "INT-06", "2026-03-07 10:02", user_id=ANN, object_id=NIGHTLY, attr_model_id=PLAN.lower(), success=True),
]
DIRECTORY: dict[str, list[Row]] = {
    "users": [
        {
            "id": one,
            "first_name": first,
            "last_name": last,
            "email": mail,
            "row_version": one,
            **validity("2026-03-01 00:00"),
        }
        for one, first, last, mail in ((ANN, "Ann", "Lee", "ann@x.com"), (BOB.upper(), "Bob", "Bee", "Bob@x.com"))
    ],
    "workspaces": [{"id": SALES, "name": "Sales", "row_version": "1", **validity("2026-03-01 00:00")}],
    "models": [
        {"id": one, "name": name, "current_workspace_id": SALES, "active_state": state, "row_version": one}
        | validity("2026-03-01 00:00")
        for one, name, state in (
            (PLAN, "Plan", "PRODUCTION"),
            (COPY, "Copy", "UNLOCKED"),
            (EMPTY, "Empty", "UNLOCKED"),
            (UNREAD, "Unread", "UNLOCKED"),
        )
    ],
}
LISTS: dict[str, list[Row]] = {
    "model_actions": ACTIONS,
    "process_steps": STEPS,
    "integrations": INTEGRATIONS,
    "integration_runs": RUNS,
    "user_entitlements": ENTITLEMENTS,
}
