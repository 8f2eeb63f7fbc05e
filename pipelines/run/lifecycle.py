"""Watches over one run: its row in `runs` and its alerts, whatever it ends with."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import click

from pipelines.common.configuration import run_timeout
from pipelines.common.exit_codes import explain_any
from pipelines.common.redaction import redact
from pipelines.common.signals import deadline
from pipelines.monitoring.alerts.detect import settle
from pipelines.monitoring.run_record import RunRecord
from pipelines.warehouse.engine import Engine
from pipelines.warehouse.run_tables import OwnTables


@contextmanager
def watched(command: str, opened: Callable[[], AbstractContextManager[Any]]) -> Iterator[tuple[Any, Any, RunRecord]]:
    """Gives the pipelines that `opened` opens, the progress and the record of this run, and keeps the record.

    What a run ends with is written as long as its destination can be had. Nothing that fails here fails the run.
    """
    record = RunRecord(command)
    settled = False
    try:
        with deadline(run_timeout()), opened() as (pipelines, progress):
            record.run = progress.run
            tables = OwnTables(pipelines.raw)
            engine: Engine = pipelines.engine
            with _only_warning("the run could not be written into `runs`"), engine.explained():
                record.begin(tables)
            try:
                # Here, too: what it says stands in the record.
                with engine.explained(pipelines.raw):
                    yield pipelines, progress, record
            except BaseException as error:
                record.fail(*explain_any(error))
                raise
            finally:
                with _only_warning("the run could not be written into `runs`"), engine.explained():
                    record.end(tables)
                with _only_warning("what to alert could not be looked up"):
                    settle(record, pipelines)
                    settled = True
    except BaseException as error:
        if not settled:
            record.fail(*explain_any(error))
            _settle_without_destination(record)
        raise


def _settle_without_destination(record: RunRecord) -> None:
    try:
        settle(record, None)
    except Exception as failure:
        line = redact(explain_any(failure)[1])
        # What keeps the run from beginning keeps the alert from it too: once is enough.
        if line != record.error:
            with suppress(Exception):
                click.echo(f"audit: an alert could not be prepared: {line}", err=True)


@contextmanager
def _only_warning(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        with suppress(Exception):
            click.echo(f"audit: {what}: {redact(explain_any(error)[1])}", err=True)
