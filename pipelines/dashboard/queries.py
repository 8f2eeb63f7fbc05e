"""What the pages ask: one SELECT a question, from the smallest table that can answer it under the filters.

The aggregates know days, and either places or users. Where the reader chose what an aggregate does not hold,
the facts answer; both give the same numbers.
"""

from collections.abc import Sequence

from sqlglot import exp, parse_one

from ..model_files import DIALECT
from .filters import Filters

Query = exp.Select
TOP, DETAILS = 15, 500
# Their EXTRACT always counts in UTC, and sqlglot has no epoch for them; elsewhere the session's time zone decides.
UTC_DIALECTS = ("bigquery", "clickhouse")


def bounds() -> Query:
    """First and last day of the log."""
    return _select("select min(event_day) as first_day, max(event_day) as last_day from agg_daily_usage")


def last_load() -> Query:
    """When the enriched tables were last written."""
    return _select("select max(inserted_at) as loaded_at from _dlt_loads where status = 0")


def last_publication() -> Query:
    """When the copy was written."""
    return _select("select max(published_at) as loaded_at from _published")


def newest_event() -> Query:
    return _select("select max(last_seen_at) as newest_event from user_activity")


def places() -> Query:
    """Workspaces and models that events happened in."""
    return _select(
        f"select workspace_id, {_newest_name('workspace_name')}, model_id, {_newest_name('model_name')}"
        " from agg_daily_usage where workspace_id is not null or model_id is not null group by workspace_id, model_id"
    )


def people(limit: int) -> Query:
    """Users seen in the log, the most active first."""
    return _select(
        "select user_id, user_name, user_email from user_activity where is_seen"
        f" order by events desc, user_id limit {int(limit)}"
    )


def daily_events(filters: Filters) -> Query:
    """event_day, events."""
    if filters.users and filters.places:
        return _select("select event_day, count(*) as events from fct_events group by event_day", filters.conditions())
    table = "agg_daily_users" if filters.users else "agg_daily_usage"
    conditions = filters.conditions(places=not filters.users, users="user_id" if filters.users else None)
    sql = f"select event_day, cast(sum(events) as bigint) as events from {table} group by event_day"
    return _select(sql, conditions)


def daily_people(filters: Filters) -> Query:
    """event_day, people: persons with an event that day."""
    if filters.places:
        sql = "select event_day, count(distinct user_id) as people from fct_events where user_kind = 'person'"
    else:
        sql = "select event_day, count(*) as people from agg_daily_users where user_kind = 'person'"
    return _select(f"{sql} group by event_day", filters.conditions(places=filters.places))


def daily_sign_ins(filters: Filters) -> Query:
    """event_day, outcome (success or failure), sign_ins."""
    sql = "select event_day, outcome, count(*) as sign_ins from fct_sign_ins where kind = 'sign_in'"
    return _select(f"{sql} group by event_day, outcome", filters.conditions(places=False))


def signed_in(filters: Filters) -> Query:
    """people, attempts, failures: distinct users who signed in, and sign-ins in all."""
    return _select(
        "select count(distinct case when outcome = 'success' then user_id end) as people, count(*) as attempts,"
        " cast(coalesce(sum(case when outcome = 'failure' then 1 else 0 end), 0) as bigint) as failures"
        " from fct_sign_ins where kind = 'sign_in'",
        filters.conditions(places=False),
    )


def sign_ins_by(column: str, filters: Filters) -> Query:
    """The column, attempts, failures, users; the most failures first."""
    return _select(
        f"select {column}, count(*) as attempts,"
        " cast(sum(case when outcome = 'failure' then 1 else 0 end) as bigint) as failures,"
        " count(distinct user_id) as users from fct_sign_ins"
        f" where kind = 'sign_in' group by {column} order by failures desc, attempts desc, {column} limit {TOP}",
        filters.conditions(places=False),
    )


def users_failing(filters: Filters) -> Query:
    """user_id, user_name, failures, addresses; the most failures first."""
    return _select(
        f"select user_id, {_newest_name('user_name')}, count(*) as failures,"
        " count(distinct ip_address) as addresses, max(occurred_at) as last_at from fct_sign_ins"
        " where kind = 'sign_in' and outcome = 'failure' group by user_id"
        f" order by failures desc, user_id limit {TOP}",
        filters.conditions(places=False),
    )


def sign_in_events(filters: Filters, outcomes: Sequence[str]) -> Query:
    columns = "occurred_at, outcome, user_name, user_email, ip_address, client, message, user_id, event_id"
    chosen = exp.column("outcome").isin(*(exp.Literal.string(outcome) for outcome in outcomes))
    return _newest(columns, "fct_sign_ins", [*filters.conditions(places=False), chosen])


def top_users(filters: Filters) -> Query:
    """user_id, events, days."""
    table, events = ("fct_events", "count(*)") if filters.places else ("agg_daily_users", "sum(events)")
    return _select(
        f"select user_id, cast({events} as bigint) as events, count(distinct event_day) as days from {table}"
        f" where user_id is not null group by user_id order by events desc, user_id limit {TOP}",
        filters.conditions(places=filters.places),
    )


def top_models(filters: Filters) -> Query:
    """model_id, model_name, workspace_name, events, days."""
    table, events = ("fct_events", "count(*)") if filters.users else ("agg_daily_usage", "sum(events)")
    return _select(
        f"select model_id, {_newest_name('model_name')}, {_newest_name('workspace_name')},"
        f" cast({events} as bigint) as events, count(distinct event_day) as days from {table}"
        f" where model_id is not null group by model_id order by events desc, model_id limit {TOP}",
        filters.conditions(users="user_id" if filters.users else None),
    )


def top_pages(filters: Filters) -> Query:
    """kind, object_id, object_name, app_name, model_name, visits, days; models are among the busiest models instead."""
    return _visits(
        f"kind, object_id, {_newest_name('object_name')}, {_newest_name('app_name')}, {_newest_name('model_name')}",
        "kind in ('board', 'worksheet', 'report', 'dashboard')",
        "kind, object_id",
        filters,
    )


def top_apps(filters: Filters) -> Query:
    """app_id, app_name, visits, days; an app is visited by opening it or one of its pages."""
    return _visits(f"app_id, {_newest_name('app_name')}", "app_id is not null", "app_id", filters)


def daily_visits(filters: Filters) -> Query:
    """event_day, kind, visits."""
    table, visits, conditions = _visits_of(filters)
    sql = f"select event_day, kind, cast({visits} as bigint) as visits from {table} group by event_day, kind"
    return _select(sql, conditions)


def hourly_visits(filters: Filters, dialect: str) -> Query:
    """event_day, hour (UTC), visits."""
    hour = "extract(hour from occurred_at)" if dialect in UTC_DIALECTS else "floor(epoch(occurred_at) / 3600)"
    return _select(
        f"select event_day, cast({hour} as bigint) % 24 as hour, count(*) as visits from fct_page_visits"
        f" where occurred_at is not null group by event_day, cast({hour} as bigint) % 24",
        filters.conditions(),
    )


def changes(filters: Filters) -> Query:
    """changes, failures, users of model changes."""
    return _select(
        "select count(*) as changes, count(distinct user_id) as users, count(distinct model_id) as models,"
        " cast(coalesce(sum(case when success = false then 1 else 0 end), 0) as bigint) as failures"
        " from fct_model_changes",
        filters.conditions(),
    )


def daily_changes(filters: Filters) -> Query:
    """event_day, kind, changes."""
    sql = "select event_day, kind, count(*) as changes from fct_model_changes group by event_day, kind"
    return _select(sql, filters.conditions())


def changes_by(key: str, name: str, filters: Filters) -> Query:
    """The key, its name, changes, failures, users; the most changes first."""
    return _select(
        f"select {key}, {_newest_name(name)}, count(*) as changes,"
        " cast(sum(case when success = false then 1 else 0 end) as bigint) as failures,"
        " count(distinct user_id) as users from fct_model_changes"
        f" where {key} is not null group by {key} order by changes desc, {key} limit {TOP}",
        filters.conditions(),
    )


def what_was_run(filters: Filters) -> Query:
    """kind, object_name, model_name, runs, failures; names, for ids of actions are unique in their model only."""
    return _select(
        "select kind, coalesce(process_name, action_name, object_name) as run_name, max(model_name) as model_name,"
        " count(*) as runs, cast(sum(case when success = false then 1 else 0 end) as bigint) as failures,"
        " max(occurred_at) as last_at from fct_model_changes"
        " group by kind, coalesce(process_name, action_name, object_name), model_id"
        f" order by runs desc, kind, run_name limit {TOP}",
        filters.conditions(),
    )


def change_events(filters: Filters) -> Query:
    columns = (
        "occurred_at, kind, success, user_name, workspace_name, model_name, action_name, process_name,"
        " object_name, message, ip_address, user_id, event_id"
    )
    return _newest(columns, "fct_model_changes", filters.conditions())


def access(filters: Filters) -> Query:
    """changes, not_done, targets, roles of access changes."""
    return _select(
        "select count(*) as changes, count(distinct target_user_id) as targets,"
        " cast(coalesce(sum(case when outcome <> 'done' then 1 else 0 end), 0) as bigint) as not_done,"
        " cast(coalesce(sum(case when is_on_self then 1 else 0 end), 0) as bigint) as on_self"
        " from fct_access_changes",
        filters.conditions(),
    )


def daily_access(filters: Filters) -> Query:
    """event_day, action, changes."""
    sql = "select event_day, action, count(*) as changes from fct_access_changes group by event_day, action"
    return _select(sql, filters.conditions())


def access_by_kind(filters: Filters) -> Query:
    """kind, action, changes."""
    sql = "select kind, action, count(*) as changes from fct_access_changes group by kind, action"
    return _select(sql, filters.conditions())


def access_by(key: str, name: str, filters: Filters) -> Query:
    """The key, its name, changes; the most first."""
    return _select(
        f"select {key}, {_newest_name(name)}, count(*) as changes, max(occurred_at) as last_at"
        f" from fct_access_changes where {key} is not null group by {key} order by changes desc, {key} limit {TOP}",
        filters.conditions(),
    )


def access_events(filters: Filters) -> Query:
    columns = (
        "occurred_at, action, kind, outcome, user_name, target_user_name, role_name, workspace_name, model_name,"
        " object_name, message, ip_address, user_id, target_user_id, event_id"
    )
    return _newest(columns, "fct_access_changes", filters.conditions())


def findings(filters: Filters, limit: int = DETAILS) -> Query:
    """Findings whose events touch the days, the gravest and newest first."""
    return _select(
        "select severity, rule, finding, user_name, target_user_name, evidence_count, started_at, ended_at,"
        " user_id, target_user_id, evidence_event_ids, finding_id from security_findings"
        " order by case severity when 'high' then 0 when 'medium' then 1 else 2 end, ended_at desc, finding_id"
        f" limit {int(limit)}",
        filters.moments("started_at", "ended_at"),
    )


def findings_by_rule(filters: Filters) -> Query:
    """rule, severity, findings."""
    sql = "select rule, severity, count(*) as findings from security_findings group by rule, severity"
    return _select(sql, filters.moments("started_at", "ended_at"))


def rules() -> Query:
    return _select("select rule, severity, description from finding_rules")


def evidence(event_ids: Sequence[int]) -> Query:
    """The events behind a finding."""
    columns = (
        "occurred_at, event_message, success, user_name, target_user_name, object_name, role_name,"
        " workspace_name, model_name, ip_address, client, message, event_id"
    )
    ids = exp.column("event_id").isin(*(exp.Literal.number(int(event_id)) for event_id in event_ids))
    return _newest(columns, "fct_events", [ids])


def windows(filters: Filters) -> Query:
    """Windows of the raw dataset that lie in the days."""
    return _select(
        "select window_day, event_type, window_start, window_end, status, reported_events, distinct_events, checked_at"
        " from event_windows order by window_start, window_end",
        [filters.span("window_day")],
    )


def check_results() -> Query:
    """The newest run of the data checks."""
    return _select(
        "select check_name, status, failing_rows, first_rows, checked_at from check_results"
        " where checked_at = (select max(checked_at) from check_results) order by status, check_name"
    )


def _visits_of(filters: Filters) -> tuple[str, str, list[exp.Condition]]:
    if filters.users or filters.workspaces:
        return "fct_page_visits", "count(*)", filters.conditions()
    chosen = Filters(filters.first, filters.last, models=filters.models)
    return "agg_daily_pages", "sum(visits)", chosen.conditions()


def _visits(columns: str, condition: str, group: str, filters: Filters) -> Query:
    table, visits, conditions = _visits_of(filters)
    return _select(
        f"select {columns}, cast({visits} as bigint) as visits, count(distinct event_day) as days from {table}"
        f" where {condition} group by {group} order by visits desc, {group} limit {TOP}",
        conditions,
    )


def _newest_name(column: str) -> str:
    """The name on the newest day that has one: things are renamed. Days are text of equal length in every database."""
    dated = f"case when {column} is not null then concat(cast(event_day as varchar), {column}) end"
    return f"substr(max({dated}), 11) as {column}"


def _newest(columns: str, table: str, conditions: list[exp.Condition]) -> Query:
    sql = f"select {columns} from {table} order by occurred_at desc, event_id desc limit {DETAILS}"
    return _select(sql, conditions)


def _select(sql: str, conditions: Sequence[exp.Condition] = ()) -> Query:
    query = parse_one(sql, read=DIALECT)
    assert isinstance(query, exp.Select)
    return query.where(*conditions)
