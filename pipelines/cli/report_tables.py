"""The tables that a person reads after a run: sign-ins, pages, users, models."""

import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from pipelines.common.text import printable
from pipelines.warehouse.reader import ENRICHED, Reader, no_tables, open_reader

WIDTH = 100
ROWS = 8
# A text column is not made narrower than this.
NARROWEST = 8


@dataclass(frozen=True)
class SummaryTable:
    """One table of the summary."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


_SUMMARIES = (
    (
        "Sign-ins",
        ("outcome", "events", "users", "addresses", "first", "last"),
        """
        select outcome, count(*), count(distinct user_id), count(distinct ip_address),
            cast(min(event_day) as varchar), cast(max(event_day) as varchar)
        from fct_sign_ins
        group by outcome
        order by count(*) desc, outcome
        """,
    ),
    (
        "Most visited pages",
        ("page", "app or model", "kind", "visits", "users"),
        """
        select coalesce(max(page_name), max(object_name), max(object_id), '(unnamed)'),
            case when kind = 'dashboard' then max(model_name) else max(app_name) end, kind,
            count(*), count(distinct user_id)
        from fct_page_visits
        group by kind, case when kind = 'dashboard' then object_id else coalesce(page_id, object_id) end
        order by count(*) desc, kind, max(object_id)
        """,
    ),
    (
        "Most active users",
        ("user", "kind", "events", "days", "failed", "last day"),
        """
        select coalesce(max(user_name), max(user_id), '(nobody)'), max(user_kind), count(*), count(distinct event_day),
            sum(case when success = false then 1 else 0 end), cast(max(event_day) as varchar)
        from fct_events
        group by user_id
        order by count(*) desc, user_id
        """,
    ),
    (
        "Busiest models",
        ("model", "workspace", "events", "users", "days", "last day"),
        """
        select coalesce(max(model_name), model_id), max(workspace_name), count(*), count(distinct user_id),
            count(distinct event_day), cast(max(event_day) as varchar)
        from fct_events
        where model_id is not null
        group by model_id
        order by count(*) desc, model_id
        """,
    ),
)


def summary_tables(reader: Reader | None, rows: int = ROWS) -> list[SummaryTable]:
    """The summary of the enriched dataset, at most `rows` rows a table.

    Raises:
        PipelineError: Nothing was loaded and enriched yet.
    """
    found = []
    for title, columns, query in _SUMMARIES:
        answer = reader.tuples(ENRICHED, f"{query} limit {rows}") if reader else None
        if answer is None:
            raise no_tables()
        found.append(SummaryTable(title, columns, answer))
    return found


def print_summary(wait_seconds: float, rows: int = ROWS, width: int | None = None) -> None:
    """Prints the summary, as wide as the terminal but at most `WIDTH` columns.

    Raises:
        PipelineError: As `summary_tables`, or a run holds the DuckDB file for too long.
    """
    with open_reader(wait_seconds, with_tables=False) as reader:
        tables = summary_tables(reader, rows)
    width = width or min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    for table in tables:
        click.echo("\n".join(format_table(table, width)))


def format_table(table: SummaryTable, width: int = WIDTH) -> list[str]:
    """The lines of a table, none wider than `width`; numbers to the right, texts cut where there is no room."""
    lines = ["", table.title]
    if not table.rows:
        return [*lines, "  none"]
    cells = [[_text(value) for value in row] for row in table.rows]
    numeric = [all(isinstance(row[i], int) or row[i] is None for row in table.rows) for i in range(len(table.columns))]
    widths = _widths([list(table.columns), *cells], numeric, width)
    for row in [list(table.columns), *cells]:
        fitted = [_fit(cell, size, right) for cell, size, right in zip(row, widths, numeric, strict=False)]
        lines.append(("  " + "  ".join(fitted)).rstrip())
    return lines


def _widths(rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int) -> list[int]:
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    while sum(widths) + 2 * len(widths) > width:
        texts = [i for i, right in enumerate(numeric) if not right and widths[i] > NARROWEST]
        if not texts:
            break
        widths[max(texts, key=lambda i: widths[i])] -= 1
    return widths


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return printable(str(value))


def _columns(text: str) -> int:
    """Columns that a text takes on a terminal: none for combining marks, two for wide characters."""
    return sum(
        0 if unicodedata.category(one) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def _fit(text: str, size: int, right: bool) -> str:
    if _columns(text) > size:
        while _columns(text) > size - 1:
            text = text[:-1]
        text += "…"
    padding = " " * (size - _columns(text))
    return padding + text if right else text + padding
