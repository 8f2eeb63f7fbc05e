"""The steps of a run. Each is timed, and its result is kept in the run's record.

Imports that only one step needs stand inside it, so that a command starts quickly.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING

from pipelines.common.exit_codes import DONE, Ending, PipelineError

from .progress import WindowCount
from .summary import code_of_checks

if TYPE_CHECKING:
    from pipelines.common.forwarding import TargetSettings
    from pipelines.common.lakehouse_settings import LakehouseSettings
    from pipelines.export.forward.sender import Forwarded
    from pipelines.publish.lakehouse.writer import Copied
    from pipelines.publish.target import Published
    from pipelines.transform.checks import CheckResult
    from pipelines.transform.runner import EnrichReport

    from .history import HistoryResult
    from .lifecycle import OpenRun
    from .load import LoadResult


@dataclass(frozen=True)
class PublishTargets:
    """Where copies are published to: a DuckDB file or folder, and a lakehouse. None: it is not configured."""

    path: str | None
    lakehouse: "LakehouseSettings | None"


@dataclass(frozen=True)
class PublishResult:
    """The result of publishing a copy.

    `published` is None if a failed check kept the old copy in place, or if `error` says why it could not be written.
    """

    path: str
    published: "Published | Copied | None"
    error: str = ""


@dataclass(frozen=True)
class CheckedReport:
    """The results of the checks, and on which days in words; both are empty if nothing changed."""

    results: "list[CheckResult]"
    scope: str


def load_step(
    run: "OpenRun", since: datetime | None, until: datetime | None, accept_directory: bool = False
) -> "LoadResult":
    """Load what is due, or the span from `since` to `until` (UTC)."""
    from audit_source import Reload, Run

    from .load import load as load_raw

    reload = Reload(_ms(since), _ms(until)) if since or until else None
    # Set before the load: a load that fails has counts too.
    found = run.record.found = Run(tolerant=True)
    with (
        _timed("load", run.record.seconds),
        run.progress.watch(lambda: WindowCount(found.windows, found.windows_due)),
    ):
        run.record.loaded = load_raw(run.pipelines, reload, found, accept_directory)
    return run.record.loaded


def history_step(run: "OpenRun") -> "HistoryResult":
    """Load the new rows of every model that has a history export."""
    from .history import load_history

    with _timed("history", run.record.seconds):
        run.record.history = load_history(run.pipelines)
    return run.record.history


def is_history_due() -> bool:
    """Return whether each run loads model history too (setting `model_history`)."""
    from audit_source.settings import resolve_settings

    return resolve_settings().model_history


def enrich_step(run: "OpenRun", full_refresh: bool) -> "EnrichReport":
    """Bring the enriched tables up to date. If DuckDB runs out of memory, try once more with a larger limit."""
    from pipelines.transform.runner import enrich as enrich_all
    from pipelines.warehouse.pipelines import ENRICH_MEMORY, ENRICH_MEMORY_AGAIN

    def enrich_within(memory: str) -> "EnrichReport":
        run.pipelines.limit_memory(memory)
        with run.progress.watch_tables("enrich") as on_table:
            return enrich_all(run.pipelines.enriched, run.pipelines.raw, full_refresh=full_refresh, on_table=on_table)

    with _timed("enrich", run.record.seconds):
        try:
            return enrich_within(ENRICH_MEMORY)
        except Exception as error:
            if not run.pipelines.engine.is_out_of_memory(error):
                raise
            # Layers that were already written are written again with the same rows.
            return enrich_within(ENRICH_MEMORY_AGAIN)


def check_step(run: "OpenRun", enriched: "EnrichReport | None" = None) -> CheckedReport:
    """Run the data checks on what `enriched` wrote, or, without it or where they are due, on all days."""
    from pipelines.transform.check_scope import Scope, scope_after
    from pipelines.transform.checks import check as check_all

    pipeline, raw = run.pipelines.enriched, run.pipelines.raw
    with _timed("check", run.record.seconds):
        scope = scope_after(pipeline, enriched) if enriched else Scope()
        if scope.is_needed:
            run.pipelines.free_memory()
        run.record.checked = check_all(pipeline, raw, days=scope.days) if scope.is_needed else []
    return CheckedReport(run.record.checked, scope.words if scope.is_needed else "")


def publish_targets() -> PublishTargets:
    """Return where to publish to. Call it before the load, so that a wrong setting stops the run early."""
    from pipelines.publish.lakehouse.target import lakehouse_target
    from pipelines.publish.target import publish_path

    return PublishTargets(publish_path(), lakehouse_target())


def publish_step(run: "OpenRun", targets: PublishTargets, *, purged: bool = False) -> list[PublishResult]:
    """Publish the copies that are configured, if every check passed.

    Args:
        purged (bool): Whether rows were removed permanently, so that no old version may keep them.
    """
    places = [targets.path] if targets.path else []
    places += [targets.lakehouse.url] if targets.lakehouse else []
    if not places:
        return []
    if code_of_checks(run.record.checked or []) != DONE:
        return [PublishResult(place, None) for place in places]
    results = []
    with _timed("publish", run.record.seconds):
        if targets.path:
            from pipelines.publish.target import publish

            results.append(PublishResult(targets.path, publish(run.pipelines, targets.path)))
        if targets.lakehouse:
            results.append(_copy_to_lakehouse(run, targets.lakehouse, purged))
    return results


def _copy_to_lakehouse(run: "OpenRun", target: "LakehouseSettings", purged: bool) -> PublishResult:
    """Publish to the lakehouse. The result holds an error: a bucket out of reach must not stop the forwarding."""
    from pipelines.publish.lakehouse.writer import copy_to_lakehouse

    try:
        return PublishResult(target.url, copy_to_lakehouse(run.pipelines, target, purged=purged))
    except PipelineError as error:
        run.record.unpublished = Ending(error.code, str(error))
        return PublishResult(target.url, None, str(error))


def forward_step(run: "OpenRun", targets: "Sequence[TargetSettings]", since: date | None = None) -> "list[Forwarded]":
    """Send new events to the targets under `[forward]`."""
    from pipelines.export.forward.sender import forward

    with _timed("forward", run.record.seconds):
        run.record.forwarded = forward(run.pipelines, targets, since)
    return run.record.forwarded


def targets_after_run() -> "list[TargetSettings]":
    """Return the targets that each run sends to. Call it before the load, so that a wrong setting stops it early."""
    from pipelines.common.configuration import forward_targets
    from pipelines.common.forwarding import is_due_after_run

    return forward_targets() if is_due_after_run() else []


@contextmanager
def _timed(step: str, seconds: dict[str, float]) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[step] = time.monotonic() - began


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)
