"""The status as aligned text for people, and as JSON for programs."""

import json
import textwrap
from datetime import datetime
from typing import Any

from pipelines.common.text import printable
from pipelines.common.wording import contents_line, counted
from pipelines.monitoring.problems import Json, died, duration, utc

from .report_tables import SummaryTable, format_table, terminal_width

RUN_COLUMNS = ("started (UTC)", "command", "exit", "new", "late", "windows", "history", "seconds", "error")


def as_json(status: Json) -> str:
    """Return the whole status. Times are ISO 8601 (UTC)."""
    return json.dumps(status, indent=2, default=_plain)


def as_text(status: Json, wrap: bool = False) -> str:
    """Return the status, with tables as wide as the terminal.

    Args:
        wrap (bool): Whether long lines go on in the next one. Not in a file or a pipe, where programs look for them.
    """
    width = terminal_width()
    facts = [_line(name, text, width if wrap else 0) for name, text in _facts(status)]
    tables = [line for table in _tables(status) for line in format_table(table, width)]
    results = [("problem", problem["text"]) for problem in status["problems"]]
    results += [("warning", warning) for warning in status["warnings"]]
    results = results or [("ok", "nothing is missing")]
    return "\n".join([*facts, *tables, "", *(_line(name, text, width if wrap else 0) for name, text in results)])


def _line(name: str, text: str, width: int) -> str:
    line = f"{name:<11} {text}"
    if not width:
        return line
    # Names of files and addresses stay whole, so that they can be copied.
    return textwrap.fill(line, width, subsequent_indent=" " * 12, break_long_words=False, break_on_hyphens=False)


def _facts(status: Json) -> list[tuple[str, str]]:
    freshness, coverage, findings = status["freshness"], status["coverage"], status["findings"]
    destination = status["destination"]
    facts = [("tenant", destination["tenant"])] if destination["tenant"] else []
    facts.append(("destination", f"{destination['type']} {destination['database'] or destination['raw_dataset']}"))
    if freshness["covered_until"] is not None:
        word = "stale" if freshness["stale"] else "fresh"
        facts.append((word, f"{utc(freshness['covered_until'])}, {_age(freshness)}"))
    if coverage["until"] is not None:
        facts.append(("covered", f"{utc(coverage['from'])} to {utc(coverage['until'])}"))
    facts += _models(status)
    facts += [("not read", printable(line)) for line in status["not_read"]]
    if coverage["until"] is not None or status["incomplete_windows"]:
        facts += [
            (
                "late",
                f"{counted(status['late_events']['events'], 'event')} in {status['late_events']['days']} days of runs",
            ),
            ("findings", ", ".join(f"{count:,} {name}" for name, count in findings.items())),
        ]
    facts.append(("sign-in", _sign_in(status["sign_in"])))
    return [*facts, ("running", _lease(status["lease"]))] if status["lease"] else facts


def _lease(lease: Json) -> str:
    return f"process {lease['pid']} on {lease['host']} since {utc(lease['since'])}, lease until {utc(lease['until'])}"


def _models(status: Json) -> list[tuple[str, str]]:
    """Return the lines about lists inside models and model history; none before the first load."""
    contents, history, unknown = dict(status["contents"]), status["model_history"], status["unknown_changes"]
    models, waiting, failure = contents.pop("models"), contents.pop("waiting"), history["last_failure"]
    facts = [("contents", contents_line(contents, models))] if waiting < models else []
    if history["models_with_export"] or history["rows"]:
        facts.append(("history", _history(history)))
    if failure:
        name = failure["model_name"] or failure["model_id"]
        facts.append(("history", printable(f"failed at {utc(failure['read_at'])}, `{name}`: {failure['error']}")))
    if unknown["rows"]:
        kinds = counted(unknown["descriptions"], "description")
        facts.append(("history", f"{kinds} in no rule of `history_change_rules`, {counted(unknown['rows'], 'row')}"))
    return facts


def _history(history: Json) -> str:
    line = f"{history['models_loaded']:,} of {counted(history['models_with_export'], 'model')} with an export loaded"
    line += f", {history['models_failed']:,} failed" if history["models_failed"] else ""
    if not history["rows"]:
        return line
    newest = history["newest_change"]
    return f"{line}, {counted(history['rows'], 'row')}" + (f", newest change {utc(newest)}" if newest else "")


def _age(freshness: Any) -> str:
    minutes = freshness["minutes_ago"]
    return f"{duration(minutes)} ago" if minutes >= 0 else f"{duration(-minutes)} in the future"


def _sign_in(sign_in: Any) -> str:
    text = sign_in["mode"] or "undecided: no way to sign in, or several, are configured"
    if sign_in["certificate_expires_at"]:
        left = counted(sign_in["certificate_days_left"], "day")
        text += f", valid until {sign_in['certificate_expires_at'][:10]} ({left})"
    if sign_in["mode"] == "oauth":
        stored = sign_in["token_stored_at"]
        text += f", token stored {stored[:16].replace('T', ' ')} UTC" if stored else ", no token stored yet"
    return text


def _tables(status: Json) -> list[SummaryTable]:
    missing = [
        ("lost, acknowledged" if gap["acknowledged"] else "lost", gap["event_type"], utc(gap["start"]), utc(gap["end"]))
        for gap in status["gaps"]
    ]
    missing += [
        (f"incomplete{', acknowledged' if w['acknowledged'] else ''}", w["event_type"], utc(w["start"]), utc(w["end"]))
        for w in status["incomplete_windows"]
    ]
    is_file = status["destination"]["database"] is not None
    runs = [_run_row(run, died(run, number == 0, is_file)) for number, run in enumerate(status["last_runs"])]
    sizes = [(table["dataset"], table["table"], table["rows"]) for table in status["tables"]]
    tables = [SummaryTable("Missing", ("what", "type", "from", "to"), missing)] if missing else []
    tables += [SummaryTable("Last runs", RUN_COLUMNS, runs)] if runs else []
    return [*tables, *([SummaryTable("Tables", ("dataset", "table", "rows"), sizes)] if sizes else [])]


def _run_row(run: Json, killed: bool) -> tuple[Any, ...]:
    exit_code = str(run["exit_code"]) if run["ended_at"] is not None else "killed" if killed else "running"
    seconds = None if run["seconds"] is None else f"{run['seconds']:.1f}"
    # A table of an earlier version has no rows of history.
    counts = (run["new_events"], run["late_events"], run["windows"], run.get("history_rows"))
    return (utc(run["started_at"])[:16], run["command"], exit_code, *counts, seconds, printable(run["error"] or ""))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
