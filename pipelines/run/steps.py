"""The steps of a run, each timed and noted in its record. What a step needs is imported when it begins."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from pipelines.common.exit_codes import DONE

from .summary import code_of_checks

if TYPE_CHECKING:
    from pipelines.monitoring.run_record import RunRecord
    from pipelines.transform.checks import CheckResult
    from pipelines.transform.runner import EnrichReport
    from pipelines.warehouse.pipelines import Pipelines

    from .load import LoadResult


def load_step(
    pipelines: "Pipelines",
    progress: Any,
    since: datetime | None,
    until: datetime | None,
    record: "RunRecord",
    accept_directory: bool = False,
) -> "LoadResult":
    from audit_source import Reload

    from .load import load as load_raw

    reload = Reload(_ms(since), _ms(until)) if since or until else None
    with _timed("load", record.seconds):
        try:
            record.loaded = load_raw(pipelines, reload, progress.run, accept_directory)
        finally:
            progress.clear()
    return record.loaded


def enrich_step(pipelines: "Pipelines", full_refresh: bool, record: "RunRecord") -> "EnrichReport":
    from pipelines.transform.runner import enrich as enrich_all
    from pipelines.warehouse.pipelines import ENRICH_MEMORY, ENRICH_MEMORY_AGAIN

    def enriched_in(memory: str) -> "EnrichReport":
        pipelines.limit_memory(memory)
        return enrich_all(pipelines.enriched, pipelines.raw, full_refresh=full_refresh)

    with _timed("enrich", record.seconds):
        try:
            return enriched_in(ENRICH_MEMORY)
        except Exception as error:
            if not pipelines.engine.is_out_of_memory(error):
                raise
            # What the layers before it wrote is written again, the same.
            return enriched_in(ENRICH_MEMORY_AGAIN)


def check_step(pipelines: "Pipelines", record: "RunRecord") -> list["CheckResult"]:
    from pipelines.transform.checks import check as check_all

    with _timed("check", record.seconds):
        record.checked = check_all(pipelines.enriched, pipelines.raw)
    return record.checked


def publish_to() -> str | None:
    """Returns where to publish, if anywhere. Asked first: what is wrong with it is told before anything is loaded."""
    from pipelines.publish.target import publish_path

    return publish_path()


def publish_step(pipelines: "Pipelines", path: str | None, record: "RunRecord") -> None:
    """Publishes the enriched dataset, where that is wanted and every check passed."""
    from pipelines.publish.target import publish

    if path is None:
        return
    if code_of_checks(record.checked or []) != DONE:
        click.echo(f"audit: nothing was published: `{path}` stays as it was until the checks pass.", err=True)
        return
    with _timed("publish", record.seconds):
        published = publish(pipelines, path)
    click.echo(f"published {published.line()}")


@contextmanager
def _timed(step: str, seconds: dict[str, float]) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[step] = time.monotonic() - began


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)
