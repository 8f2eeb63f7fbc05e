"""The result of a run in words and as an exit code. Nothing is printed here."""

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pipelines.common.exit_codes import (
    CHECK_FAILED,
    DONE,
    INCOMPLETE,
    NOT_FORWARDED,
    SIGN_IN,
    UNREACHABLE,
    Ending,
    code_of_source_error,
)
from pipelines.common.source_hints import source_error_line

if TYPE_CHECKING:
    from pipelines.export.forward.sender import Forwarded
    from pipelines.monitoring.run_record import RunRecord
    from pipelines.transform.checks import CheckResult

    from .load import LoadResult


def ending_of(record: "RunRecord") -> Ending:
    """Return how a command ends whose steps all returned: incomplete windows and failed checks have their own codes."""
    checks = record.checked or []
    lines = problems_of_load(record.loaded.run) if record.loaded else []
    lines += source_problems(record.history.run.problems) if record.history else []
    lines += [record.unpublished.line] if record.unpublished else []
    lines += [not_forwarded_line(one) for one in record.forwarded or () if one.error]
    lines += [result.short_line() for result in checks if not result.passed]
    code = _code_of_load(record.loaded) if record.loaded else DONE
    code = code or (code_of_problems(record.history.run.problems) if record.history else DONE)
    code = code or code_of_checks(checks) or (record.unpublished.code if record.unpublished else DONE)
    return Ending(
        code or (NOT_FORWARDED if any(one.error for one in record.forwarded or ()) else DONE), " ".join(lines)
    )


def not_forwarded_line(result: "Forwarded") -> str:
    """Return one line about a target that did not accept all events."""
    return f"forward: target `{result.target}`: {result.error.rstrip('.')}. The next run sends the rest."


def code_of_checks(results: list["CheckResult"]) -> int:
    """Return the exit code for the results of the checks."""
    return DONE if all(result.passed for result in results) else CHECK_FAILED


def _code_of_load(loaded: "LoadResult") -> int:
    code = code_of_problems(loaded.run.problems)
    return code or (INCOMPLETE if loaded.run.incomplete or loaded.run.shrunk else DONE)


def code_of_problems(problems: list[Any]) -> int:
    """Return the exit code for what a load left out; 0 for nothing."""
    codes = [code_of_source_error(problem) for problem in problems]
    return next((code for code in (SIGN_IN, UNREACHABLE, INCOMPLETE) if code in codes), DONE)


def problems_of_load(run: Any) -> list[str]:
    """Return one line for each kind of problem that a load met and survived."""
    lines = source_problems(run.problems)
    if run.incomplete:
        incomplete = _incomplete_line(run.incomplete)
        unanswered = lines and all(window.distinct is None for window in run.incomplete)
        # If no window was answered, the last problem is the reason: both go on one line.
        lines[-1:] = (
            [f"{lines[-1]} {incomplete[0].upper()}{incomplete[1:]}"] if unanswered else [*lines[-1:], incomplete]
        )
    return [*lines, *map(_shrunk_line, run.shrunk)]


def source_problems(problems: list[Any]) -> list[str]:
    """Return one line for each reason, with the number of further addresses that failed for it."""
    by_reason: dict[str, list[Any]] = {}
    for problem in problems:
        by_reason.setdefault(problem.reason, []).append(problem)
    return [
        f"{source_error_line(first)}{f' The same happened at {len(more)} more addresses.' if more else ''}"
        for first, *more in by_reason.values()
    ]


def expired_line(expired: list[Any]) -> str:
    """Return the line about windows that Anaplan deleted before they were loaded."""
    return (
        f"LOST: nothing was loaded from {_utc(expired[0].start)} to {_utc(expired[-1].end)}, and Anaplan has deleted "
        "these events. The gap stays in `event_windows` as `expired`. Schedule the pipeline more often than the "
        "retention period."
    )


def _shrunk_line(shrunk: tuple[str, int, int]) -> str:
    name, before, now = shrunk
    return (
        f"list of {name}: {now:,} of {before:,} records are left, as after a lost role. It was not applied. "
        "Check the account's roles. If the list is right, run once with --accept-directory"
        + ("." if now else ", which keeps the last version of each record.")
    )


def _incomplete_line(windows: list[Any]) -> str:
    arrived, reported = (sum(getattr(window, name) or 0 for window in windows) for name in ("distinct", "reported"))
    which = "window" if len(windows) == 1 else f"{len(windows)} windows,"
    counts = f"{arrived} events arrived, {reported} were reported" if reported else "not all events arrived"
    return (
        f"{which} {_utc(windows[0].start)} to {_utc(windows[-1].end)}: {counts}. What arrived is loaded. "
        "The rest stays `incomplete`, and the next run fetches it again."
    )


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
