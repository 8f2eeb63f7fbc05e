"""Access that people have: roles, workspaces, refusals, and what works with it."""

from sqlglot import exp

from pipelines.common.figures import ADMINISTRATOR, PERSON, SESSION

from ..filters import ACTOR, Filters
from .shapes import DETAILS, TOP, Query, by_day, newest_rows, select

HELD = "is_held"
REFUSED = "case when kind = 'model' then coalesce(model_name, object_name) else coalesce(sent_name, event_message) end"


def role_assignments(filters: Filters) -> Query:
    """Return who holds or held which role: first those held now, newest first."""
    columns = (
        "user_label, role_label, model_name, is_held, from_at, granted_by, to_at, end_reason, ended_by, user_id,"
        " assignment_id"
    )
    order = f"order by case when is_held then 0 else 1 end, from_at desc, assignment_id limit {DETAILS}"
    return select(f"select {columns} from role_assignments {order}", filters.chosen_users())


def holders(filters: Filters) -> Query:
    """Return roles, people, administrators: what is held at the end of the log."""
    people, administrators = (
        f"count(distinct case when {condition} then user_id end)"
        for condition in (PERSON, f"{PERSON} and {ADMINISTRATOR}")
    )
    return select(
        f"select count(*) as roles, {people} as people, {administrators} as administrators from role_assignments"
        f" where {HELD}",
        _of_roles(filters),
    )


def held_by(column: str, filters: Filters) -> Query:
    """Return the column, roles held, users; most roles first."""
    return select(
        f"select {column}, count(*) as roles, count(distinct user_id) as users from role_assignments where {HELD}"
        f" group by {column} order by roles desc, {column} limit {TOP}",
        _of_roles(filters),
    )


def held_roles(filters: Filters) -> Query:
    """Return the roles that are held and who gave them; the newest first."""
    return select(
        "select user_label, role_label, model_name, from_at, granted_by, role_kind, user_id, granted_by_user_id,"
        f" model_id, assignment_id from role_assignments where {HELD} order by from_at desc, assignment_id",
        _of_roles(filters),
    )


def ended_roles(filters: Filters) -> Query:
    """Return the roles that ended in the period, who gave them and who took them; the newest first."""
    return select(
        "select user_label, role_label, model_name, from_at, granted_by, to_at, end_reason, ended_by, user_id,"
        " granted_by_user_id, ended_by_user_id, model_id, assignment_id from role_assignments"
        f" order by to_at desc, assignment_id limit {DETAILS}",
        [*filters.moments("to_at", "to_at", ACTOR), *filters.chosen_places()],
    )


def entitled(filters: Filters) -> Query:
    """Return people and workspaces of the entitlements that hold now."""
    measures = "count(distinct user_id) as people, count(distinct workspace_id) as workspaces"
    return select(f"select {measures} from dim_user_entitlements where is_current", _of_entitlements(filters))


def entitled_by_workspace(filters: Filters) -> Query:
    """Return workspace_id, workspace_name, people; most people first."""
    return select(
        "select workspace_id, max(workspace_name) as workspace_name, count(distinct user_id) as people"
        " from dim_user_entitlements where is_current group by workspace_id order by people desc, workspace_id"
        f" limit {TOP}",
        _of_entitlements(filters),
    )


def entitlements(filters: Filters) -> Query:
    """Return the workspaces that each person may enter now."""
    return select(
        "select coalesce(user_name, user_email, user_id) as user_label, workspace_name, valid_from, user_email,"
        " user_id, workspace_id from dim_user_entitlements where is_current"
        " order by coalesce(user_name, user_email, user_id), user_id, workspace_name, workspace_id",
        _of_entitlements(filters),
    )


def refused(filters: Filters) -> Query:
    """Return refusals, users of refused access."""
    sql = "select count(*) as refusals, count(distinct user_id) as users from fct_denied_access"
    return select(sql, filters.conditions())


def daily_refusals(filters: Filters) -> Query:
    """Return event_day, kind, refusals."""
    return by_day("fct_denied_access", "count(*) as refusals", filters.conditions(), by="kind")


def refused_users(filters: Filters) -> Query:
    """Return user_id, user_label, refusals, last_at; most refusals first."""
    return select(
        "select user_id, max(user_label) as user_label, count(*) as refusals, max(occurred_at) as last_at"
        f" from fct_denied_access group by user_id order by refusals desc, user_id limit {TOP}",
        filters.conditions(),
    )


def refused_things(filters: Filters) -> Query:
    """Return kind, what, model_id, refusals, users, last_at; most refusals first."""
    return select(
        f"select kind, {REFUSED} as what, model_id, count(*) as refusals, count(distinct user_id) as users,"
        f" max(occurred_at) as last_at from fct_denied_access group by kind, {REFUSED}, model_id"
        f" order by refusals desc, kind, what, model_id limit {TOP}",
        filters.conditions(),
    )


def refusals(filters: Filters) -> Query:
    """Return the newest refusals."""
    columns = (
        "occurred_at, kind, event_message, user_label, sent_name, object_kind, object_name, workspace_name, model_name,"
        " message, ip_address, client, user_id, model_id, event_id"
    )
    return newest_rows(columns, "fct_denied_access", filters.conditions())


def uses(filters: Filters) -> Query:
    """Return events, api_events, api_users of sessions."""
    api_events = "cast(coalesce(sum(case when use_kind = 'api' then event_count end), 0) as bigint) as api_events"
    api_users = "count(distinct case when use_kind = 'api' then user_id end) as api_users"
    events = "cast(coalesce(sum(event_count), 0) as bigint) as events"
    return select(f"select {events}, {api_events}, {api_users} from fct_sessions", _of_sessions(filters))


def daily_uses(filters: Filters) -> Query:
    """Return event_day, use_kind, events."""
    events = "cast(sum(event_count) as bigint) as events"
    return by_day("fct_sessions", events, _of_sessions(filters), by="use_kind")


def clients(filters: Filters) -> Query:
    """Return client, use_kind, events, sessions, users; most events first."""
    return select(
        f"select client, use_kind, {_USE}, count(distinct user_id) as users from fct_sessions group by client, use_kind"
        f" order by events desc, client, use_kind limit {TOP}",
        _of_sessions(filters),
    )


def program_users(filters: Filters) -> Query:
    """Return user_label, client, events, sessions, failures, last_at, user_id of programs; most events first."""
    failures = "cast(sum(failure_count) as bigint) as failures"
    return select(
        f"select max(user_label) as user_label, client, {_USE}, {failures}, max(ended_at) as last_at, user_id"
        " from fct_sessions where use_kind = 'api' group by user_id, client"
        f" order by events desc, user_id, client limit {DETAILS}",
        _of_sessions(filters),
    )


def _of_roles(filters: Filters) -> list[exp.Condition]:
    return [*filters.chosen_users(), *filters.chosen_places()]


def _of_entitlements(filters: Filters) -> list[exp.Condition]:
    return [*filters.chosen_users(), *filters.chosen_workspaces()]


def _of_sessions(filters: Filters) -> list[exp.Condition]:
    return filters.conditions(places=False)


_USE = f"cast(sum(event_count) as bigint) as events, count(distinct {SESSION}) as sessions"
