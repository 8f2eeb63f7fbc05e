"""Terminal tables, and the summary of the enriched dataset: sign-ins, pages, users, models, failing integrations."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from io import StringIO
from typing import Any

import click

from pipelines.common.figures import PAGE, PERSON, idle_licence, idle_thing, newest_name
from pipelines.common.text import printable
from pipelines.warehouse.reader import ENRICHED, Reader, no_tables, open_reader

# The width of a file or a pipe, and the most of a terminal.
WIDTH, MOST_WIDTH = 80, 100
ROWS = 8
# A text column is never narrower than this.
NARROWEST = 8
# Columns of sentences, which are no use without their end.
WRAPPED, LONGEST_WRAPPED = ("reason",), 300


@dataclass(frozen=True)
class SummaryTable:
    """A table for the terminal."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


_SUMMARIES = (
    (
        "Sign-ins",
        ("outcome", "events", "people", "addresses", "first", "last"),
        f"""
        select outcome, count(*), count(distinct case when {PERSON} then user_id end), count(distinct ip_address),
            cast(min(event_day) as varchar), cast(max(event_day) as varchar)
        from fct_sign_ins
        group by outcome
        order by count(*) desc, outcome
        """,
    ),
    (
        "Most visited pages",
        ("page", "app or model", "kind", "visits", "users"),
        f"""
        select coalesce({newest_name("object_name")}, object_id, '(unnamed)'),
            case when kind = 'dashboard' then {newest_name("model_name")} else {newest_name("app_name")} end, kind,
            count(*), count(distinct user_id)
        from fct_page_visits
        where {PAGE}
        group by kind, object_id
        order by count(*) desc, kind, object_id
        """,
    ),
    (
        "Most active users",
        ("user", "kind", "events", "days", "failed", "last day"),
        """
        select coalesce(max(user_label), user_id), max(user_kind), count(*), count(distinct event_day),
            sum(case when success = false then 1 else 0 end), cast(max(event_day) as varchar)
        from fct_events
        where user_id is not null
        group by user_id
        order by count(*) desc, user_id
        """,
    ),
    (
        "Busiest models",
        ("model", "workspace", "events", "users", "days", "last day"),
        f"""
        select coalesce({newest_name("model_name")}, model_id), {newest_name("workspace_name")}, count(*),
            count(distinct user_id), count(distinct event_day), cast(max(event_day) as varchar)
        from fct_events
        where model_id is not null
        group by model_id
        order by count(*) desc, model_id
        """,
    ),
    (
        "Idle licences",
        ("user", "class", "idle days", "since"),
        f"""
        select user_label, usage_class, idle_days, idle_since
        from user_activity
        where {idle_licence()}
        order by idle_days desc, user_id
        """,
    ),
    (
        "Idle models",
        ("model", "workspace", "state", "idle days", "since", "users"),
        f"""
        select model_label, workspace_name, active_state, idle_days, idle_since, user_count
        from model_activity
        where {idle_thing()}
        order by idle_days desc, model_id
        """,
    ),
    (
        "Security findings",
        ("severity", "rule", "findings", "last (UTC)"),
        """
        select severity, rule, count(*), max(ended_at)
        from security_findings
        group by severity, rule
        order by case severity when 'high' then 0 when 'medium' then 1 else 2 end, count(*) desc, rule
        """,
    ),
)

# Shown only if an integration failed: many tenants have none.
_FAILING_INTEGRATIONS = (
    "Failing integrations",
    ("integration", "model", "runs", "failed", "last failure (UTC)", "reason"),
    """
    select coalesce(integration_name, integration_id), model_name, runs, failures, started_at,
        coalesce(message, error_code)
    from (
        select integration_id, integration_name, model_name, outcome, started_at, message, error_code,
            row_number() over (partition by integration_id, outcome order by started_at desc, run_id desc) as place,
            count(*) over (partition by integration_id, outcome) as failures,
            count(*) over (partition by integration_id) as runs
        from fct_integration_runs
    ) as counted
    where outcome = 'failure' and place = 1
    order by failures desc, integration_id
    """,
)


def summary_tables(reader: Reader | None, rows: int = ROWS) -> list[SummaryTable]:
    """Return the summary of the enriched dataset, with at most `rows` rows per table.

    Raises:
        PipelineError: Nothing was loaded and enriched yet.
    """
    found = []
    for title, columns, query in _SUMMARIES:
        answer = reader.tuples(ENRICHED, f"{query} limit {rows}") if reader else None
        if answer is None:
            raise no_tables()
        found.append(SummaryTable(title, columns, answer))
    title, columns, query = _FAILING_INTEGRATIONS
    # Tables that an older version enriched have no integrations.
    failing = reader.tuples(ENRICHED, f"{query} limit {rows}") if reader else None
    return [*found, *([SummaryTable(title, columns, failing)] if failing else [])]


def print_summary(wait_seconds: float, rows: int = ROWS, width: int | None = None) -> None:
    """Print the summary, as wide as the terminal but at most `MOST_WIDTH` columns.

    Raises:
        PipelineError: Nothing was loaded and enriched yet, or a run holds the DuckDB file for too long.
    """
    with open_reader(wait_seconds, with_tables=False) as reader:
        tables = summary_tables(reader, rows)
    for table in tables:
        click.echo("\n".join(format_table(table, width or terminal_width())))


def terminal_width() -> int:
    """Return the columns to use: those of the terminal, at most `MOST_WIDTH`, and `WIDTH` for a file or a pipe."""
    return min(MOST_WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)


def format_table(table: SummaryTable, width: int = WIDTH) -> list[str]:
    """Return the lines of a table, none wider than `width`: numbers on the right, long texts cut.

    The lines are plain text without colours, so that a terminal, a file and a pipe get the same.
    """
    if not table.rows:
        return ["", table.title, "  none"]
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(table.columns):
        is_numeric = all(isinstance(row[number], int) or row[number] is None for row in table.rows)
        # Only columns that may wrap are made narrower. Their cells are cut instead of wrapped, but for `WRAPPED`.
        grid.add_column(
            name, no_wrap=is_numeric, justify="right" if is_numeric else "left", min_width=min(len(name), NARROWEST)
        )
    for row in table.rows:
        grid.add_row(*(_cell(name, value) for name, value in zip(table.columns, row, strict=True)))
    out = StringIO()
    Console(file=out, width=width - 2, color_system=None, force_terminal=False, legacy_windows=False).print(grid)
    return ["", table.title, *(f"  {line}".rstrip() for line in out.getvalue().splitlines())]


def _cell(name: str, value: Any) -> Any:
    from rich.text import Text

    text = _text(value)
    if name in WRAPPED:
        short = text if len(text) <= LONGEST_WRAPPED else f"{text[: LONGEST_WRAPPED - 1]}…"
        return Text(short, overflow="fold")
    return Text(text, no_wrap=True, overflow="ellipsis")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value.astimezone(timezone.utc):%Y-%m-%d %H:%M}"
    return printable(str(value))
