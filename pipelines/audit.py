"""python -m pipelines.audit: load, enrich and check an Anaplan tenant's audit log.

Imports of dlt and DuckDB wait until a command needs them, so that `--help` answers at once.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.group import AuditGroup, debug_option
from pipelines.common.exit_codes import DONE, HELP
from pipelines.common.start_up import leave_out_what_is_for_others
from pipelines.run.steps import check_step, enrich_step, load_step, publish_step, publish_to
from pipelines.run.summary import note_outcome, say_checked, say_enriched, say_loaded, say_seconds

if TYPE_CHECKING:
    from pipelines.monitoring.run_record import RunRecord


class Seconds(click.FloatRange):
    """A number of seconds up to a day; `nan` is none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"`{value}` is no number of seconds.", param, ctx)
        return number


SECONDS = Seconds(0, 86_400)
DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group(cls=AuditGroup, epilog=HELP, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keeps an Anaplan tenant's audit log: loads it, enriches it with SQL, checks the result."""


def check_span(since: datetime | None, until: datetime | None) -> None:
    """Refuse a span that holds nothing, before anything is opened."""
    if since and until and since > until:
        raise click.UsageError("--since is later than --until.")


def span_options(function: Callable[..., int]) -> Callable[..., int]:
    """Adds --since and --until."""
    function = click.option("--until", type=DAY, help="Load only events before this UTC date (ISO).")(function)
    return click.option("--since", type=DAY, help="Load (again) the events from this UTC date (ISO) on.")(function)


accept_directory_option = click.option(
    "--accept-directory",
    is_flag=True,
    help="Apply a list of users, workspaces or models that lost more than `shrink_limit_percent` of its records.",
)
full_refresh_option = click.option(
    "--full-refresh", is_flag=True, help="Rebuild the enriched tables from all raw events, which are never dropped."
)
wait_option = click.option(
    "--wait",
    default=30.0,
    type=SECONDS,
    show_default=True,
    help="Seconds to wait for a run that holds the DuckDB file.",
)


@cli.command
@debug_option
@span_options
@full_refresh_option
@accept_directory_option
def run(since: datetime | None, until: datetime | None, full_refresh: bool, accept_directory: bool) -> int:
    """Load what is new, enrich it, check the result."""
    check_span(since, until)
    with _watched("run") as (pipelines, progress, record):
        copy = publish_to()
        loaded = load_step(pipelines, progress, since, until, record, accept_directory)
        enriched = enrich_step(pipelines, full_refresh, record)
        results = check_step(pipelines, record)
        say_loaded(loaded)
        say_enriched(enriched)
        say_checked(results)
        publish_step(pipelines, copy, record)
        say_seconds(record)
        note_outcome(record)
    return record.exit_code


@cli.command
@debug_option
@span_options
@accept_directory_option
def load(since: datetime | None, until: datetime | None, accept_directory: bool) -> int:
    """Load what is new into the raw tables."""
    check_span(since, until)
    with _watched("load") as (pipelines, progress, record):
        say_loaded(load_step(pipelines, progress, since, until, record, accept_directory))
        say_seconds(record)
        note_outcome(record)
    return record.exit_code


@cli.command
@debug_option
@full_refresh_option
def enrich(full_refresh: bool) -> int:
    """Bring the enriched tables up to the raw ones."""
    with _watched("enrich") as (pipelines, _, record):
        say_enriched(enrich_step(pipelines, full_refresh, record))
        say_seconds(record)
    return record.exit_code


@cli.command
@debug_option
def check() -> int:
    """Run the data checks over the enriched tables."""
    with _watched("check") as (pipelines, _, record):
        copy = publish_to()
        say_checked(check_step(pipelines, record))
        publish_step(pipelines, copy, record)
        say_seconds(record)
        note_outcome(record)
    return record.exit_code


@cli.command
@debug_option
@wait_option
def report(wait: float) -> int:
    """Show sign-ins, most visited pages, most active users and busiest models; changes nothing."""
    from pipelines.cli.report import print_summary
    from pipelines.common.configuration import check_settings

    check_settings()
    print_summary(wait)
    return DONE


@cli.command
@debug_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
@click.option("--max-age", default="3h", show_default=True, help="Age from which on the data is stale: 90m, 3h, 2d.")
@click.option(
    "--runs", default=10, type=click.IntRange(0, 100_000), show_default=True, help="How many of the last runs to list."
)
@wait_option
def status(as_json: bool, max_age: str, runs: int, wait: float) -> int:
    """Show how fresh and complete the data is; exit code 1 when stale, or when something is missing."""
    from pipelines.cli.status import parse_age, show_status
    from pipelines.common.configuration import check_settings

    age = parse_age(max_age)
    check_settings()
    return show_status(as_json, age, runs, wait)


@cli.command
@debug_option
def login() -> int:
    """Sign in by OAuth device code and keep the token for the runs to come."""
    from pipelines.cli.login import login as sign_in
    from pipelines.common.configuration import check_settings

    check_settings()
    sign_in()
    return DONE


@cli.command("check-access")
@debug_option
def check_access_command() -> int:
    """Sign in, and show what the account can see and what it lacks; changes nothing."""
    from pipelines.cli.check_access import check_access
    from pipelines.common.configuration import check_settings

    check_settings()
    return check_access()


@cli.command("export")
@debug_option
@click.argument("table")
@click.option(
    "--format", "file_format", type=click.Choice(["csv", "jsonl", "parquet"]), help="Default: as FILE, or csv."
)
@click.option(
    "--to", metavar="FILE", type=click.Path(dir_okay=False), help="File to write; standard output by default."
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option("--since", type=DAY, help="Rows from this UTC date on.")
@click.option("--until", type=DAY, help="Rows before this UTC date.")
@click.option("--user", help="Rows of the user with this id, name or e-mail address.")
@click.option("--workspace", help="Rows of the workspace with this id or name.")
@click.option("--model", help="Rows of the model with this id or name.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Rows with exactly this value; may be repeated.")
@wait_option
def export_command(
    table: str, file_format: str | None, to: str | None, force: bool, wait: float, **filters: Any
) -> int:
    """Write the rows of a raw or enriched TABLE as CSV, JSON lines or Parquet; changes nothing."""
    from pipelines.cli.export import export_table
    from pipelines.common.configuration import check_settings

    check_span(filters["since"], filters["until"])
    check_settings()
    return export_table(table, file_format, to, force, filters, wait)


@cli.command("purge")
@debug_option
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First UTC day to keep.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge_command(before: datetime, yes: bool) -> int:
    """Remove raw and enriched rows of days before a date, permanently.

    A DuckDB file is written anew without them, and older published copies go. Backups, exports and what a warehouse
    keeps for time travel are not reached: remove them yourself.
    """
    from pipelines.cli.purge import ask, clear_remains, remove
    from pipelines.common.configuration import check_settings

    check_settings()
    wanted = ask(before, yes)
    if wanted is None:
        return DONE
    with _watched("purge") as (pipelines, _, record):
        copy = publish_to()
        remove(pipelines, *wanted)
        say_checked(check_step(pipelines, record))
        publish_step(pipelines, copy, record)
        note_outcome(record)
    clear_remains(copy)
    return record.exit_code


@cli.command("acknowledge")
@debug_option
@click.argument("what", nargs=-1, required=True, metavar="gaps | incomplete | findings | FINDING_ID ...")
@click.option("--note", help="Why it may be closed; kept with it.")
def acknowledge_command(what: tuple[str, ...], note: str | None) -> int:
    """Close gaps, incomplete windows or findings that somebody has seen; `status` then counts them no more."""
    from contextlib import ExitStack

    from pipelines.monitoring.acknowledge import acknowledge
    from pipelines.warehouse.reader import Reader

    with _existing_pipelines() as (pipelines, _), ExitStack() as held:
        closed = acknowledge(pipelines, Reader(pipelines.raw.destination, held), what, note)
        click.echo(f"acknowledged {closed:,} that were open")
    return DONE


@contextmanager
def _pipelines() -> Iterator[Any]:
    from audit_source import Run
    from pipelines.cli.progress import Progress
    from pipelines.common.configuration import check_settings
    from pipelines.warehouse.pipelines import open_pipelines

    check_settings()
    progress = Progress(Run(tolerant=True))
    with open_pipelines(progress) as pipelines:
        yield pipelines, progress


@contextmanager
def _existing_pipelines() -> Iterator[Any]:
    """Open the pipelines of a command that works on what was loaded, and makes no database."""
    from pipelines.common.configuration import check_settings
    from pipelines.warehouse.reader import check_database_exists

    check_settings()
    check_database_exists()
    with _pipelines() as opened:
        yield opened


def _watched(command: str) -> "AbstractContextManager[tuple[Any, Any, RunRecord]]":
    from pipelines.run.lifecycle import watched

    return watched(command, _existing_pipelines if command in ("enrich", "check") else _pipelines)


# Also in the process that decodes.
if __name__ in ("__main__", "__mp_main__"):
    leave_out_what_is_for_others()

if __name__ == "__main__":
    cli(prog_name="python -m pipelines.audit")
