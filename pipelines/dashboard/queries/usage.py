"""Events, people and visits."""

from sqlglot import exp

from pipelines.common.figures import PAGE, PERSON

from ..filters import ACTOR, Filters
from .shapes import Query, by_day, ranking, select, total

DAYS = "count(distinct event_day) as days"


def daily_events(filters: Filters) -> Query:
    """Return event_day, events."""
    if filters.users and filters.places:
        return by_day("fct_events", "count(*) as events", filters.conditions())
    table = "agg_daily_users" if filters.users else "agg_daily_usage"
    conditions = filters.conditions(places=not filters.users, users=ACTOR if filters.users else ())
    return by_day(table, total("event_count", "events"), conditions)


def daily_people(filters: Filters) -> Query:
    """Return event_day, people: persons with an event on that day."""
    table, people = ("fct_events", "distinct user_id") if filters.places else ("agg_daily_users", "*")
    conditions = filters.conditions(places=filters.places)
    return by_day(table, f"count({people}) as people", conditions, where=PERSON)


def top_users(filters: Filters) -> Query:
    """Return user_id, events, days."""
    table, events = ("fct_events", "count(*) as events") if filters.places else _summed("agg_daily_users")
    conditions = filters.conditions(places=filters.places)
    return ranking(table, "user_id", [events, DAYS], conditions, where="user_id is not null")


def top_models(filters: Filters) -> Query:
    """Return model_id, model_name, workspace_name, events, days."""
    table, events = ("fct_events", "count(*) as events") if filters.users else _summed("agg_daily_usage")
    conditions = filters.conditions(users=ACTOR if filters.users else ())
    names = ("model_name", "workspace_name")
    return ranking(table, "model_id", [events, DAYS], conditions, names, where="model_id is not null")


def top_pages(filters: Filters) -> Query:
    """Return kind, object_id, object_name, app_name, model_name, visits, days. Models are in `top_models`."""
    table, visits, conditions = _visits(filters)
    names = ("object_name", "app_name", "model_name")
    return ranking(table, "kind, object_id", [visits, DAYS], conditions, names, where=PAGE)


def top_apps(filters: Filters) -> Query:
    """Return app_id, app_name, visits, days; a visit opens an app or one of its pages."""
    table, visits, conditions = _visits(filters)
    return ranking(table, "app_id", [visits, DAYS], conditions, ["app_name"], where="app_id is not null")


def daily_visits(filters: Filters) -> Query:
    """Return event_day, kind, visits."""
    table, visits, conditions = _visits(filters)
    return by_day(table, visits, conditions, by="kind")


def hourly_visits(filters: Filters) -> Query:
    """Return quarter, visits: a quarter of an hour, in quarters since 1970.

    Time zones differ by whole quarters. A time or a day would depend on the time zone of the session.
    """
    quarter = "cast(floor(epoch(occurred_at) / 900) as bigint)"
    return select(
        f"select {quarter} as quarter, count(*) as visits from fct_page_visits"
        f" where occurred_at is not null group by {quarter}",
        filters.conditions(),
    )


def _summed(table: str) -> tuple[str, str]:
    return table, total("event_count", "events")


def _visits(filters: Filters) -> tuple[str, str, list[exp.Condition]]:
    if filters.users or filters.workspaces:
        return "fct_page_visits", "count(*) as visits", filters.conditions()
    chosen = Filters(filters.first, filters.last, models=filters.models)
    return "agg_daily_pages", total("visit_count", "visits"), chosen.conditions()
