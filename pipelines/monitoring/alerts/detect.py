"""Send each alert once to a webhook: a failed run, lost events, a security finding, an expiring certificate.

The table `alerts` in the destination records what was sent. A file in dlt's data directory records failed runs too,
for runs that cannot reach the destination. It is always written, so that both agree on one machine.
"""

import json
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Any, NamedTuple

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
logger = logging.getLogger(__name__)


class _News(NamedTuple):
    """Texts to send, and the rows of `alerts` that record them once they are sent."""

    texts: list[str]
    rows: list[Row]

    @property
    def is_failure(self) -> bool:
        return any(row["kind"] == "alerting" for row in self.rows)


def send_new_alerts(record: RunRecord, pipelines: Pipelines | None) -> None:
    """Send everything new after a run, in one message. An unreachable webhook is a warning and is retried next time.

    A run that was ended by Ctrl-C sends nothing: the person at the keyboard knows.

    Args:
        record (RunRecord): The run and its outcome.
        pipelines (Pipelines): The open destination, or None if it could not be reached.
    """
    url = str(dlt.secrets.get("alerts.webhook_url") or "")
    # The settings check refuses the placeholder of the example file.
    if not url or url.endswith("/...") or record.exit_code == INTERRUPTED:
        return
    open_failures = _read_file()
    tables = OwnTables(pipelines.raw) if pipelines else None
    sent = tables.select(ALERTS) if tables else []
    news = _news_of_run(record, {**_failures_after({}, sent), **open_failures})
    if pipelines and tables:
        more = _news_of_destination(record, pipelines, tables, sent)
        news = _News(news.texts + more.texts, news.rows + more.rows)
    if news.texts:
        _send(url, news, tables, open_failures)


def _send(url: str, news: _News, tables: OwnTables | None, open_failures: dict[str, int]) -> None:
    """Send the texts, then record that they were sent: a crash in between repeats a message and loses none."""
    try:
        confirmed = send(url, "\n".join([headline(), *news.texts]))
    except WebhookError as error:
        logger.warning("the alert was not sent: %s. Check `webhook_url` under [alerts].", error)
        if tables:
            tables.insert(ALERTS, [alert_row("alerting", "webhook", "failed", note=str(error))])
        return
    _write_file(_failures_after(open_failures, news.rows))
    if tables:
        note = None if confirmed else "the webhook took the message without a confirmation"
        receipt = alert_row("alerting", "webhook", "confirmed" if confirmed else "unsure", note=note)
        tables.insert(ALERTS, [*news.rows, receipt])


def _news_of_destination(record: RunRecord, pipelines: Pipelines, tables: OwnTables, sent: list[Row]) -> _News:
    """Return the news that the destination shows: gaps, findings, the certificate.

    A look-up that fails is news too, once. The first run in which every look-up works again records that.
    """
    past = {(row["kind"], row["subject"]) for row in sent}
    with ExitStack() as stack:
        reader = Reader(pipelines.raw.destination, stack)
        look_ups: tuple[Callable[[], _News], ...] = (
            lambda: _news_of_gaps(reader, past),
            lambda: _news_of_findings(record, reader, past),
            lambda: _news_of_certificate(past, datetime.now(timezone.utc)),
        )
        found = [_or_failure(look_up) for look_up in look_ups]
    failed_before = _last_look_up(sent) == "failed"
    if failed_before and not any(news.is_failure for news in found):
        tables.insert(ALERTS, [alert_row("alerting", "look-up", "confirmed")])
    new = [news for news in found if not (news.is_failure and failed_before)]
    return _News([text for news in new for text in news.texts], [row for news in new for row in news.rows])


def _last_look_up(sent: list[Row]) -> str | None:
    rows = [row for row in sent if row["kind"] == "alerting" and row["subject"] == "look-up"]
    return str(max(rows, key=lambda row: row["happened_at"])["what"]) if rows else None


def _or_failure(look_up: Callable[[], _News]) -> _News:
    """Return the news, or the news that the look-up failed: one bad row must not silence the rest."""
    try:
        return look_up()
    except Exception as error:
        line = redact(f"{type(error).__name__}: {error}".splitlines()[0])[:200]
        logger.warning("new alerts could not be determined: %s", line)
        return _News([alerting_failed(line)], [alert_row("alerting", "look-up", "failed", note=line)])


def alert_row(kind: str, subject: str, what: str, **more: Any) -> Row:
    """Return a row of `alerts` that happened now."""
    empty = {"exit_code": None, "account": None, "note": None}
    return {"kind": kind, "subject": subject, "what": what, "happened_at": datetime.now(timezone.utc), **empty, **more}


def least_severity() -> str:
    """Return the lowest severity that is alerted."""
    return str(dlt.config.get("alerts.min_severity") or DEFAULT_SEVERITY)


def _news_of_run(record: RunRecord, open_failures: dict[str, int]) -> _News:
    if record.exit_code != DONE:
        if open_failures.get(record.command) == record.exit_code:
            return _News([], [])
        row = alert_row("run", record.command, "alerted", exit_code=record.exit_code)
        return _News([failed(record)], [row])
    # A complete run proves that each of its steps works again.
    recovered = [command for command in open_failures if record.command in (command, "run")]
    return _News(
        [resolved(command, open_failures[command]) for command in recovered],
        [alert_row("run", command, "resolved", exit_code=open_failures[command]) for command in recovered],
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
    # An event without a date makes a finding without a date.
    return moment.timestamp() if moment is not None else 0.0


def _news_of_certificate(past: set[tuple[str, str]], now: datetime) -> _News:
    """Alert each certificate at most twice: when it expires soon, and when it has expired."""
    from audit_source.errors import ConfigurationError

    try:
        status = sign_in_status(now).status
    except ConfigurationError:
        # The next run that signs in ends with this error.
        return _News([], [])
    end, days_left = status["certificate_expires_at"], status["certificate_days_left"]
    if end is None or days_left is None or days_left >= CERTIFICATE_WARNING_DAYS:
        return _News([], [])
    subject = f"{'expires soon' if days_left >= 0 else 'expired'} {end}"
    if ("certificate", subject) in past:
        return _News([], [])
    text = certificate_ends(datetime.fromisoformat(end), days_left)
    return _News([text], [alert_row("certificate", subject, "alerted")])


def _failures_after(failures: dict[str, int], rows: list[Row]) -> dict[str, int]:
    """Return the exit code of each command that still fails, after the alerts of `rows`."""
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
        # Without the file a failure is sent once more, which is better than never.
        return {}


def _write_file(failures: dict[str, int]) -> None:
    path = _path()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump({"failures": failures}, file)
        os.replace(f"{path}.new", path)
    except OSError as error:
        logger.warning("`%s`: %s. The next run may send the same alert again.", path, error.strerror)
