"""Decide what the checks look at: all days, the days that were written since they last ran, or nothing.

Once in `full_check_every` days, after a failed check, and where an enrichment was never checked, they look at all days.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import dlt
from sqlglot import exp

from pipelines.common.configuration import full_check_every
from pipelines.common.wording import counted

from .graph import RAW_DAYS, Enrichment
from .runner import EnrichReport
from .summaries import Days, one_of

RESULTS = "check_results"
# Raw tables with a day that the enrichment does not read by day, but checks do.
_DAYS = {**RAW_DAYS, "event_windows": "window_day", "event_days": "event_day"}


@dataclass(frozen=True)
class Scope:
    """What the checks look at; `days` is None for all days. `is_needed` is false if nothing changed."""

    days: Days = None
    is_needed: bool = True

    @property
    def words(self) -> str:
        """The scope as the end of a sentence."""
        return "on all days" if self.days is None else f"on {counted(len(self.days), 'day')}"


@dataclass(frozen=True)
class _PastChecks:
    """Whether the last checks since a moment failed, whether any looked at all days, and the loads after the last."""

    has_full: bool
    last_failed: bool
    loads_after: set[str]


def scope_after(pipeline: dlt.Pipeline, report: EnrichReport) -> Scope:
    """Return what to check after an enrichment."""
    past = _past_checks(pipeline)
    is_proven = past is not None and past.has_full and not past.last_failed
    if past is None or not is_proven or past.loads_after - set(report.load_ids) or report.rebuilt:
        return Scope()
    if not report.load_ids:
        return Scope(set(), is_needed=False)
    return Scope(None if report.days is None else set(report.days))


def _past_checks(pipeline: dlt.Pipeline) -> _PastChecks | None:
    """Return the checks since all days were last due; None if there were none, or too old a version wrote them."""
    every = full_check_every()
    schema = pipeline.default_schema if pipeline.default_schema_name else None
    # A table of an older version has no such column: its checks count as too old.
    if not every or schema is None or "checked_days" not in schema.tables.get(RESULTS, {}).get("columns", {}):
        return None
    first_day = datetime.now(timezone.utc).date() - timedelta(days=every - 1)
    since = datetime.combine(first_day, time(), timezone.utc)
    with pipeline.sql_client() as client:
        results, loads = map(client.make_qualified_table_name, (RESULTS, schema.loads_table_name))
        stated = client.escape_column_name("_dlt_load_id")
        load = client.escape_column_name(schema.naming.normalize_identifier("load_id"))
        rows = client.execute_sql(
            "WITH past AS (SELECT checked_at, MAX(CASE WHEN checked_days IS NULL THEN 1 ELSE 0 END) AS is_full,"
            f" SUM(CASE WHEN status = 'passed' THEN 0 ELSE 1 END) AS failed, MAX({stated}) AS check_load"
            f" FROM {results} WHERE checked_at >= %s GROUP BY checked_at)"
            " SELECT checked_at, is_full, failed, check_load FROM past UNION ALL"
            f" SELECT NULL, NULL, NULL, {load} FROM {loads} WHERE {load} > (SELECT MAX(check_load) FROM past)",
            since,
        )
    checks = sorted((moment, full, failed) for moment, full, failed, _ in rows or [] if moment is not None)
    after = {str(load_id) for moment, *_, load_id in rows or [] if moment is None}
    return _PastChecks(any(full for _, full, _ in checks), bool(checks[-1][2]), after) if checks else None


def scan(table: str, day: str | None, days: Days) -> exp.Expr:
    """Return a table for `FROM`, limited to some days if it has a day column."""
    return exp.to_table(table) if days is None or day is None else _scan_of(table, day, days).subquery(table)


def _scan_of(table: str, day: str, days: set[date]) -> exp.Select:
    return exp.select("*").from_(exp.to_table(table)).where(one_of(day, days))


def around(days: Days) -> Days:
    """Return the days with the day before and the day after each: an event whose time changed moves to one of them."""
    return None if days is None else {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}


def day_by_day(query: exp.Select, day: str, enrichment: Enrichment, days: Days) -> exp.Select:
    """Return a check that looks at each day on its own, limited to some days.

    It reads the day after each of them too: an event at the very end of a window belongs to it.
    """
    if days is None:
        return query
    read = days | {one + timedelta(days=1) for one in days}
    narrow = query.copy()
    names = {cte.alias for cte in narrow.find_all(exp.CTE)}
    for table in list(narrow.find_all(exp.Table)):
        column = enrichment.day_column(table.name) or _DAYS.get(table.name)
        if column and table.name not in names:
            table.replace(_scan_of(table.name, column, read).subquery(table.alias or table.name))
    rows: Any = narrow.subquery("of_days")
    selected = [exp.column(name, "of_days") for name in query.named_selects]
    return exp.select(*selected).from_(rows).where(one_of(day, days))
