"""A random company for the tests of activity and roles: its raw rows, drawn anew for each seed."""

import random
from datetime import timedelta

from tests.support.raw_rows import Row, at, event, version

START, DAYS = at("2026-01-01 00:00"), 200
PEOPLE = [f"{number:032x}" for number in range(0xA1, 0xAF)]
NAMED, NAMELESS = PEOPLE[-2:]  # In no list.
SYSTEM = "INTERNAL_7"
SPACES = [f"{number:032x}" for number in (0xC1, 0xC2, 0xC3)]
MODELS = [f"{number:032x}" for number in range(0xD1, 0xD9)]
ROLES = {"1": "Tenant Administrator", "2": "Tenant Auditor", "3": "Page Builder"}
MODEL_ROLES = {"01": "Planner", "02": "Viewer"}
VISITS, ACTIONS, DATA, BUILDS = ("USR-13", "USR-43"), ("USR-20", "USR-36", "USR-41"), ("USR-33",), ("USR-39", "USR-59")
IDLE = ("USR-14", "AUTHZ-1")  # A refused access, and noise: no use.


def draw_world(seed: int, count: int = 900) -> dict[str, list[Row]]:
    """Return raw rows by table."""
    chance = random.Random(seed)
    events = [_event(chance, number) for number in range(count)]
    events += [_deletion(count, PEOPLE[2], "2026-04-01 12:00"), _deletion(count + 1, NAMELESS, "2026-05-01 12:00")]
    events.append(event(count + 2, "USR-13", "2026-06-10 10:00", user_id=PEOPLE[9]))
    directory = {"users": _users(), "user_logins": _logins(), "workspaces": _spaces(), "models": _models()}
    return {"events": events, **directory, "scim_users": _scim_users(), "user_entitlements": _entitlements()}


def _event(chance: random.Random, number: int) -> Row:
    minute = chance.randrange(DAYS * 24 * 60)
    moment = (START + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M")
    # The first people do everything; later ones do less and less, and nobody does it all the time.
    who = chance.choice([*PEOPLE[:3], PEOPLE[3 + minute % 4], PEOPLE[chance.randrange(8)], NAMED, NAMELESS, SYSTEM])
    late = minute > 100 * 24 * 60
    lists = [("USR-8", "USR-9"), VISITS, ACTIONS, DATA, BUILDS, IDLE, ("AUTHZ-3", "AUTHZ-6"), ("USR-23", "USR-24")]
    weights = [4, 6, 4, 2, 0 if late and who != PEOPLE[0] else 2, 1, 3, 4]
    code = chance.choice(chance.choices(lists, weights)[0])
    if code in ("USR-8", "USR-9"):
        return event(number, code, moment, user_id=who, object_id=who, success=code == "USR-8")
    if code.startswith("AUTHZ-") and code != "AUTHZ-1":
        return event(number, code, moment, user_id=who, success=chance.random() < 0.9) | _grant(chance, ROLES, "role")
    if code in ("USR-23", "USR-24"):
        more = _grant(chance, MODEL_ROLES, "model_role", MODELS[chance.randrange(2)])
        return event(number, code, moment, user_id=who) | more
    model = None if code == "AUTHZ-1" else MODELS[min(chance.randrange(9), chance.randrange(9)) % 6]
    success = code != "USR-14" and chance.random() < 0.9
    return event(number, code, moment, user_id=who, object_id=model, attr_model_id=model, success=success)


def _grant(chance: random.Random, roles: dict[str, str], prefix: str, model: str | None = None) -> Row:
    """Return the attributes of a change of a role: by id, by name, or by both."""
    user = chance.choice([*PEOPLE[:5], NAMED, NAMELESS])
    role, name = chance.choice(list(roles.items()))
    by_id, by_name = chance.choice([(True, True), (True, False), (False, True)])
    values = {
        "target_user_id": user.upper() if chance.random() < 0.5 else user,
        "target_user_name": "named@x.com" if user == NAMED else None,
        f"{prefix}_id": role if by_id else None,
        f"{prefix}_name": name if by_name else None,
        "model_id": model,
    }
    return {"object_id": None, **{f"additional_attributes__{key}": value for key, value in values.items()}}


def _deletion(number: int, user: str, moment: str) -> Row:
    return event(number, "USR-29", moment, user_id=PEOPLE[0], attr_target_user_id=user)


def _users() -> list[Row]:
    listed = [
        version(user, f"2026-02-{number + 1:02} 00:00", first_name=f"P{number}", active=True)
        for number, user in enumerate(PEOPLE[:-2])
    ]
    # The fourth leaves. The last one is listed after the newest event.
    left = version(PEOPLE[3], "2026-02-04 00:00", "2026-05-20 06:00", first_name="P3", active=True)
    return [*listed[:3], left, *listed[4:-1], version(PEOPLE[-3], "2026-08-01 00:00", email="new@x.com")]


def _logins() -> list[Row]:
    dates = {PEOPLE[1]: "2026-01-05 08:00", PEOPLE[8]: "2026-03-01 23:59"}
    return [{"id": user, "last_login_date": at(moment)} for user, moment in dates.items()]


def _scim_users() -> list[Row]:
    """The tenth was created before the log, and is entitled to nothing any more; the first to two workspaces."""
    created = {PEOPLE[0].upper(): "2025-10-01 09:00", PEOPLE[10].upper(): "2025-11-05 09:00"}
    created[SYSTEM.lower()] = "2025-12-01 09:00"
    return [{"id": user, "created_at": at(moment)} for user, moment in created.items()]


def _entitlements() -> list[Row]:
    ended = [(PEOPLE[0], SPACES[0], None), (PEOPLE[0], SPACES[1], None), (PEOPLE[10], SPACES[0], "2026-03-01 00:00")]
    return [
        {"user_id": user, "workspace_id": space.upper(), "entitlement_type": "WORKSPACE", "row_version": user + space}
        | dict(
            zip(("_dlt_valid_from", "_dlt_valid_to"), (at("2026-02-01 00:00"), at(end) if end else None), strict=True)
        )
        for user, space, end in ended
    ]


def _spaces() -> list[Row]:
    grown = [("2026-01-01 00:00", "2026-03-01 00:00", 500), ("2026-03-01 00:00", None, 700)]
    return [
        *(version(SPACES[0], since, until, name="One", current_size=size) for since, until, size in grown),
        version(SPACES[1], "2026-01-02 00:00", name="Two", current_size=10, size_allowance=1000),
        version(SPACES[2], "2026-01-03 00:00", name="Unused"),
    ]


def _models() -> list[Row]:
    places = [SPACES[0], SPACES[0], SPACES[1], SPACES[1], SPACES[0], SPACES[1], SPACES[1], SPACES[2]]
    rows = [
        version(model.upper(), "2026-01-10 00:00", name=f"M{number}", current_workspace_id=space, memory_usage=number)
        for number, (model, space) in enumerate(zip(MODELS, places, strict=True))
    ]
    first = {**rows[0], "_dlt_valid_to": at("2026-04-01 00:00"), "memory_usage": 100}
    rows[0] = version(MODELS[0].upper(), "2026-04-01 00:00", name="M0 now", current_workspace_id=SPACES[0]) | {
        "memory_usage": 60
    }
    # The last but one has no event: the directory knows when it was made. The last one was changed since.
    rows[6] |= {"iso_creation_date": at("2025-12-01 10:00")}
    rows[7] |= {"last_modified": at("2026-06-01 10:00"), "iso_creation_date": at("2025-01-01 10:00")}
    rows[5] |= {"_dlt_valid_to": at("2026-06-01 00:00")}
    return [first, *rows]
