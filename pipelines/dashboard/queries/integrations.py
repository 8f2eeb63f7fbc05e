"""Integrations of CloudWorks: their runs, failures and durations."""

from sqlglot import exp

from pipelines.common.names import DIALECT

from ..filters import ACTOR, Filters
from .shapes import DETAILS, TOP, Query, count_if, select

RUNS = "count(*) as runs"
FAILED = count_if("outcome = 'failure'", "failed")
AVERAGE = "cast(floor(avg(seconds)) as bigint)"
NAMES = "coalesce(max(integration_name), integration_id) as integration_name, max(model_name) as model_name"


def runs(filters: Filters) -> Query:
    """Return runs, failed, integrations, seconds (on average)."""
    ran = "count(distinct integration_id) as integrations"
    sql = f"select {RUNS}, {FAILED}, {ran}, {AVERAGE} as seconds from fct_integration_runs"
    return select(sql, _of_runs(filters))


def daily_runs(filters: Filters) -> Query:
    """Return day (days since 1970), outcome, runs.

    Runs have no day, and a cast of their start would depend on the time zone of the session.
    """
    day = "cast(floor(epoch(started_at) / 86400) as bigint)"
    sql = f"select {day} as day, outcome, {RUNS} from fct_integration_runs group by {day}, outcome"
    return select(sql, _of_runs(filters))


def failing(filters: Filters) -> Query:
    """Return integration_name, model_name, runs, failed, seconds (on average), last_at of those that failed."""
    return select(
        f"select {NAMES}, {RUNS}, {FAILED}, {AVERAGE} as seconds, max(started_at) as last_at"
        " from fct_integration_runs group by integration_id having max(case when outcome = 'failure' then 1 end) = 1"
        f" order by failed desc, runs desc, integration_id limit {TOP}",
        _of_runs(filters),
    )


def errors(filters: Filters) -> Query:
    """Return error_code, message, failed, integrations, last_at; most failures first."""
    return select(
        "select error_code, max(message) as message, count(*) as failed,"
        " count(distinct integration_id) as integrations, max(started_at) as last_at"
        " from fct_integration_runs where outcome = 'failure' group by error_code"
        f" order by failed desc, error_code limit {TOP}",
        _of_runs(filters),
    )


def durations(filters: Filters) -> Query:
    """Return integration_name, model_name, seconds (on average), longest, total_seconds, runs; the longest first."""
    return select(
        f"select {NAMES}, {AVERAGE} as seconds, max(seconds) as longest, cast(sum(seconds) as bigint) as total_seconds,"
        f" {RUNS} from fct_integration_runs where seconds is not null group by integration_id"
        f" order by {AVERAGE} desc, integration_id limit {TOP}",
        _of_runs(filters),
    )


def triggers(filters: Filters) -> Query:
    """Return trigger_source, runs, failed; most runs first."""
    return select(
        f"select trigger_source, {RUNS}, {FAILED} from fct_integration_runs group by trigger_source"
        f" order by runs desc, trigger_source limit {TOP}",
        _of_runs(filters),
    )


def failed_runs(filters: Filters) -> Query:
    """Return the newest failed runs of integrations."""
    return select(
        "select started_at as occurred_at, integration_name, error_code, message, model_name, workspace_name,"
        " process_name, triggered_by, trigger_source, seconds, user_id, model_id, run_id"
        f" from fct_integration_runs where outcome = 'failure' order by started_at desc, run_id limit {DETAILS}",
        _of_runs(filters),
    )


def listed(filters: Filters) -> Query:
    """Return the integrations with their runs in the period; most failures first."""
    counted = select(
        f"select integration_id, {RUNS}, {FAILED}, max(started_at) as last_at from fct_integration_runs"
        " group by integration_id",
        filters.moments("started_at", "started_at"),
    )
    return select(
        "select i.integration_name, i.integration_type, i.schedule_status, i.schedule_type,"
        " coalesce(r.runs, 0) as runs, coalesce(r.failed, 0) as failed, r.last_at, i.model_name,"
        " i.workspace_name, i.process_name, i.created_by, i.is_removed, i.created_at, i.modified_at,"
        f" i.model_id, i.integration_id from dim_integrations_current as i left join ({counted.sql(DIALECT)}) as r"
        " on i.integration_id = r.integration_id"
        f" order by coalesce(r.failed, 0) desc, i.is_removed, i.integration_name, i.integration_id limit {DETAILS}",
        filters.chosen_places(),
    )


def newest_run() -> Query:
    """Return integrations (known ones) and last_at, the start of the newest run, of the whole log."""
    return select(
        "select count(*) as integrations, (select max(started_at) from fct_integration_runs) as last_at"
        " from dim_integrations_current"
    )


def named_in_events() -> Query:
    """Return integrations: how many of them events of the whole log name."""
    return select("select count(distinct integration_id) as integrations from fct_events")


def _of_runs(filters: Filters) -> list[exp.Condition]:
    return [*filters.moments("started_at", "started_at", ACTOR), *filters.chosen_places()]
