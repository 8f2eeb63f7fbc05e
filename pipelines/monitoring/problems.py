"""Problems and warnings of a status, and the format of times and durations for people."""

from datetime import datetime, timezone
from typing import Any

from pipelines.common.names import command_line
from pipelines.common.wording import counted

Json = dict[str, Any]


def problems_of(status: Json) -> list[Json]:
    """Return the problems, which make a monitor red: `kind`, and a `text` that says what to do."""
    problems = _problems_of_freshness(status)
    for gap in status["gaps"]:
        if not gap["acknowledged"]:
            text = (
                f"events from {utc(gap['start'])} to {utc(gap['end'])} are lost: Anaplan has deleted them. "
                f"To close the gap: `{command_line('acknowledge gaps')}`."
            )
            problems.append({"kind": "gap", "text": text})
    for window in status["incomplete_windows"]:
        if window["acknowledged"]:
            continue
        text = (
            f"window {utc(window['start'])} to {utc(window['end'])} is incomplete: {window['distinct_events']} events "
            f"arrived, {window['reported_events']} were reported. A later run fetches it again. If that fails too: "
            f"`{command_line('acknowledge incomplete')}`."
        )
        problems.append({"kind": "incomplete", "text": text})
    return problems


def _problems_of_freshness(status: Json) -> list[Json]:
    freshness = status["freshness"]
    is_empty = not (status["coverage"]["until"] or status["gaps"] or status["incomplete_windows"])
    if is_empty:
        what = status["destination"]["database"] or status["destination"]["raw_dataset"]
        text = f"nothing was loaded yet into `{what}`. Run `{command_line('run')}`."
        return [{"kind": "never_loaded", "text": text}]
    open_types = {window["event_type"] for window in status["incomplete_windows"] if not window["acknowledged"]}
    # For types with open windows, those windows already explain why nothing is covered.
    missing = [kind for kind in freshness["not_covered"] if kind not in open_types]
    if missing:
        text = f"no window of event type `{', '.join(missing)}` is complete yet. Run `{command_line('run')}`."
        return [{"kind": "never_loaded", "text": text}]
    if not freshness["stale"] or freshness["covered_until"] is None:
        return []
    ago, most = duration(freshness["minutes_ago"]), duration(freshness["max_age_minutes"])
    text = f"the data ends {ago} ago, more than {most} (--max-age). Check the last runs and the schedule."
    if freshness["minutes_ago"] < 0:
        ahead = duration(-freshness["minutes_ago"])
        text = f"the data ends {ahead} in the future: a clock is or was wrong. Check it, then run again."
    return [{"kind": "stale", "text": text}]


def warnings_of(past: list[Json], is_file: bool) -> list[str]:
    """Return the warning that the last run calls for. `past` are the runs, newest first."""
    if past and died(past[0], True, is_file):
        return [f"the last run began at {utc(past[0]['started_at'])} and was killed. The next run repairs it."]
    last = next((run for run in past if run["ended_at"] is not None), None)
    if last is None or not last["exit_code"]:
        return []
    return [f"the last run ended with exit code {last['exit_code']}: {last['error'] or 'see its output'}"]


def died(run: Json, is_last: bool, is_file: bool) -> bool:
    """Return whether a run was killed. The last run may still be running, except if its database file can be read."""
    return run["ended_at"] is None and (not is_last or is_file)


def utc(moment: datetime) -> str:
    """Format a moment for people, to the minute."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def duration(minutes: float) -> str:
    """Format a duration for people: 4 minutes, 3.5 hours, 12.0 days."""
    if minutes < 120:
        return counted(round(minutes), "minute")
    return f"{minutes / 60:.1f} hours" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"
