"""Keeps the record of a run in `runs` and sends its alerts, however the run ends."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from pipelines.common.configuration import run_timeout
from pipelines.common.exit_codes import INTERRUPTED, TERMINATED, explain_any
from pipelines.common.redaction import redact
from pipelines.common.signals import deadline
from pipelines.monitoring.alerts.detect import send_new_alerts
from pipelines.monitoring.alerts.ping import ping
from pipelines.monitoring.metrics.write import write_after_run
from pipelines.monitoring.run_record import RunRecord
from pipelines.warehouse.pipelines import Pipelines
from pipelines.warehouse.run_tables import OwnTables

from .progress import RunProgress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenRun:
    """A run in progress: its pipelines, its record, and where it shows its progress."""

    pipelines: Pipelines
    record: RunRecord
    progress: RunProgress


@contextmanager
def recorded(
    command: str, progress: RunProgress, open_pipelines: Callable[[], AbstractContextManager[Pipelines]]
) -> Iterator[OpenRun]:
    """Open the pipelines for one run, and record how it ends.

    The record is written whenever the destination can be reached. A failure to write it, to send an alert, or to write
    metrics, is logged and never fails the run.
    """
    record = RunRecord(command)
    alerts_handled = False
    try:
        with deadline(run_timeout()), open_pipelines() as pipelines:
            tables = OwnTables(pipelines.raw)
            engine = pipelines.engine
            with _logged_failure("the run could not be written to `runs`"), engine.explained():
                record.begin(tables)
            try:
                # Inside the `try`, so that the record holds the explanation of the engine.
                with engine.explained(pipelines.raw):
                    yield OpenRun(pipelines, record, progress)
                    with _logged_failure("old records could not be removed"):
                        _keep_tables_short(pipelines, record)
            except BaseException as error:
                record.set_outcome(*explain_any(error))
                raise
            finally:
                with _logged_failure("the run could not be written to `runs`"), engine.explained():
                    record.end(tables)
                with _logged_failure("new alerts could not be determined"):
                    send_new_alerts(record, pipelines)
                    alerts_handled = True
                    ping(record.command, record.exit_code)
                if record.exit_code not in (INTERRUPTED, TERMINATED):
                    with _logged_failure("the metrics could not be determined"):
                        write_after_run(pipelines)
    except BaseException as error:
        if not alerts_handled:
            record.set_outcome(*explain_any(error))
            _alert_without_destination(record)
        raise


def _keep_tables_short(pipelines: Pipelines, record: RunRecord) -> None:
    from .upkeep import keep_tables_short

    keep_tables_short(pipelines, record.started_at)


def _alert_without_destination(record: RunRecord) -> None:
    try:
        send_new_alerts(record, None)
        ping(record.command, record.exit_code)
    except Exception as failure:
        line = redact(explain_any(failure).line)
        # The error that stopped the run can stop the alert too. It is reported once.
        if line != record.error:
            logger.warning("an alert could not be prepared: %s", line)


@contextmanager
def _logged_failure(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        logger.warning("%s: %s", what, redact(explain_any(error).line))
