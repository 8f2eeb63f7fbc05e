"""Changes of models and of access, and exports."""

from ..filters import ACTOR_OR_TARGET, Filters
from .shapes import TOP, Query, by_day, count_if, newest_rows, ranking, select

CHANGES = "count(*) as changes"
FAILURES = count_if("success = false", "failures")
LAST = "max(occurred_at) as last_at"


def changes(filters: Filters) -> Query:
    """Return changes, failures, users and models of model changes."""
    users, models = "count(distinct user_id) as users", "count(distinct model_id) as models"
    return select(f"select {CHANGES}, {users}, {models}, {FAILURES} from fct_model_changes", filters.conditions())


def daily_changes(filters: Filters) -> Query:
    """Return event_day, kind, changes."""
    return by_day("fct_model_changes", CHANGES, filters.conditions(), by="kind")


def changes_by(key: str, name: str, filters: Filters) -> Query:
    """Return the key, its name, changes, failures, users; most changes first."""
    measures = [CHANGES, FAILURES, "count(distinct user_id) as users"]
    return ranking("fct_model_changes", key, measures, filters.conditions(), [name], where=f"{key} is not null")


def what_was_run(filters: Filters) -> Query:
    """Return kind, run_name, model_name, runs, failures, last_at.

    Group by name and model: ids of actions are unique only within their model.
    """
    run = "coalesce(process_name, action_name, object_name)"
    return select(
        f"select kind, {run} as run_name, max(model_name) as model_name, count(*) as runs, {FAILURES}, {LAST}"
        f" from fct_model_changes group by kind, {run}, model_id order by runs desc, kind, run_name limit {TOP}",
        filters.conditions(),
    )


def exports(filters: Filters) -> Query:
    """Return export_name, model_name, export_format, downloads, users, last_at; most downloads first."""
    return select(
        "select export_name, max(model_name) as model_name, export_format, count(*) as downloads,"
        f" count(distinct user_id) as users, {LAST} from fct_model_changes where kind = 'export'"
        " and export_name is not null group by export_name, export_format, model_id"
        f" order by downloads desc, export_name, model_id, export_format limit {TOP}",
        filters.conditions(),
    )


def change_events(filters: Filters) -> Query:
    """Return the newest changes of models."""
    columns = (
        "occurred_at, kind, success, user_label, workspace_name, model_name, action_name, process_name, export_format,"
        " object_name, message, ip_address, user_id, event_id"
    )
    return newest_rows(columns, "fct_model_changes", filters.conditions())


def access(filters: Filters) -> Query:
    """Return changes, targets, not_done, on_self of access changes."""
    targets = "count(distinct target_user_id) as targets"
    not_done, on_self = count_if("outcome <> 'done'", "not_done"), count_if("is_on_self", "on_self")
    sql = f"select {CHANGES}, {targets}, {not_done}, {on_self} from fct_access_changes"
    return select(sql, filters.conditions(users=ACTOR_OR_TARGET))


def daily_access(filters: Filters) -> Query:
    """Return event_day, action, changes."""
    return by_day("fct_access_changes", CHANGES, filters.conditions(users=ACTOR_OR_TARGET), by="action")


def access_by_kind(filters: Filters) -> Query:
    """Return kind, action, changes; most changes first."""
    sql = f"select kind, action, {CHANGES} from fct_access_changes group by kind, action"
    return select(f"{sql} order by changes desc, kind, action", filters.conditions(users=ACTOR_OR_TARGET))


def access_by(key: str, name: str, filters: Filters) -> Query:
    """Return the key, its name, changes, last_at; most changes first."""
    conditions = filters.conditions(users=ACTOR_OR_TARGET)
    return ranking("fct_access_changes", key, [CHANGES, LAST], conditions, [name], where=f"{key} is not null")


def access_events(filters: Filters) -> Query:
    """Return the newest changes of access."""
    columns = (
        "occurred_at, action, kind, outcome, user_label, target_user_label, role_name, workspace_name, model_name,"
        " object_name, message, ip_address, user_id, target_user_id, event_id"
    )
    return newest_rows(columns, "fct_access_changes", filters.conditions(users=ACTOR_OR_TARGET))
