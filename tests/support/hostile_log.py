"""A small audit log whose names carry HTML, Markdown, formulas and SQL."""

from tests.support import scenario
from tests.support.raw_rows import Row, at, event, version

SCRIPT = "<script>document.title='pwned';alert(1)</script>"
IMAGE = '"><img src=x onerror="document.title=\'pwned\';alert(2)">'
LINK = "[click](javascript:alert(3)) ![p](http://example.invalid/p.png) $\\frac{a}{b}$ :red[x] :material/home:"
FORMULA = '=HYPERLINK("http://example.invalid","x")'
QUOTE = "o'hara\\' or 1=1; drop table fct_events; --"
MALLORY, HOSTILE_MODEL, HOSTILE_SPACE = "m4110", "c0ffee01", QUOTE
USERS = [version(MALLORY, "2026-03-01 00:00", first_name=SCRIPT, last_name="Mallory", email=FORMULA)]
MODELS = [
    version(HOSTILE_MODEL, "2026-03-01 00:00", name=IMAGE, current_workspace_id=HOSTILE_SPACE)
    | {"current_workspace_name": LINK, "active_state": "UNLOCKED"}
]
HERE = {"user_id": MALLORY, "attr_model_id": HOSTILE_MODEL, "attr_workspace_id": HOSTILE_SPACE}
EVENTS = [
    *(event(100 + n, "USR-9", f"2026-03-04 10:0{n}", user_id=MALLORY, object_id=MALLORY, success=False, message=IMAGE,
            ip_address=SCRIPT) for n in range(6)),
    event(110, "USR-8", "2026-03-04 10:07", user_id=MALLORY, object_id=MALLORY, success=True, message=LINK),
    event(111, "USR-20", "2026-03-04 11:00", **HERE, object_id=HOSTILE_MODEL, attr_name=IMAGE, attr_action_name=FORMULA)
    | {"success": True, "message": SCRIPT},
    event(112, "USR-43", "2026-03-04 23:30", user_id=MALLORY, object_id="app9/page9", attr_name=SCRIPT, success=True)
    | {"additional_attributes__app_name": LINK},
    event(113, "AUTHZ-3", "2026-03-04 12:00", user_id=MALLORY, object_id=MALLORY, attr_role_id="r1", success=True)
    | {"additional_attributes__role_name": "Tenant Administrator"},
    event(114, "USR-13", "2026-03-04 12:30", **HERE, object_id=HOSTILE_MODEL, success=True),
    event(115, "USR-14", "2026-03-05 12:30", **{**HERE, "user_id": scenario.ANN}, object_id=HOSTILE_MODEL, message=IMAGE)
    | {"success": False},
    event(116, "AUTHZ-2", "2026-03-05 12:40", user_id=scenario.ANN, object_id=scenario.ANN, attr_name=SCRIPT,
          success=False),
    # A role of before the log.
    event(117, "AUTHZ-6", "2026-03-05 13:00", user_id=scenario.ANN, object_id=scenario.BOB, attr_role_id="r2",
          success=True) | {"additional_attributes__role_name": LINK},
]  # fmt: skip


def window(day: str, start: str, end: str, status: str = "complete") -> Row:
    row = {"window_day": at(f"{day} 00:00").date(), "event_type": "all", "status": status, "checked_at": at(end)}
    return row | {"window_start": at(start), "window_end": at(end), "reported_events": 1, "distinct_events": 1}


def day_window(day: int, status: str = "complete") -> Row:
    return window(f"2026-03-0{day}", f"2026-03-0{day} 00:00", f"2026-03-0{day + 1} 00:00", status)


# Day 3 is loaded in part, day 5 is incomplete, day 6 is lost.
WINDOWS = [
    day_window(1), day_window(2), window("2026-03-03", "2026-03-03 00:00", "2026-03-03 12:00"), day_window(4),
    day_window(5, "incomplete"), day_window(6, "expired"), window("2026-03-07", "2026-03-07 00:00", "2026-03-07 08:00"),
]  # fmt: skip
RUNS = [
    {"run_id": f"r{number}", "integration_id": "f10", "success": number > 1, "message": SCRIPT, "trigger_source": LINK}
    | {"started_at": at(f"2026-03-04 1{number}:00"), "ended_at": at(f"2026-03-04 1{number}:01")}
    for number in range(3)
]
INTEGRATIONS = [
    {"integration_id": "f10", "name": SCRIPT, "model_id": HOSTILE_MODEL, "workspace_id": HOSTILE_SPACE}
    | {"row_version": "1", "_dlt_valid_from": at("2026-03-01 00:00")}
]
HISTORY = [
    {
        "history_row_id": f"h{number}",
        "transaction_id": str(number),
        "model_id": HOSTILE_MODEL,
        "description": description,
    }
    | {"workspace_id": HOSTILE_SPACE, "changed_at": at(moment), "change_day": at(moment).date(), "user_name": who}
    | {"module_or_list": LINK, "line_item_or_property": IMAGE, "item": QUOTE, "previous_value": FORMULA}
    | {"new_value": SCRIPT, "loaded_at": at("2026-03-07 00:00")}
    for number, (moment, description, who) in enumerate(
        [
            ("2026-02-01 09:00", "Data Change", FORMULA),
            ("2026-03-04 09:00", "Data Change", FORMULA),
            ("2026-03-04 09:01", "Change Line Item", SCRIPT),
            ("2026-03-05 09:00", "120 Item(s) Deleted", SCRIPT),
        ]
    )
]
ENTITLEMENTS = [
    {"user_id": user, "workspace_id": space, "entitlement_type": "WORKSPACE", "row_version": f"{user} {space}"}
    | {"_dlt_valid_from": at("2026-03-01 00:00"), "_dlt_valid_to": None}
    for user, space in ((MALLORY, scenario.SALES), (scenario.ANN, scenario.SALES), (MALLORY, HOSTILE_SPACE))
]
WORLD = {
    "user_entitlements": ENTITLEMENTS,
    "model_history": HISTORY,
    "integrations": INTEGRATIONS,
    "integration_runs": RUNS,
    "events": scenario.EVENTS + EVENTS,
    "users": scenario.USERS + USERS,
    "models": scenario.MODELS + MODELS,
    "user_logins": scenario.LOGINS,
    "workspaces": scenario.WORKSPACES,
    "event_windows": WINDOWS,
}
