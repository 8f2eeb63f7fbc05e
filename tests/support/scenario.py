"""The raw rows of a small tenant with everything that is hard to enrich."""

from tests.support.raw_rows import Row, event, version

ANN, BOB, EVE, GHOST = "8a80d86a5565443f01557f053e6719ba", "b0b0" * 8, "e7e7" * 8, "dead0000" * 4
PLAN, LOST_MODEL = "aaaa1111" * 4, "bbbb2222" * 4
SALES = "5a1e5" * 6 + "5a"
APP, PAGE = "a99a" * 8, "9a9e" * 8
GONE = "60e0" * 8
SYSTEM = "INTERNAL_5"

USERS: list[Row] = [
    # Ann changes her name: older events keep the older name. Her id is in upper case in one list.
    version(ANN, "2026-03-02 00:00", "2026-03-05 00:00", first_name="Ann", last_name="Lee", email="ann@x.com"),
    version(ANN.upper(), "2026-03-05 00:00", first_name="Ann", last_name="Bell", email="ann@x.com"),
    # Bob leaves. His name has only spaces, so his email address replaces it.
    version(BOB, "2026-03-01 00:00", "2026-03-04 12:00", first_name=" ", last_name=None, email="bob@x.com"),
    # Eve has two versions with the same start, and a gap before her last version.
    version(EVE, "2026-03-01 00:00", "2026-03-01 06:00", first_name="Eve", last_name="Early"),
    version(EVE, "2026-03-01 00:00", "2026-03-01 00:30", first_name="Eve", last_name="Twice"),
    version(EVE, "2026-03-04 00:00", first_name="Eve", last_name="Later"),
]
WORKSPACES: list[Row] = [version(SALES.upper(), "2026-03-01 00:00", name="Sales")]
MODELS: list[Row] = [
    version(PLAN.upper(), "2026-03-01 00:00", "2026-03-06 00:00", name="Plan", current_workspace_id=SALES)
    | {"current_workspace_name": "Sales", "active_state": "UNLOCKED", "last_modified_by_user_guid": SYSTEM.lower()},
]
LOGINS: list[Row] = [{"id": ANN, "last_login_date": event(0, "X", "2026-03-05 09:00")["event_date"]}]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"

EVENTS: list[Row] = [
    # 1-4: Ann before the first snapshot, before and after her change of name, in mixed case.
    event(1, "USR-8", "2026-03-01 08:00", user_id=ANN, object_id=ANN, success=True, ip_address="10.0.0.1"),
    event(2, "USR-8", "2026-03-04 23:59", user_id=ANN.upper(), object_id=ANN, success=True, user_agent=FIREFOX),
    event(3, "USR-8", "2026-03-05 00:00", user_id=ANN, object_id=ANN, success=True, user_agent="curl/8.0"),
    event(4, "USR-10", "2026-03-05 18:00", user_id=ANN, object_id=ANN, success=True),
    # 5: Bob after he left. 6-8: Eve in her first version, in the gap, in her last.
    event(5, "USR-9", "2026-03-05 01:00", user_id=BOB, object_id=BOB, success=False, error_number="7"),
    event(6, "USR-12", "2026-03-01 01:00", user_id=EVE, object_id=EVE),
    event(7, "USR-12", "2026-03-02 01:00", user_id=EVE, object_id=EVE),
    event(8, "USR-12", "2026-03-04 01:00", user_id=EVE, object_id=EVE),
    # 9: nobody; 10: a system process; 11: a user in no list.
    event(9, "USR-9", "2026-03-01 02:00", success=False, object_id=EVE),
    event(10, "INT-06", "2026-03-01 03:00", user_id=SYSTEM, object_id="F10", attr_name="Nightly", success=True),
    event(11, "USR-13", "2026-03-01 04:00", user_id=GHOST, object_id=PLAN, success=True, attr_model_id=PLAN)
    | {"additional_attributes__workspace_id": SALES},
    # 12: the model only as object and in upper case; only the directory names its workspace.
    event(12, "USR-13", "2026-03-02 04:00", user_id=ANN, object_id=PLAN.upper(), success=True),
    # 13: after the model left the directory; 14: a model in no list, named by the event.
    event(13, "USR-13", "2026-03-07 04:00", user_id=ANN, object_id=PLAN, success=True),
    event(14, "USR-13", "2026-03-02 05:00", user_id=ANN, object_id=LOST_MODEL, attr_name="Lost", success=True),
    # 15-18: pages, with either part missing.
    event(
        15,
        "USR-43",
        "2026-03-02 06:00",
        user_id=ANN,
        object_id=f"{APP}/{PAGE}".upper(),
        attr_name="Board",
        success=True,
    ),
    event(16, "USR-43", "2026-03-02 07:00", user_id=ANN, object_id=f"null/{PAGE}"),
    event(17, "USR-43", "2026-03-02 08:00", user_id=ANN, object_id=f"{APP}/null", success=False),
    event(18, "USR-48", "2026-03-02 09:00", user_id=ANN, object_id=APP, attr_app_name="App"),
    # 19-20: a zero-padded code, and a code in no catalogue.
    event(19, "USR-04", "2026-03-02 10:00", user_id=ANN, object_id=BOB, success=True),
    event(20, "NEW-007", "2026-03-02 11:00", user_id=ANN) | {"event_type_code": "NEW-7"},
    # 21-23: roles.
    event(21, "AUTHZ-3", "2026-03-03 10:00", user_id=ANN, object_id=EVE, attr_role_id="r1", success=True)
    | {"additional_attributes__role_name": "Tenant Administrator"},
    event(22, "USR-23", "2026-03-03 11:00", user_id=ANN, attr_target_user_id="9999", attr_target_user_name="Zed")
    | {"additional_attributes__model_role_id": "m1", "additional_attributes__model_role_name": "Viewer"},
    event(23, "USR-25", "2026-03-03 12:00", user_id=ANN, object_id=ANN, success=False),
    # 24: without any date; 25: stored 9 hours late; 26: a process; 27: no code at all.
    event(24, "USR-8", None, user_id=ANN),
    event(25, "USR-8", "2026-03-03 13:00", user_id=ANN)
    | {"created_date": event(0, "X", "2026-03-03 22:00")["event_date"]},
    event(26, "USR-41", "2026-03-03 14:00", user_id=ANN, object_id="P1", attr_process_name="Close", attr_model_id=PLAN),
    event(27, "USR-8", "2026-03-03 15:00", user_id=ANN) | {"event_type_code": None, "event_type_id": None},
    # 28-29: the event's name is not the model's name; the second model is in no list.
    event(28, "USR-36", "2026-03-05 10:00", user_id=ANN, object_id=PLAN, attr_name="Grid", attr_type="xlsx"),
    event(29, "USR-20", "2026-03-05 10:01", user_id=ANN, object_id=LOST_MODEL, attr_name="null", attr_action_id="-1"),
    # 30-31: a page with its name, and the same page and app on that day with ids only. 32: on another day.
    event(30, "USR-43", "2026-03-05 11:00", user_id=ANN, object_id=f"{APP}/{PAGE}", attr_page_id=PAGE, attr_app_id=APP)
    | {"additional_attributes__page_name": "Home", "additional_attributes__app_name": "Plans"},
    event(31, "USR-43", "2026-03-05 11:01", user_id=BOB, object_id=f"{APP}/{PAGE}".upper()),
    event(32, "USR-43", "2026-03-06 11:01", user_id=BOB, object_id=f"{APP}/{PAGE}"),
    # 33: a dashboard of a model; 34: a comment on a page, whose code has no kind of object.
    event(33, "USR-19", "2026-03-05 12:00", user_id=ANN, object_id=PLAN, attr_object_id="D1", attr_name="Start page"),
    event(34, "COMMENT-01", "2026-03-05 13:00", user_id=ANN, object_id=f"{APP}/{PAGE}", attr_page_name="Home"),
    # 35-36: an encryption event on a domain, and on a user. 37: a workspace, known only by the object type.
    event(35, "DSM-405", "2026-03-05 14:00", user_id=ANN, object_id="domain-1"),
    event(36, "DSM-405", "2026-03-05 14:01", user_id=ANN, object_id=ANN.upper()),
    event(37, "NEW-008", "2026-03-05 15:00", user_id=ANN, object_id=SALES, object_type_id="WORKSPACE"),
    # 38: a user in no list, named by the event that removed them.
    event(38, "USR-29", "2026-03-05 16:00", user_id=ANN, object_id=GONE, attr_target_user_id=GONE.upper())
    | {"additional_attributes__target_user_name": "gone@x.com"},
]

WORLD = {
    "events": EVENTS,
    "users": USERS,
    "user_logins": LOGINS,
    "workspaces": WORKSPACES,
    "models": MODELS,
}

# Long before the recent days, which begin 100 days before the newest day.
OLD_EVENTS: list[Row] = [
    event(200, "USR-13", "2025-09-01 08:00", user_id=GHOST, object_id=PLAN, success=True, attr_model_id=PLAN),
    event(201, "USR-8", "2025-09-02 08:00", user_id=ANN, object_id=ANN, success=True),
    event(202, "USR-20", "2025-09-02 09:00", user_id=EVE, object_id=PLAN, success=True, attr_model_id=PLAN)
    | {"additional_attributes__workspace_id": SALES},
    event(203, "USR-8", "2025-09-03 08:00", user_id=GONE, object_id=GONE, success=True),
]
LONG_WORLD = {**WORLD, "events": [*EVENTS, *OLD_EVENTS]}
