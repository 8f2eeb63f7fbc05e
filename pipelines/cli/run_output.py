"""What the commands of a run print: one line for each result, warnings on standard error."""

from typing import TYPE_CHECKING

import click

from pipelines.common.text import printable
from pipelines.common.wording import contents_line, counted
from pipelines.run.summary import expired_line, not_forwarded_line, problems_of_load, source_problems

if TYPE_CHECKING:
    from pipelines.export.forward.sender import Forwarded
    from pipelines.monitoring.run_record import RunRecord
    from pipelines.run.history import HistoryResult
    from pipelines.run.load import LoadResult
    from pipelines.run.steps import CheckedReport, PublishResult
    from pipelines.transform.runner import EnrichReport


def warn(line: str) -> None:
    """Print a line to standard error in the form of all warnings and errors."""
    click.echo(f"audit: {line}", err=True)


def print_loaded(loaded: "LoadResult") -> None:
    """Print the result of a load."""
    from audit_source.drift import drift_line

    run = loaded.run
    lists = ", ".join(f"{name} {changed} of {run.directory.get(name, 0)}" for name, changed in loaded.changes.items())
    windows = counted(run.windows, "window")
    click.echo(f"loaded    {counted(run.new_events, 'new event')}, {run.late_events:,} of them late; {windows}")
    click.echo(f"directory {lists} changed")
    if run.contents and run.contents.models:
        click.echo(f"contents  {contents_line(run.contents.statuses, run.contents.models)}")
    for line in run.unread:
        click.echo(f"not read  {printable(line)}")
    if run.drift:
        click.echo(f"drift     first seen in this run, and loaded: {drift_line(run.drift)}")
    if run.expired:
        warn(expired_line(run.expired))
    for line in (*problems_of_load(run), *run.notices):
        warn(line)


def print_history(result: "HistoryResult | None") -> None:
    """Print the result of loading model history."""
    if result is None:
        return
    read, hidden = (result.statuses.get(status, 0) for status in ("complete", "forbidden"))
    click.echo(f"history   {counted(result.new_rows, 'new row')} from {counted(read, 'model')}")
    if result.rewritten:
        names = ", ".join(printable(name) for name in result.rewritten)
        click.echo(f"history   read as a whole, because the known rows were not its end: {names}")
    if hidden:
        warn(f"model history: the account has no access to {counted(hidden, 'model')}.")
    for line in (*source_problems(result.run.problems), *result.run.notices):
        warn(line)


def print_enriched(report: "EnrichReport") -> None:
    """Print the result of an enrichment."""
    click.echo(f"enriched  {report.line()}")


def print_checked(report: "CheckedReport") -> None:
    """Print the results of the checks."""
    results = report.results
    failed = [result for result in results if not result.passed]
    if report.scope:
        click.echo(f"checked   {len(results) - len(failed)} of {len(results)} checks passed {report.scope}")
    else:
        click.echo("checked   nothing changed since the last check")
    for result in failed:
        warn(result.line())


def print_published(results: "list[PublishResult]") -> None:
    """Print the result of each publication."""
    for result in results:
        if result.published is not None:
            click.echo(f"published {result.published.line()}")
        else:
            warn(result.error or f"nothing was published: `{result.path}` stays as it was until all checks pass.")


def print_forwarded(results: "list[Forwarded] | None") -> None:
    """Print what each target was given."""
    for result in results or ():
        click.echo(f"forwarded {counted(result.events, 'event')} to {result.target}")
        if result.error:
            warn(not_forwarded_line(result))


def print_seconds(record: "RunRecord") -> None:
    """Print the seconds of each step."""
    click.echo("seconds   " + ", ".join(f"{step} {taken:.1f}" for step, taken in record.seconds.items()))
