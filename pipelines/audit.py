"""python -m pipelines.audit: load, enrich and check an Anaplan tenant's audit log.

Imports of dlt and DuckDB wait until a command needs them, so that `--help` answers at once.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from .exit_codes import CHECK_FAILED, DONE, HELP, INCOMPLETE, SIGN_IN, UNREACHABLE, code_of_source_error, explain

if TYPE_CHECKING:
    from .checks import CheckResult
    from .destination import Pipelines
    from .enrich import EnrichReport
    from .load import LoadResult

Seconds = dict[str, float]


class _Cli(click.Group):
    """Ends every command with its exit code, and an error with one line; a traceback only with --debug."""

    def invoke(self, context: click.Context) -> Any:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            code = super().invoke(context)
        except KeyboardInterrupt:
            click.echo("audit: interrupted. What was loaded is kept; run again to go on.", err=True)
            code = 128 + signal.SIGINT
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if context.meta.get(DEBUG):
                raise
            code, line = explain(error)
            click.echo(f"audit: {line}", err=True)
        sys.exit(code)


DEBUG = "pipelines.audit.debug"


@click.group(cls=_Cli, epilog=HELP, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keeps an Anaplan tenant's audit log: loads it, enriches it with SQL, checks the result."""


def _switch_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[DEBUG] = value
    if value:
        os.environ["RUNTIME__LOG_LEVEL"] = "INFO"


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_switch_debug,
    help="Log every step, and show the traceback of an error.",
)


def span_options(function: Callable[..., int]) -> Callable[..., int]:
    """Adds --since and --until."""
    day = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
    function = click.option("--until", type=day, help="Load only events before this UTC date (ISO).")(function)
    return click.option("--since", type=day, help="Load (again) the events from this UTC date (ISO) on.")(function)


full_refresh_option = click.option(
    "--full-refresh", is_flag=True, help="Rebuild the enriched tables from all raw events, which are never dropped."
)


@cli.command
@debug_option
@span_options
@full_refresh_option
def run(since: datetime | None, until: datetime | None, full_refresh: bool) -> int:
    """Load what is new, enrich it, check the result."""
    seconds: Seconds = {}
    with _pipelines() as (pipelines, progress):
        loaded = _load(pipelines, progress, since, until, seconds)
        enriched = _enrich(pipelines, full_refresh, seconds)
        results = _check(pipelines, seconds)
        _say_loaded(loaded)
        _say_enriched(enriched)
        _say_checked(results)
        _say_seconds(seconds)
    return _code_of_load(loaded) or _code_of_checks(results)


@cli.command
@debug_option
@span_options
def load(since: datetime | None, until: datetime | None) -> int:
    """Load what is new into the raw tables."""
    seconds: Seconds = {}
    with _pipelines() as (pipelines, progress):
        loaded = _load(pipelines, progress, since, until, seconds)
        _say_loaded(loaded)
        _say_seconds(seconds)
    return _code_of_load(loaded)


@cli.command
@debug_option
@full_refresh_option
def enrich(full_refresh: bool) -> int:
    """Bring the enriched tables up to the raw ones."""
    seconds: Seconds = {}
    with _pipelines() as (pipelines, _):
        _say_enriched(_enrich(pipelines, full_refresh, seconds))
        _say_seconds(seconds)
    return DONE


@cli.command
@debug_option
def check() -> int:
    """Run the data checks over the enriched tables."""
    seconds: Seconds = {}
    with _pipelines() as (pipelines, _):
        results = _check(pipelines, seconds)
        _say_checked(results)
        _say_seconds(seconds)
    return _code_of_checks(results)


@cli.command
@debug_option
def report() -> int:
    """Show sign-ins, most visited pages, most active users and busiest models."""
    from .report import print_summary

    with _pipelines() as (pipelines, _):
        print_summary(pipelines.enriched)
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


def _load(
    pipelines: "Pipelines", progress: Any, since: datetime | None, until: datetime | None, seconds: Seconds
) -> "LoadResult":
    from audit_source import Reload

    from .load import load as load_raw

    if since and until and since > until:
        raise click.UsageError("--since is later than --until.")
    reload = Reload(_ms(since), _ms(until)) if since or until else None
    with _timed("load", seconds):
        try:
            return load_raw(pipelines, reload, progress.run)
        finally:
            progress.clear()


def _enrich(pipelines: "Pipelines", full_refresh: bool, seconds: Seconds) -> "EnrichReport":
    from .destination import ENRICH_MEMORY
    from .enrich import enrich as enrich_all

    pipelines.limit_memory(ENRICH_MEMORY)
    with _timed("enrich", seconds):
        return enrich_all(pipelines.enriched, pipelines.raw, full_refresh=full_refresh)


def _check(pipelines: "Pipelines", seconds: Seconds) -> list["CheckResult"]:
    from .checks import check as check_all

    with _timed("check", seconds):
        return check_all(pipelines.enriched, pipelines.raw)


def _say_loaded(loaded: "LoadResult") -> None:
    run = loaded.run
    lists = ", ".join(f"{name} {changed} of {run.directory.get(name, 0)}" for name, changed in loaded.changes.items())
    click.echo(f"loaded    {run.new_events:,} new events, {run.late_events:,} of them late; {run.windows} windows")
    click.echo(f"directory {lists} changed")
    if run.new_columns.fields:
        click.echo(f"new       fields that Anaplan did not send before: {', '.join(run.new_columns.fields)}")
    if run.expired:
        first, last = _utc(run.expired[0].start), _utc(run.expired[-1].end)
        click.echo(
            f"audit: LOST: nothing was loaded from {first} to {last}, and Anaplan keeps it no longer. "
            "The gap stays in `event_windows` as `expired`. Schedule the pipeline more often than the retention.",
            err=True,
        )
    for window in run.incomplete:
        click.echo(
            f"audit: window {_utc(window.start)} to {_utc(window.end)}: {window.distinct} events arrived, "
            f"{window.reported} were reported. It stays `incomplete`; the next run takes it up.",
            err=True,
        )
    for problem in run.problems:
        click.echo(f"audit: {problem}", err=True)


def _say_enriched(report: "EnrichReport") -> None:
    click.echo(f"enriched  {report.line()}")


def _say_checked(results: list["CheckResult"]) -> None:
    failed = [result for result in results if not result.passed]
    click.echo(f"checked   {len(results) - len(failed)} of {len(results)} checks passed")
    for result in failed:
        click.echo(f"audit: {result.line()}", err=True)


def _say_seconds(seconds: Seconds) -> None:
    click.echo("seconds   " + ", ".join(f"{step} {taken:.1f}" for step, taken in seconds.items()))


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


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    cli(prog_name="python -m pipelines.audit")
