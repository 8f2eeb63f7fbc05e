"""Send each alert once to each channel: a failed run, lost events, a security finding, an expiring certificate.

`told.py` knows what each channel was told already. `channels/` holds the channels.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Any, NamedTuple

import dlt

from pipelines.common.alert_settings import SEVERITIES
from pipelines.common.exit_codes import DONE, INTERRUPTED, TERMINATED
from pipelines.common.redaction import redact
from pipelines.monitoring.run_record import RunRecord
from pipelines.monitoring.sign_in_status import CERTIFICATE_WARNING_DAYS, sign_in_status
from pipelines.monitoring.status import gap_subject
from pipelines.warehouse.pipelines import Pipelines
from pipelines.warehouse.reader import ENRICHED, RAW, Reader
from pipelines.warehouse.run_tables import ALERTS, OwnTables

from .channels import Channel, ChannelError, configured_channels
from .texts import alerting_failed, certificate_ends, failed, findings_found, gap_found, headline, resolved
from .told import Row, Told

DEFAULT_SEVERITY = "high"
logger = logging.getLogger(__name__)


class _News(NamedTuple):
    """Texts to send, and the rows of `alerts` that record them once they are sent."""

    texts: list[str]
    rows: list[Row]

    @property
    def is_failure(self) -> bool:
        return any(row["kind"] == "alerting" for row in self.rows)


def send_new_alerts(record: RunRecord, pipelines: Pipelines | None) -> None:
    """Send everything new after a run, in one message to each channel.

    A channel that fails is a warning. It stops no other channel, and the next run tries it again. A run that was ended
    by Ctrl-C sends nothing: the person at the keyboard knows.

    Args:
        record (RunRecord): The run and its outcome.
        pipelines (Pipelines): The open destination, or None if it could not be reached.
    """
    channels = [] if record.exit_code == INTERRUPTED else list(configured_channels())
    if not channels:
        return
    began = datetime.now(timezone.utc)
    tables = OwnTables(pipelines.raw) if pipelines else None
    rows = tables.select(ALERTS) if tables else []
    # Read for every channel before one of them is told something.
    everything_told = [Told(channel.name, rows) for channel in channels]
    new_rows: list[Row] = []
    look_ups_work = True
    for channel, told in zip(channels, everything_told, strict=True):
        news = _news_of_run(record, told.open_failures)
        if pipelines:
            more, works = _news_of_destination(record, pipelines, told.rows)
            news = _News(news.texts + more.texts, news.rows + more.rows)
            look_ups_work = look_ups_work and works
        if news.texts:
            sent = _send(channel, news, told, new_rows, began)
            new_rows += sent
            if tables:
                tables.insert(ALERTS, sent)
    if tables and look_ups_work and _last_look_up(rows) == "failed":
        tables.insert(ALERTS, [alert_row("alerting", "look-up", "confirmed")])


def _send(channel: Channel, news: _News, told: Told, others: list[Row], began: datetime) -> list[Row]:
    """Send the texts, then return the rows that record it: a crash in between repeats a message and loses none.

    Args:
        others (List[Row]): The rows of the other channels in this run.
        began (datetime): Time before any row of this run.
    """
    try:
        confirmed = channel.send("\n".join([headline(), *news.texts]))
    except ChannelError as error:
        logger.warning("the alert was not sent: %s. Check %s.", error, channel.settings)
        told.remember([])
        # Dated before the rows of this run, so that `Told` finds what this channel missed.
        return [alert_row("alerting", channel.name, "failed", happened_at=began, note=str(error))]
    told.remember(news.rows)
    note = None if confirmed else f"the {channel.name} took the message without a confirmation"
    receipt = alert_row("alerting", channel.name, "confirmed" if confirmed else "unsure", note=note)
    return [*told.not_recorded(news.rows, others), receipt]


def _news_of_destination(record: RunRecord, pipelines: Pipelines, told: list[Row]) -> tuple[_News, bool]:
    """Return the news that the destination shows (gaps, findings, the certificate), and whether each look-up worked.

    A look-up that fails is news too, once.
    """
    past = {(row["kind"], row["subject"]) for row in told}
    with ExitStack() as stack:
        reader = Reader(pipelines.raw.destination, stack)
        look_ups: tuple[Callable[[], _News], ...] = (
            lambda: _news_of_gaps(reader, past),
            lambda: _news_of_findings(record, reader, past),
            lambda: _news_of_certificate(past, datetime.now(timezone.utc)),
        )
        found = [_or_failure(look_up) for look_up in look_ups]
    failed_before = _last_look_up(told) == "failed"
    new = [news for news in found if not (news.is_failure and failed_before)]
    news = _News([text for one in new for text in one.texts], [row for one in new for row in one.rows])
    return news, not any(one.is_failure for one in found)


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
