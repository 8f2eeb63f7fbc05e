"""Tells a webhook what went wrong, once: a run that failed, lost events, a security finding, a certificate that ends.

What was told is kept in `alerts`, in the destination. Where that cannot be reached, a file in dlt's data directory
remembers the failed runs; it is written in any case, so that the two know the same on one machine.
"""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Any, NamedTuple

import click
import dlt
from dlt.common.runtime.run_context import active as active_run_context

from pipelines.common.configuration import SEVERITIES
from pipelines.common.exit_codes import DONE, INTERRUPTED, TERMINATED
from pipelines.common.redaction import redact
from pipelines.monitoring.alerts.channels.webhook import WebhookError, send
from pipelines.monitoring.run_record import RunRecord
from pipelines.monitoring.sign_in_status import CERTIFICATE_WARNING_DAYS, sign_in_status
from pipelines.monitoring.status import gap_subject
from pipelines.warehouse.pipelines import Pipelines
from pipelines.warehouse.reader import ENRICHED, RAW, Reader
from pipelines.warehouse.run_tables import ALERTS, OwnTables

from .texts import alerting_failed, certificate_ends, failed, findings_found, gap_found, headline, resolved

FILE_NAME = "anaplan_audit_alerts.json"
DEFAULT_SEVERITY = "high"
Row = dict[str, Any]


class _News(NamedTuple):
    """What is to be told, and the rows of `alerts` that say so afterwards."""

    texts: list[str]
    rows: list[Row]


def settle(record: RunRecord, pipelines: Pipelines | None) -> None:
    """Sends what is new after a run, in one message. A webhook that cannot be reached is a warning, and is tried again.

    A person who presses Ctrl-C knows it, and nobody else is told.

    Args:
        record (RunRecord): The run, with what it ended with.
        pipelines (Pipelines): The open destination; None where it could not be reached.
    """
    url = str(dlt.secrets.get("alerts.webhook_url") or "")
    # The address of the example is refused by the settings.
    if not url or url.endswith("/...") or record.exit_code == INTERRUPTED:
        return
    known = _read_file()
    with ExitStack() as held:
        tables = OwnTables(pipelines.raw) if pipelines else None
        told = tables.select(ALERTS) if tables else []
        news = _news_of_run(record, {**_open_failures(told), **known})
        if pipelines:
            reader = Reader(pipelines.raw.destination, held)
            past = {(row["kind"], row["subject"]) for row in told}
            looked_up: tuple[Callable[[], _News], ...] = (
                lambda: _news_of_gaps(reader, past),
                lambda: _news_of_findings(record, reader, past),
                lambda: _news_of_certificate(past, datetime.now(timezone.utc)),
            )
            failing = _newest_look_up(told) == "failed"
            failed_now = False
            for look_up in looked_up:
                more = _or_failure(look_up)
                is_failure = any(row["kind"] == "alerting" for row in more.rows)
                failed_now = failed_now or is_failure
                # A failure that stays is told once.
                if not (is_failure and failing):
                    news = _News(news.texts + more.texts, news.rows + more.rows)
            if tables and failing and not failed_now:
                tables.insert(ALERTS, [alert_row("alerting", "look-up", "confirmed")])
        if not news.texts:
            return
        try:
            confirmed = send(url, "\n".join([headline(), *news.texts]))
        except WebhookError as error:
            click.echo(f"audit: the alert was not sent: {error}. Check `webhook_url` under [alerts].", err=True)
            if tables:
                tables.insert(ALERTS, [alert_row("alerting", "webhook", "failed", note=str(error))])
            return
        _write_file(_failures_after(known, news.rows))
        if tables and news.rows:
            note = None if confirmed else "the webhook took the message without a confirmation"
            news.rows.append(alert_row("alerting", "webhook", "confirmed" if confirmed else "unsure", note=note))
        if tables:
            tables.insert(ALERTS, news.rows)


def _newest_look_up(told: list[Row]) -> str | None:
    rows = [row for row in told if row["kind"] == "alerting" and row["subject"] == "look-up"]
    return str(max(rows, key=lambda row: row["happened_at"])["what"]) if rows else None


def _or_failure(look_up: Callable[[], _News]) -> _News:
    """Return the news, or the news that they could not be looked up: one bad row must not silence the rest."""
    try:
        return look_up()
    except Exception as error:
        line = redact(f"{type(error).__name__}: {error}".splitlines()[0])[:200]
        click.echo(f"audit: what to alert could not be looked up: {line}", err=True)
        return _News([alerting_failed(line)], [alert_row("alerting", "look-up", "failed", note=line)])


def alert_row(kind: str, subject: str, what: str, **more: Any) -> Row:
    """Returns a row of `alerts`, of now."""
    empty = {"exit_code": None, "account": None, "note": None}
    return {"kind": kind, "subject": subject, "what": what, "happened_at": datetime.now(timezone.utc), **empty, **more}


def least_severity() -> str:
    """Returns the severity from which on a finding is alerted."""
    return str(dlt.config.get("alerts.min_severity") or DEFAULT_SEVERITY)


def _news_of_run(record: RunRecord, open_failures: dict[str, int]) -> _News:
    if record.exit_code != DONE:
        if open_failures.get(record.command) == record.exit_code:
            return _News([], [])
        row = alert_row("run", record.command, "alerted", exit_code=record.exit_code)
        return _News([failed(record)], [row])
    # A whole run proves that each of its steps works again.
    over = [command for command in open_failures if record.command in (command, "run")]
    return _News(
        [resolved(command, open_failures[command]) for command in over],
        [alert_row("run", command, "resolved", exit_code=open_failures[command]) for command in over],
    )


def _news_of_gaps(reader: Reader, past: set[tuple[str, str]]) -> _News:
    query = "select event_type, window_start, window_end from event_windows where status = 'expired'"
    new = [row for row in reader.rows(RAW, query) if ("gap", gap_subject(row)) not in past]
    new.sort(key=lambda row: row["window_start"])
    return _News(
        [gap_found(new[0]["window_start"], max(row["window_end"] for row in new))] if new else [],
        [alert_row("gap", gap_subject(row), "alerted") for row in new],
    )


def _news_of_findings(record: RunRecord, reader: Reader, past: set[tuple[str, str]]) -> _News:
    if record.command not in ("run", "enrich") or record.exit_code == TERMINATED:
        return _News([], [])
    wanted = SEVERITIES[: SEVERITIES.index(least_severity()) + 1]
    rows = reader.rows(ENRICHED, "select finding_id, severity, finding, started_at from security_findings")
    new = [row for row in rows if row["severity"] in wanted and ("finding", row["finding_id"]) not in past]
    new.sort(key=lambda row: (SEVERITIES.index(row["severity"]), -_seconds(row["started_at"])))
    return _News(
        [findings_found(new)] if new else [],
        [alert_row("finding", row["finding_id"], "alerted") for row in new],
    )


def _seconds(moment: datetime | None) -> float:
    # Events may carry no date, and so may what was found in them.
    return moment.timestamp() if moment is not None else 0.0


def _news_of_certificate(past: set[tuple[str, str]], now: datetime) -> _News:
    """Each certificate is told of twice at most: when it will expire soon, and when it has expired."""
    from audit_source.errors import ConfigurationError

    try:
        status = sign_in_status(now)[0]
    except ConfigurationError:
        # The next run that has to sign in ends with it.
        return _News([], [])
    end, days_left = status["certificate_expires_at"], status["certificate_days_left"]
    if end is None or days_left is None or days_left >= CERTIFICATE_WARNING_DAYS:
        return _News([], [])
    subject = f"{'expires soon' if days_left >= 0 else 'expired'} {end}"
    if ("certificate", subject) in past:
        return _News([], [])
    text = certificate_ends(datetime.fromisoformat(end), days_left)
    return _News([text], [alert_row("certificate", subject, "alerted")])


def _open_failures(told: list[Row]) -> dict[str, int]:
    return _failures_after({}, [row for row in told if row["kind"] == "run"])


def _failures_after(failures: dict[str, int], rows: list[Row]) -> dict[str, int]:
    after = dict(failures)
    for row in rows:
        if row["kind"] == "run" and row["what"] == "alerted":
            after[row["subject"]] = int(row["exit_code"])
        elif row["kind"] == "run" and row["what"] == "resolved":
            after.pop(row["subject"], None)
    return after


def _path() -> str:
    return os.path.join(active_run_context().data_dir, FILE_NAME)


def _read_file() -> dict[str, int]:
    try:
        with open(_path(), encoding="utf-8") as file:
            stored = json.load(file)
        return {str(command): int(code) for command, code in stored["failures"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Without it a failure is told once more, which is better than not at all.
        return {}


def _write_file(failures: dict[str, int]) -> None:
    path = _path()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump({"failures": failures}, file)
        os.replace(f"{path}.new", path)
    except OSError as error:
        click.echo(f"audit: `{path}`: {error.strerror}. The next run may tell the same again.", err=True)
