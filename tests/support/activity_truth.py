"""What the tables of activity and roles must hold, computed from the raw rows without SQL."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timezone
from typing import Any

from tests.support import activity_world as world
from tests.support.raw_rows import Row

ATTRIBUTE = "additional_attributes__"
KINDS = {
    "USR-8": "sign_in",
    **dict.fromkeys(world.VISITS, "visit"),
    **dict.fromkeys(world.ACTIONS, "action"),
    **dict.fromkeys(world.DATA, "data"),
    **dict.fromkeys(world.BUILDS, "build"),
}
WINDOW = 90
Span = list[Any]


def kind_of_use(event: Row) -> str | None:
    return None if event.get("success") is False else KINDS.get(event["event_type_id"])


def idle(newest: date, *moments: tuple[str, date | None]) -> tuple[int | None, str | None]:
    """Return the days since the first known moment, and its name."""
    for name, day in moments:
        if day:
            return max(0, (newest - day).days), name
    return None, None


def users(rows: dict[str, list[Row]]) -> dict[str, tuple[Any, ...]]:
    """Return idle_days, idle_since, usage_class, user_label, last visit, data change, action and build by user."""
    newest = max(event["event_day"] for event in rows["events"])
    logins = {row["id"]: row["last_login_date"] for row in rows["user_logins"]}
    created = {row["id"].lower(): _day(row["created_at"]) for row in rows["scim_users"]}
    of_user = _by(rows["events"], lambda event: event["user_id"])
    found = {}
    for user in [*world.PEOPLE, world.SYSTEM]:
        mine = of_user[user]
        last = {kind: _last(one for one in mine if kind_of_use(one) == kind) for kind in set(KINDS.values())}
        seen, login = _last(mine), logins.get(user)
        listed = min((row["_dlt_valid_from"] for row in rows["users"] if row["id"] == user), default=None)
        later_login = login and (not seen or login.date() > seen.date())
        since = idle(
            newest,
            ("last login", _day(login) if later_login else None),
            ("event", _day(seen)),
            ("created", created.get(user)),
            ("first listed", _day(listed)),
        )
        came = seen if any(one["event_type_id"] != "USR-9" for one in mine) else None
        used = max(filter(None, (came, login)), default=None)
        changed = max(filter(None, (last["data"], last["action"])), default=None)
        found[user] = (
            *since,
            None if user == world.SYSTEM else _usage_class(newest, last["build"], changed, used),
            _label(rows, user),
            *(last[kind] for kind in ("visit", "data", "action", "build")),
        )
    return found


def models(rows: dict[str, list[Row]]) -> dict[str, tuple[Any, ...]]:
    """Return idle_days, idle_since, size, growth, events, uses, uses of 30 days, users and last user by model."""
    newest = max(event["event_day"] for event in rows["events"])
    of_model = _by(rows["events"], lambda event: event.get(f"{ATTRIBUTE}model_id"))
    found = {}
    for model in world.MODELS:
        versions = [row for row in rows["models"] if row["id"].lower() == model]
        now, first = versions[-1], versions[0]
        uses = [one for one in of_model[model] if kind_of_use(one)]
        used = _last(uses)
        modified = now.get("last_modified")
        since = idle(
            newest,
            ("last change", _day(modified) if modified and (not used or modified.date() > used.date()) else None),
            ("event", _day(used)),
            ("created", _day(now.get("iso_creation_date"))),
            ("first listed", _day(first["_dlt_valid_from"])),
        )
        found[model] = (
            *since,
            now["memory_usage"],
            now["memory_usage"] - first["memory_usage"] if len(versions) > 1 else None,
            len(of_model[model]),
            *_use_numbers(uses, newest),
            _label(rows, _last_user(uses)) if uses else None,
        )
    return found


def workspaces(rows: dict[str, list[Row]]) -> dict[str, tuple[Any, ...]]:
    """Return idle_days, size, growth, models, unused models, uses, uses of 30 days and users by workspace."""
    newest = max(event["event_day"] for event in rows["events"])
    place = {row["id"].lower(): row["current_workspace_id"] for row in rows["models"]}
    used = {event[f"{ATTRIBUTE}model_id"] for event in rows["events"] if kind_of_use(event) and _model(event)}
    found = {}
    for space in world.SPACES:
        versions = [row for row in rows["workspaces"] if row["id"] == space]
        uses = [one for one in rows["events"] if kind_of_use(one) and place.get(_model(one)) == space]
        listed = {
            row["id"].lower()
            for row in rows["models"]
            if row["current_workspace_id"] == space and row["_dlt_valid_to"] is None
        }
        sizes = [row.get("current_size") for row in versions]
        found[space] = (
            idle(newest, ("event", _day(_last(uses))), ("listed", _day(versions[0]["_dlt_valid_from"])))[0],
            sizes[-1],
            sizes[-1] - sizes[0] if len(sizes) > 1 else None,
            len(listed),
            len(listed - used),
            *_use_numbers(uses, newest),
        )
    return found


def assignments(rows: dict[str, list[Row]]) -> list[tuple[Any, ...]]:
    """Return user, role, model, start, by whom, end, by whom or why: replay the changes in order, one by one."""
    codes = {"AUTHZ-3": True, "USR-23": True, "AUTHZ-6": False, "USR-24": False}
    held: dict[tuple[Any, ...], Span] = {}
    spans: list[Span] = []
    touched: set[tuple[Any, ...]] = set()
    for one in sorted(rows["events"], key=lambda event: (event["event_date"], event["id"])):
        code, user = one["event_type_id"], (one.get(f"{ATTRIBUTE}target_user_id") or "").lower()
        actor, moment = _label(rows, one["user_id"]), one["event_date"]
        if code == "USR-29":
            for key in [key for key in held if key[0] == user]:
                held.pop(key)[5:] = [moment, "user deleted", actor]
            continue
        if code not in codes or one.get("success") is False:
            continue
        key = (user, _model(one), _role(one))
        first, given = key not in touched, codes[code]
        touched.add(key)
        if given and key not in held:
            for other in [other for other in held if key[1] and other[:2] == key[:2]]:
                held.pop(other)[5:] = [moment, "replaced", actor]
            held[key] = [*key, moment, actor, None, None, None]
            spans.append(held[key])
        elif not given and key in held:
            held.pop(key)[5:] = [moment, "revoked", actor]
        elif not given and first:
            spans.append([*key, None, "before the log", moment, "revoked", actor])
    left = {row["id"]: row["_dlt_valid_to"] for row in rows["users"] if row["_dlt_valid_to"]}
    for key, span in held.items():
        if key[0] in left and left[key[0]] >= span[3]:
            span[5:] = [left[key[0]], "user left", None]
    return sorted((tuple(span) for span in spans), key=str)


def _role(event: Row) -> str:
    for prefix, names in (("role", world.ROLES), ("model_role", world.MODEL_ROLES)):
        role, name = event.get(f"{ATTRIBUTE}{prefix}_id"), event.get(f"{ATTRIBUTE}{prefix}_name")
        if role or name:
            return str(name or names[role])
    raise AssertionError(event)


def _usage_class(newest: date, built: Any, changed: Any, used: Any) -> str:
    for name, moment in (("builder", built), ("contributor", changed), ("reader", used)):
        if moment and (newest - moment.date()).days < WINDOW:
            return name
    return "dormant" if used else "never came"


def _use_numbers(uses: list[Row], newest: date) -> tuple[int, int, int]:
    recent = [one for one in uses if (newest - one["event_day"]).days < 30]
    return len(uses), len(recent), len({one["user_id"] for one in uses} - {world.SYSTEM})


def _last_user(uses: list[Row]) -> str:
    newest = max(one["event_date"] for one in uses)
    return str(min(one["user_id"] for one in uses if one["event_date"] == newest))


def _label(rows: dict[str, list[Row]], user: str) -> str:
    listed = [row.get("first_name") or row.get("email") for row in rows["users"] if row["id"] == user]
    told = [one.get(f"{ATTRIBUTE}target_user_name") for one in rows["events"] if _target(one) == user]
    return next((name for name in [*listed, *told] if name), user)


def _target(event: Row) -> str:
    return (event.get(f"{ATTRIBUTE}target_user_id") or "").lower()


def _model(event: Row) -> Any:
    return event.get(f"{ATTRIBUTE}model_id")


def _by(events: list[Row], key: Any) -> defaultdict[Any, list[Row]]:
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for event in events:
        found[key(event)].append(event)
    return found


def _last(events: Iterable[Row]) -> datetime | None:
    return max((event["event_date"] for event in events), default=None)


def _day(moment: datetime | None) -> date | None:
    return moment.astimezone(timezone.utc).date() if moment else None
