"""What a run came to: the lines it says, and the code it ends with."""

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from pipelines.common.exit_codes import CHECK_FAILED, DONE, INCOMPLETE, SIGN_IN, UNREACHABLE, code_of_source_error
from pipelines.common.source_hints import source_error_line
from pipelines.common.wording import counted

if TYPE_CHECKING:
    from pipelines.monitoring.run_record import RunRecord
    from pipelines.transform.checks import CheckResult
    from pipelines.transform.runner import EnrichReport

    from .load import LoadResult


def say_loaded(loaded: "LoadResult") -> None:
    from audit_source.drift import drift_line

    run = loaded.run
    lists = ", ".join(f"{name} {changed} of {run.directory.get(name, 0)}" for name, changed in loaded.changes.items())
    windows = counted(run.windows, "window")
    click.echo(f"loaded    {counted(run.new_events, 'new event')}, {run.late_events:,} of them late; {windows}")
    click.echo(f"directory {lists} changed")
    if run.drift:
        click.echo(f"drift     first seen in this run, and loaded: {drift_line(run.drift)}")
    if run.expired:
        first, last = _utc(run.expired[0].start), _utc(run.expired[-1].end)
        click.echo(
            f"audit: LOST: nothing was loaded from {first} to {last}, and Anaplan keeps it no longer. "
            "The gap stays in `event_windows` as `expired`. Schedule the pipeline more often than the retention.",
            err=True,
        )
    for line in (*_lines_of_load(run), *run.notices):
        click.echo(f"audit: {line}", err=True)


def _lines_of_load(run: Any) -> list[str]:
    """Return a line for each kind of thing that went wrong in a load."""
    lines = problem_lines(run.problems)
    if run.incomplete:
        incomplete = _line_of_incomplete(run.incomplete)
        unanswered = lines and all(window.distinct is None for window in run.incomplete)
        # What was not answered is the reason: one line for both.
        lines[-1:] = (
            [f"{lines[-1]} {incomplete[0].upper()}{incomplete[1:]}"] if unanswered else [*lines[-1:], incomplete]
        )
    return [*lines, *map(_line_of_shrunk, run.shrunk)]


def _line_of_shrunk(shrunk: tuple[str, int, int]) -> str:
    name, before, now = shrunk
    return (
        f"list of {name}: {now:,} of {before:,} records are left, which looks like a lost right. It was not applied. "
        "Check the account's roles; if the list is right, run once with --accept-directory."
    )


def problem_lines(problems: list[Any]) -> list[str]:
    """Return a line for each reason, with the number of other addresses that failed for the same."""
    by_reason: dict[str, list[Any]] = {}
    for problem in problems:
        by_reason.setdefault(problem.reason, []).append(problem)
    return [
        f"{source_error_line(first)}{f' The same happened at {len(more)} more addresses.' if more else ''}"
        for first, *more in by_reason.values()
    ]


def _line_of_incomplete(windows: list[Any]) -> str:
    arrived, reported = (sum(getattr(window, name) or 0 for window in windows) for name in ("distinct", "reported"))
    which = "window" if len(windows) == 1 else f"{len(windows)} windows,"
    counted = f"{arrived} events arrived, {reported} were reported" if reported else "not all events arrived"
    return (
        f"{which} {_utc(windows[0].start)} to {_utc(windows[-1].end)}: {counted}. "
        "What arrived is loaded; the rest stays `incomplete`, and the next run takes it up."
    )


def say_enriched(report: "EnrichReport") -> None:
    click.echo(f"enriched  {report.line()}")


def say_checked(results: list["CheckResult"]) -> None:
    failed = [result for result in results if not result.passed]
    click.echo(f"checked   {len(results) - len(failed)} of {len(results)} checks passed")
    for result in failed:
        click.echo(f"audit: {result.line()}", err=True)


def say_seconds(record: "RunRecord") -> None:
    click.echo("seconds   " + ", ".join(f"{step} {taken:.1f}" for step, taken in record.seconds.items()))


def note_outcome(record: "RunRecord") -> None:
    """Gives the record what a command ends with that went through."""
    lines = []
    if record.loaded:
        lines += _lines_of_load(record.loaded.run)
    lines += [result.short_line() for result in record.checked or [] if not result.passed]
    code = _code_of_load(record.loaded) if record.loaded else DONE
    record.fail(code or code_of_checks(record.checked or []), " ".join(lines))


def _code_of_load(loaded: "LoadResult") -> int:
    codes = [code_of_source_error(problem) for problem in loaded.run.problems]
    for code in (SIGN_IN, UNREACHABLE):
        if code in codes:
            return code
    return INCOMPLETE if loaded.run.incomplete or loaded.run.shrunk else DONE


def code_of_checks(results: list["CheckResult"]) -> int:
    return DONE if all(result.passed for result in results) else CHECK_FAILED


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
