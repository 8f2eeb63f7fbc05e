"""Anaplan -> raw dataset, in loads small enough that memory is bounded and a failure costs one of them."""

from datetime import datetime, timezone
from typing import Any, NamedTuple

import dlt

from audit_source import MERGE, Reload, Run, audit_source

from .comments import write_comments
from .destination import LOAD_MEMORY, Pipelines
from .memory import give_memory_back
from .workers import make_decoding_process

# A little more than one row group of DuckDB, which goes to disk as it is.
EVENTS_PER_LOAD = 125_000
MERGE_KNOWN: Any = {**MERGE, "deduplicated": True}
EVENT_TABLES = ("events", "event_windows", "event_days")
LISTS = ("users", "workspaces", "models")


class LoadResult(NamedTuple):
    """What a load did: the findings of the source, and the changed versions of each list."""

    run: Run
    loads: int
    changes: dict[str, int]


def load(pipelines: Pipelines, reload: Reload | None = None, run: Run | None = None) -> LoadResult:
    """Loads what is due, or the span of `reload`, and the directory.

    Raises:
        PipelineStepFailed: A load failed; the loads before it are kept, and the next run goes on from there.
    """
    run = run or Run(tolerant=True)
    began = datetime.now(timezone.utc)
    events_per_load = dlt.config.get("sources.audit_source.events_per_load", int) or EVENTS_PER_LOAD
    source = audit_source(reload=reload, run=run, events_per_load=events_per_load, make_executor=make_decoding_process)
    for resource in source.resources.values():
        resource.apply_hints(file_format=pipelines.file_format)
    pipelines.limit_memory(LOAD_MEMORY, threads=1)
    give_memory_back()
    if pipelines.database is not None:
        # The source gives each id once a load.
        source.events.apply_hints(write_disposition=MERGE_KNOWN)
    loads = 0
    try:
        while loads == 0 or run.unfinished:
            todo = source if loads == 0 else source.with_resources(*EVENT_TABLES)
            pipelines.raw.run(todo)
            loads += 1
    finally:
        run.close()
    write_comments(pipelines.raw)
    return LoadResult(run, loads, {name: _changes(pipelines.raw, name, began) for name in LISTS})


def _changes(pipeline: dlt.Pipeline, name: str, since: datetime) -> int:
    """Counts the records of a list that began, changed or ended since a moment (UTC)."""
    moment = since.strftime("%Y-%m-%d %H:%M:%S.%f+00:00")
    rows: list[tuple[Any, ...]] = pipeline.dataset()(
        f"select count(distinct id) from {name} "
        f"where _dlt_valid_from >= cast('{moment}' as timestamptz) or _dlt_valid_to >= cast('{moment}' as timestamptz)"
    ).fetchall()
    return int(rows[0][0])
