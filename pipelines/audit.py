"""python -m pipelines.audit: load, enrich and check an Anaplan tenant's audit log.

Imports of dlt and DuckDB wait until a command needs them, so that `--help` answers at once.
"""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from .exit_codes import (
    CHECK_FAILED,
    DONE,
    HELP,
    INCOMPLETE,
    SIGN_IN,
    UNREACHABLE,
    code_of_source_error,
    explain_any,
)
from .interruption import interruptible, interruption_of, say_interrupted

if TYPE_CHECKING:
    from .checks import CheckResult
    from .destination import Pipelines
    from .enrich import EnrichReport
    from .load import LoadResult
    from .run_log import RunRecord

Seconds = dict[str, float]


class _Cli(click.Group):
    """Ends every command with its exit code, and an error with one line; a traceback only with --debug."""

    def invoke(self, context: click.Context) -> Any:
        try:
            with interruptible():
                code = super().invoke(context)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            interrupted = interruption_of(error) is not None
            code, line = explain_any(error)
            if context.meta.get(DEBUG) and not interrupted:
                click.echo(_redacted(traceback.format_exc()), err=True)
            if interrupted:
                say_interrupted()
            else:
                click.echo(f"audit: {_redacted(line)}", err=True)
        sys.exit(code)


DEBUG = "pipelines.audit.debug"
DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group(cls=_Cli, epilog=HELP, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keeps an Anaplan tenant's audit log: loads it, enriches it with SQL, checks the result."""


def _switch_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[DEBUG] = value
    # dlt logs what a driver says, and that may quote what the driver was given.
    logging.getLogger("dlt").addFilter(_without_secrets)
    if value:
        os.environ["RUNTIME__LOG_LEVEL"] = "INFO"
        logging.getLogger("dlt").removeFilter(_without_traceback)
    else:
        logging.getLogger("dlt").addFilter(_without_traceback)


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = _redacted(record.getMessage()), ()
    if record.exc_info:
        # Where it is set, handlers take it for the traceback.
        record.exc_text = _redacted("".join(traceback.format_exception(*record.exc_info)))
    return True


def _without_traceback(record: logging.LogRecord) -> bool:
    """What failed is told by the last line; dlt logs its traceback besides, twice."""
    return "Traceback (most recent call last)" not in record.getMessage()


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_switch_debug,
    help="Log every step, and show the traceback of an error.",
)


def span_options(function: Callable[..., int]) -> Callable[..., int]:
    """Adds --since and --until."""
    function = click.option("--until", type=DAY, help="Load only events before this UTC date (ISO).")(function)
    return click.option("--since", type=DAY, help="Load (again) the events from this UTC date (ISO) on.")(function)


full_refresh_option = click.option(
    "--full-refresh", is_flag=True, help="Rebuild the enriched tables from all raw events, which are never dropped."
)
wait_option = click.option(
    "--wait", default=30.0, show_default=True, help="Seconds to wait for a run that holds the DuckDB file."
)


@cli.command
@debug_option
@span_options
@full_refresh_option
def run(since: datetime | None, until: datetime | None, full_refresh: bool) -> int:
    """Load what is new, enrich it, check the result."""
    with _watched("run") as (pipelines, progress, record):
        copy = _publish_path()
        loaded = _load(pipelines, progress, since, until, record)
        enriched = _enrich(pipelines, full_refresh, record)
        results = _check(pipelines, record)
        _say_loaded(loaded)
        _say_enriched(enriched)
        _say_checked(results)
        _publish(pipelines, copy, record)
        _say_seconds(record)
        _note_outcome(record)
    return record.exit_code


@cli.command
@debug_option
@span_options
def load(since: datetime | None, until: datetime | None) -> int:
    """Load what is new into the raw tables."""
    with _watched("load") as (pipelines, progress, record):
        _say_loaded(_load(pipelines, progress, since, until, record))
        _say_seconds(record)
        _note_outcome(record)
    return record.exit_code


@cli.command
@debug_option
@full_refresh_option
def enrich(full_refresh: bool) -> int:
    """Bring the enriched tables up to the raw ones."""
    with _watched("enrich") as (pipelines, _, record):
        _say_enriched(_enrich(pipelines, full_refresh, record))
        _say_seconds(record)
    return record.exit_code


@cli.command
@debug_option
def check() -> int:
    """Run the data checks over the enriched tables."""
    with _watched("check") as (pipelines, _, record):
        copy = _publish_path()
        _say_checked(_check(pipelines, record))
        _publish(pipelines, copy, record)
        _say_seconds(record)
        _note_outcome(record)
    return record.exit_code


@cli.command
@debug_option
@wait_option
def report(wait: float) -> int:
    """Show sign-ins, most visited pages, most active users and busiest models; changes nothing."""
    from .configuration import check_settings
    from .report import print_summary

    check_settings()
    print_summary(wait)
    return DONE


@cli.command
@debug_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
@click.option("--max-age", default="3h", show_default=True, help="Age from which on the data is stale: 90m, 3h, 2d.")
@click.option("--runs", default=10, show_default=True, help="How many of the last runs to list.")
@wait_option
def status(as_json: bool, max_age: str, runs: int, wait: float) -> int:
    """Show how fresh and complete the data is; exit code 1 when stale, or when something is missing."""
    from .configuration import check_settings
    from .status_command import show_status

    check_settings()
    return show_status(as_json, max_age, runs, wait)


@cli.command
@debug_option
def login() -> int:
    """Sign in by OAuth device code and keep the token for the runs to come."""
    from .configuration import check_settings
    from .login import login as sign_in

    check_settings()
    sign_in()
    return DONE


@cli.command("check-access")
@debug_option
def check_access_command() -> int:
    """Sign in, and show what the account can see and what it lacks; changes nothing."""
    from .check_access import check_access
    from .configuration import check_settings

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
    from .configuration import check_settings
    from .export_command import export_table

    check_settings()
    return export_table(table, file_format, to, force, filters, wait)


@cli.command("purge")
@debug_option
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First UTC day to keep.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge_command(before: datetime, yes: bool) -> int:
    """Remove raw and enriched rows of days before a date, for ever."""
    from .configuration import check_settings
    from .purge_command import ask, remove

    check_settings()
    wanted = ask(before, yes)
    if wanted is None:
        return DONE
    with _watched("purge") as (pipelines, _, record):
        copy = _publish_path()
        remove(pipelines, *wanted)
        _say_checked(_check(pipelines, record))
        _publish(pipelines, copy, record)
        _note_outcome(record)
    return record.exit_code


@cli.command("acknowledge")
@debug_option
@click.argument("what", nargs=-1, required=True, metavar="gaps | findings | FINDING_ID ...")
@click.option("--note", help="Why it may be closed; kept with it.")
def acknowledge_command(what: tuple[str, ...], note: str | None) -> int:
    """Close gaps or findings that somebody has seen; `status` then counts them no more."""
    from contextlib import ExitStack

    from .acknowledge import acknowledge
    from .reading import Reader

    with _pipelines() as (pipelines, _), ExitStack() as held:
        closed = acknowledge(pipelines, Reader(pipelines.raw.destination, held), what, note)
        click.echo(f"acknowledged {closed:,} that were open")
    return DONE


@contextmanager
def _pipelines() -> Iterator[Any]:
    from audit_source import Run

    from .configuration import check_settings
    from .destination import open_pipelines
    from .progress import Progress

    check_settings()
    progress = Progress(Run(tolerant=True))
    with open_pipelines(progress) as pipelines:
        yield pipelines, progress


def _watched(command: str) -> "AbstractContextManager[tuple[Any, Any, RunRecord]]":
    from .watch import watched

    return watched(command, _pipelines)


def _load(
    pipelines: "Pipelines", progress: Any, since: datetime | None, until: datetime | None, record: "RunRecord"
) -> "LoadResult":
    from audit_source import Reload

    from .load import load as load_raw

    if since and until and since > until:
        raise click.UsageError("--since is later than --until.")
    reload = Reload(_ms(since), _ms(until)) if since or until else None
    with _timed("load", record.seconds):
        try:
            record.loaded = load_raw(pipelines, reload, progress.run)
        finally:
            progress.clear()
    return record.loaded


def _enrich(pipelines: "Pipelines", full_refresh: bool, record: "RunRecord") -> "EnrichReport":
    from .destination import ENRICH_MEMORY
    from .enrich import enrich as enrich_all

    pipelines.limit_memory(ENRICH_MEMORY)
    with _timed("enrich", record.seconds):
        return enrich_all(pipelines.enriched, pipelines.raw, full_refresh=full_refresh)


def _check(pipelines: "Pipelines", record: "RunRecord") -> list["CheckResult"]:
    from .checks import check as check_all

    with _timed("check", record.seconds):
        record.checked = check_all(pipelines.enriched, pipelines.raw)
    return record.checked


def _publish_path() -> str | None:
    from .publish import publish_path

    return publish_path()


def _publish(pipelines: "Pipelines", path: str | None, record: "RunRecord") -> None:
    """Publishes the enriched dataset, where that is wanted and every check passed."""
    from .publish import publish

    if path is None:
        return
    if _code_of_checks(record.checked or []) != DONE:
        click.echo(f"audit: nothing was published: `{path}` stays as it was until the checks pass.", err=True)
        return
    with _timed("publish", record.seconds):
        published = publish(pipelines, path)
    click.echo(f"published {published.line()}")


def _say_loaded(loaded: "LoadResult") -> None:
    from audit_source.drift import told_in_one_line

    run = loaded.run
    lists = ", ".join(f"{name} {changed} of {run.directory.get(name, 0)}" for name, changed in loaded.changes.items())
    click.echo(f"loaded    {run.new_events:,} new events, {run.late_events:,} of them late; {run.windows} windows")
    click.echo(f"directory {lists} changed")
    if run.drift:
        click.echo(f"drift     first seen in this run, and loaded: {told_in_one_line(run.drift)}")
    if run.expired:
        first, last = _utc(run.expired[0].start), _utc(run.expired[-1].end)
        click.echo(
            f"audit: LOST: nothing was loaded from {first} to {last}, and Anaplan keeps it no longer. "
            "The gap stays in `event_windows` as `expired`. Schedule the pipeline more often than the retention.",
            err=True,
        )
    if run.incomplete:
        click.echo(f"audit: {_line_of_incomplete(run.incomplete)}", err=True)
    for problem in run.problems:
        click.echo(f"audit: {problem}", err=True)


def _line_of_incomplete(windows: list[Any]) -> str:
    arrived, reported = (sum(getattr(window, name) or 0 for window in windows) for name in ("distinct", "reported"))
    which = "window" if len(windows) == 1 else f"{len(windows)} windows,"
    counted = f"{arrived} events arrived, {reported} were reported" if reported else "not all events arrived"
    return (
        f"{which} {_utc(windows[0].start)} to {_utc(windows[-1].end)}: {counted}. "
        "What arrived is loaded; the rest stays `incomplete`, and the next run takes it up."
    )


def _say_enriched(report: "EnrichReport") -> None:
    click.echo(f"enriched  {report.line()}")


def _say_checked(results: list["CheckResult"]) -> None:
    failed = [result for result in results if not result.passed]
    click.echo(f"checked   {len(results) - len(failed)} of {len(results)} checks passed")
    for result in failed:
        click.echo(f"audit: {result.line()}", err=True)


def _say_seconds(record: "RunRecord") -> None:
    click.echo("seconds   " + ", ".join(f"{step} {taken:.1f}" for step, taken in record.seconds.items()))


def _note_outcome(record: "RunRecord") -> None:
    """Gives the record what a command ends with that went through."""
    lines = []
    if record.loaded:
        lines += [str(problem) for problem in record.loaded.run.problems]
        if record.loaded.run.incomplete:
            lines.append(_line_of_incomplete(record.loaded.run.incomplete))
    lines += [result.short_line() for result in record.checked or [] if not result.passed]
    code = _code_of_load(record.loaded) if record.loaded else DONE
    record.fail(code or _code_of_checks(record.checked or []), " ".join(lines))


def _code_of_load(loaded: "LoadResult") -> int:
    codes = [code_of_source_error(problem) for problem in loaded.run.problems]
    for code in (SIGN_IN, UNREACHABLE):
        if code in codes:
            return code
    return INCOMPLETE if loaded.run.incomplete else DONE


def _code_of_checks(results: list["CheckResult"]) -> int:
    return DONE if all(result.passed for result in results) else CHECK_FAILED


@contextmanager
def _timed(step: str, seconds: Seconds) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[step] = time.monotonic() - began


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _redacted(line: str) -> str:
    from .redaction import redact

    return redact(line)


if __name__ == "__main__":
    # dlt looks for secrets in streamlit wherever that is installed: half a second and 60 MB for nothing.
    sys.modules["streamlit"] = None  # type: ignore[assignment]
    cli(prog_name="python -m pipelines.audit")
