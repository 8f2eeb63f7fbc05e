"""Shows what a purge would remove, asks, and says what went."""

import sys
from datetime import date, datetime
from typing import Any

import click

from pipelines.common.wording import counted
from pipelines.publish.writer import remove_older_versions
from pipelines.run.purge import Purged, check_day, purge, rows_before
from pipelines.run.rewrite import rewrite
from pipelines.warehouse.engine import engine
from pipelines.warehouse.reader import open_reader

WAIT_SECONDS = 30.0


def ask(before: datetime, yes: bool) -> tuple[date, dict[str, int]] | None:
    """Shows the rows of days before a date by table, and asks whether they may go; None if not.

    Raises:
        click.UsageError: Nobody is there to be asked, and `yes` was not given.
    """
    day = before.date()
    check_day(day)
    with open_reader(WAIT_SECONDS) as reader:
        is_empty = reader is None
        counts = rows_before(reader, day)
    click.echo(f"before    {day} (UTC), in {engine().name}:")
    for table, rows in counts.items():
        click.echo(f"  {rows:>14,}  {table}")
    if not counts:
        click.echo("  nothing")
    if not yes:
        if not is_terminal():
            raise click.UsageError("Nobody can be asked here. Give --yes to remove these rows for ever.")
        if not _agreed():
            click.echo("Nothing was removed.")
            return None
    if is_empty:
        click.echo("Nothing was loaded yet.")
        return None
    return day, counts


def clear_remains(copy: str | None) -> None:
    """Remove what deleted rows leave behind: freed blocks of the DuckDB file, and the copy before the present one."""
    database_file = engine().database_file()
    if database_file is not None:
        rewrite(database_file)
        click.echo("rewritten the database file, without the removed rows")
    if copy is not None:
        remove_older_versions(copy)
    click.echo("Not reached: backups, exports, and what a warehouse keeps for time travel.")


def _agreed() -> bool:
    try:
        return click.confirm("Remove these rows for ever?")
    except click.Abort:
        click.echo()
        return False


def is_terminal() -> bool:
    return sys.stdin.isatty()


def remove(pipelines: Any, day: date, counts: dict[str, int]) -> Purged:
    """Purges, and says so."""
    removed = purge(pipelines, day, counts)
    click.echo(
        f"purged    {counted(removed.events, 'event')}, {counted(removed.rows, 'row')} in all, of days before {day}"
    )
    return removed
