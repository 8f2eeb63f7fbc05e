"""Show what a purge removes, ask for confirmation, and report the result."""

import sys
from dataclasses import dataclass
from datetime import date

import click

from pipelines.backup.rewrite import rewrite
from pipelines.common.wording import counted
from pipelines.publish.writer import remove_older_versions
from pipelines.run.purge import check_day, purge, rows_before
from pipelines.run.purged_users import users_who_left
from pipelines.warehouse.engine import engine
from pipelines.warehouse.pipelines import Pipelines
from pipelines.warehouse.reader import open_reader

WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class PurgeRequest:
    """A confirmed purge: the first UTC day to keep, the rows to remove by table, and the ids of users to remove."""

    day: date
    counts: dict[str, int]
    user_ids: list[str]


def confirm_purge(day: date, yes: bool) -> PurgeRequest | None:
    """Show the rows of days before `day` by table, and ask whether to remove them. Return None for no.

    Raises:
        click.UsageError: Nobody can be asked, and `yes` is not set.
    """
    check_day(day)
    with open_reader(WAIT_SECONDS) as reader:
        is_empty = reader is None
        user_ids = users_who_left(reader, day)
        counts = rows_before(reader, day, user_ids)
    click.echo(f"before    {day} (UTC), in {engine().name}:")
    for table, rows in counts.items():
        click.echo(f"  {rows:>14,}  {table}")
    if not counts:
        click.echo("  nothing")
    if not yes:
        if not is_terminal():
            raise click.UsageError("Nobody can be asked here. Give --yes to remove these rows permanently.")
        if not _agreed():
            click.echo("Nothing was removed.")
            return None
    if is_empty:
        click.echo("Nothing was loaded yet.")
        return None
    return PurgeRequest(day, counts, user_ids)


def remove(pipelines: Pipelines, request: PurgeRequest) -> None:
    """Purge, and print how much was removed."""
    removed = purge(pipelines, request.day, request.counts, request.user_ids)
    click.echo(
        f"purged    {counted(removed.events, 'event')}, {counted(removed.rows, 'row')} in total, "
        f"of days before {request.day}"
    )


def clear_remains(copy: str | None) -> None:
    """Remove what deleted rows leave behind: freed blocks of the DuckDB file, and older published copies."""
    database_file = engine().database_file()
    if database_file is not None:
        rewrite(database_file)
        click.echo("rewritten the database file, without the removed rows")
    if copy is not None:
        remove_older_versions(copy)
    click.echo("Not reached: backups and exports.")
    if engine().keeps_purged_rows:
        click.echo(f"Kept for a while by {engine().keeps_purged_rows}.")


def is_terminal() -> bool:
    """Return whether a user can answer questions at the terminal."""
    return sys.stdin.isatty()


def _agreed() -> bool:
    try:
        return click.confirm("Remove these rows permanently?")
    except click.Abort:
        click.echo()
        return False
