"""Licences and adoption: who and what is idle, and how many people use which app and workspace."""

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from pipelines.common.figures import (
    IDLE_DAYS,
    LICENCE,
    NEVER_CAME,
    PERSON,
    USED,
    idle_licence,
    idle_thing,
)
from pipelines.common.names import DIALECT

from ..filters import Filters
from .shapes import TOP, Query, count_if, newest_name, select

# Who used which app is in no aggregate.
APPS, WORKSPACES = "fct_page_visits", "agg_daily_model_users"


def licences(filters: Filters, days: int = IDLE_DAYS) -> Query:
    """Return licences, idle, never_came: people who may sign in."""
    idle, never = count_if(idle_licence(days), "idle"), count_if(NEVER_CAME, "never_came")
    sql = f"select count(*) as licences, {idle}, {never} from user_activity where {LICENCE}"
    return select(sql, filters.chosen_users())


def usage_classes(filters: Filters) -> Query:
    """Return usage_class, people: people who may sign in, by what they did up to the newest event."""
    return select(
        f"select usage_class, count(*) as people from user_activity where {LICENCE} group by usage_class"
        " order by people desc, usage_class",
        filters.chosen_users(),
    )


def idle_users(filters: Filters, days: int = IDLE_DAYS) -> Query:
    """Return the people with an idle licence, longest idle first."""
    # `dim_users_current` alone knows the workspaces, and has other columns of the same names.
    return select(
        "select user_label, usage_class, idle_days, idle_since, last_seen_at, last_login_at, workspace_count,"
        " first_listed_at, user_email, user_id"
        f" from user_activity left join (select user_id as entitled_id, workspace_count from dim_users_current) as e"
        f" on user_id = entitled_id where {idle_licence(days)} order by idle_days desc, user_id",
        filters.chosen_users(),
    )


def idle_models(filters: Filters, days: int = IDLE_DAYS) -> Query:
    """Return the idle models, longest idle first."""
    return select(
        "select model_label, workspace_name, active_state, idle_days, idle_since, use_count, user_count, size_bytes,"
        " growth_bytes, last_use_at, last_user_label, model_id"
        f" from model_activity where {idle_thing(days)} order by idle_days desc, model_id",
        filters.chosen_places(),
    )


def idle_workspaces(filters: Filters, days: int = IDLE_DAYS) -> Query:
    """Return the idle workspaces, longest idle first."""
    return select(
        "select workspace_label, is_active, idle_days, idle_since, use_count, user_count, model_count,"
        " unused_model_count, size_bytes, size_allowance, growth_bytes, last_use_at, last_user_label, workspace_id"
        f" from workspace_activity where {idle_thing(days)} order by idle_days desc, workspace_id",
        filters.chosen_workspaces(),
    )


def models(filters: Filters, days: int = IDLE_DAYS) -> Query:
    """Return models, idle, size_bytes of the idle ones, as far as sizes are known."""
    size = f"sum(case when {idle_thing(days)} then size_bytes end)"
    return select(
        f"select count(*) as models, {count_if(idle_thing(days), 'idle')}, cast({size} as bigint) as size_bytes"
        " from model_activity where is_listed and not is_removed",
        filters.chosen_places(),
    )


def workspaces(filters: Filters, days: int = IDLE_DAYS) -> Query:
    """Return workspaces, idle."""
    return select(
        f"select count(*) as workspaces, {count_if(idle_thing(days), 'idle')} from workspace_activity"
        " where is_listed and not is_removed",
        filters.chosen_workspaces(),
    )


def active(filters: Filters) -> Query:
    """Return people: persons with an event in the period."""
    table, conditions = _of_people(filters)
    return select(f"select count(distinct user_id) as people from {table} where {PERSON}", conditions)


def used(filters: Filters) -> Query:
    """Return models and workspaces that were used in the period."""
    measures = "count(distinct model_id) as models, count(distinct workspace_id) as workspaces"
    return select(f"select {measures} from {WORKSPACES} where {USED}", filters.conditions())


def weekly_people(filters: Filters) -> Query:
    """Return iso_year, iso_week, people: persons with an event, in whole weeks."""
    table, conditions = _of_people(filters.whole_weeks())
    return _weekly(table, "", [PERSON], conditions)


def weekly_by_app(filters: Filters) -> Query:
    """Return iso_year, iso_week, app_id, app_name, people."""
    return _weekly(APPS, "app", [PERSON, "app_id is not null"], filters.whole_weeks().conditions())


def weekly_by_workspace(filters: Filters) -> Query:
    """Return iso_year, iso_week, workspace_id, workspace_name, people."""
    return _weekly(
        WORKSPACES, "workspace", [PERSON, USED, "workspace_id is not null"], filters.whole_weeks().conditions()
    )


def apps(filters: Filters) -> Query:
    """Return app_id, app_name, people, people_before, visits; most people first."""
    return _compared(APPS, "app", PERSON, "1", "visits", filters)


def used_workspaces(filters: Filters) -> Query:
    """Return workspace_id, workspace_name, people, people_before, uses; most people first."""
    return _compared(WORKSPACES, "workspace", f"{PERSON} and {USED}", "use_count", "uses", filters)


def _of_people(filters: Filters) -> tuple[str, list[exp.Condition]]:
    """Return the smallest table that has people by day with these filters."""
    return (WORKSPACES if filters.places else "agg_daily_users"), filters.conditions(places=filters.places)


def _weekly(table: str, thing: str, where: Sequence[str], conditions: Sequence[exp.Condition]) -> Query:
    keys = ", ".join(["iso_year", "iso_week", *([f"{thing}_id"] if thing else [])])
    name = f", {newest_name(f'{thing}_name')}" if thing else ""
    # Databases begin their weeks on different days; `dim_date` does not.
    return select(
        f"select {keys}{name}, count(distinct user_id) as people from {table} inner join dim_date"
        f" on event_day = date_day where {' and '.join(where)} group by {keys} order by {keys}",
        conditions,
    )


def _compared(table: str, thing: str, who: str, amount: str, measure: str, filters: Filters) -> Query:
    """Return the things that most people used in the period, and how many people did in the period before."""
    before, key = filters.before(), f"{thing}_id"
    now, then = (part.span().sql(DIALECT) for part in (filters, before))
    people, earlier = (f"count(distinct case when {part} and {who} then user_id end)" for part in (now, then))
    return select(
        f"select {key}, {newest_name(f'{thing}_name')}, {people} as people, {earlier} as people_before,"
        f" cast(sum(case when {now} then {amount} else 0 end) as bigint) as {measure} from {table}"
        f" where {key} is not null group by {key} having {people} > 0 order by people desc, {key} limit {TOP}",
        replace(filters, first=before.first).conditions(),
    )
