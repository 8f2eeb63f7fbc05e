"""Anaplan -> raw dataset, in loads small enough that memory is bounded and a failure costs one of them."""

from datetime import datetime, timezone
from typing import Any, NamedTuple

import dlt

from audit_source import MERGE, Reload, Run, audit_source
from pipelines.common.allocator import keep_memory_low
from pipelines.common.source_hints import reload_notice
from pipelines.monitoring.acknowledge import still_open
from pipelines.warehouse.pipelines import LOAD_MEMORY, Pipelines
from pipelines.warehouse.table_comments import write_comments

from .known import read_known

# What a run that is killed has to fetch again. Three row groups of DuckDB, which go to disk as they are; the small one
# after them stays what it is too: between fewer of them a checkpoint would join it with these by writing all again.
EVENTS_PER_LOAD = 3 * 122_880
MERGE_KNOWN: Any = {**MERGE, "deduplicated": True}
EVENT_TABLES = ("events", "event_windows", "event_days")
LISTS = ("users", "workspaces", "models")


class LoadResult(NamedTuple):
    """What a load did: the findings of the source, and the changed versions of each list."""

    run: Run
    loads: int
    changes: dict[str, int]


def load(
    pipelines: Pipelines, reload: Reload | None = None, run: Run | None = None, accept_directory: bool = False
) -> LoadResult:
    """Loads what is due, or the span of `reload`, and the directory.

    Raises:
        PipelineStepFailed: A load failed; the loads before it are kept, and the next run goes on from there.
    """
    run = run or Run(tolerant=True)
    began = datetime.now(timezone.utc)
    events_per_load = dlt.config.get("sources.audit_source.events_per_load", int) or EVENTS_PER_LOAD
    source = audit_source(
        reload=reload,
        run=run,
        known=read_known(pipelines.raw),
        accept_directory=accept_directory,
        events_per_load=events_per_load,
    )
    for resource in source.resources.values():
        resource.apply_hints(file_format=pipelines.file_format)
    keep_memory_low()
    if pipelines.engine.writes_directly:
        # The source gives each id once a load.
        source.events.apply_hints(write_disposition=MERGE_KNOWN)
    loads = 0
    try:
        # Before dlt begins: nothing may be recorded by a clock that is wrong.
        run.learn_clock()
        while loads == 0 or run.unfinished:
            # Each time: it makes DuckDB give back what the load before took.
            pipelines.limit_memory(LOAD_MEMORY, threads=1)
            todo = source if loads == 0 else source.with_resources(*EVENT_TABLES)
            pipelines.raw.run(todo)
            loads += 1
    finally:
        run.close()
    if run.reload_limit is not None:
        run.notice(reload_notice(run.reload_limit))
    run.incomplete = still_open(pipelines.raw, run.incomplete)
    if run.started_at is not None:
        # Each time: a run that was killed in front of this has repaired its ledger already, and would not notice.
        _remove_future_windows(pipelines.raw, run.started_at)
    write_comments(pipelines.raw)
    if run.versions_at is not None:
        # The clock of the versions: this machine's may be wrong either way.
        began = datetime.fromtimestamp(run.versions_at / 1000, timezone.utc)
    return LoadResult(run, loads, {name: _changes(pipelines.raw, name, began) for name in LISTS})


def _remove_future_windows(raw: dlt.Pipeline, now: int) -> None:
    """Remove the rows of days that have not come yet: a merge replaces days, it does not remove them."""
    today = datetime.fromtimestamp(now / 1000, timezone.utc).date()
    with raw.sql_client() as client:
        client.execute_sql(
            f"DELETE FROM {client.make_qualified_table_name('event_windows')} WHERE window_day > DATE '{today}'"
        )


def _changes(pipeline: dlt.Pipeline, name: str, since: datetime) -> int:
    """Counts the records of a list that began, changed or ended since a moment (UTC)."""
    moment = since.strftime("%Y-%m-%d %H:%M:%S.%f+00:00")
    rows: list[tuple[Any, ...]] = pipeline.dataset()(
        f"select count(distinct id) from {name} "
        f"where _dlt_valid_from >= cast('{moment}' as timestamptz) or _dlt_valid_to >= cast('{moment}' as timestamptz)"
    ).fetchall()
    return int(rows[0][0])
