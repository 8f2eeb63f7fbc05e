"""Load from Anaplan into the raw dataset, in small dlt loads: memory is bounded, and a failure costs one of them."""

from datetime import date, datetime, timezone
from typing import Any, NamedTuple

import dlt

from audit_source import MERGE, Reload, Run, audit_source
from audit_source.directory.tables import DETAIL_TABLES
from pipelines.common.source_hints import reload_notice
from pipelines.monitoring.acknowledge import still_open
from pipelines.transform.incremental import rows_of
from pipelines.warehouse.pipelines import LOAD_MEMORY, Pipelines
from pipelines.warehouse.table_comments import write_new_comments

from .known import read_known

# Upper bound on what a killed run fetches again. Three full DuckDB row groups: with fewer, the checkpoint rewrites them
# to merge the remainder.
EVENTS_PER_LOAD = 3 * 122_880
MERGE_KNOWN: Any = {**MERGE, "deduplicated": True}
EVENT_TABLES = ("events", "event_windows", "event_days")
DETAILS = tuple(table.name for table in DETAIL_TABLES)
# Large tables, and the columns with their days.
DAYS = {"events": "event_day", "event_windows": "window_day"}
LISTS = ("users", "workspaces", "models")


class LoadResult(NamedTuple):
    """The result of a load: what the source found, the number of dlt loads, and the changed records of each list."""

    run: Run
    loads: int
    changes: dict[str, int]


def load(
    pipelines: Pipelines, reload: Reload | None = None, run: Run | None = None, accept_directory: bool = False
) -> LoadResult:
    """Load what is due, or the span of `reload`, and the directory.

    Raises:
        PipelineStepFailed: A dlt load failed. The loads before it are kept, and the next run continues from there.
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
    for name, day in DAYS.items():
        source.resources[name].apply_hints(**pipelines.engine.day_hints(day))
    if pipelines.engine.writes_directly:
        # The source yields each id once per load, so the merge need not remove duplicates.
        source.events.apply_hints(write_disposition=MERGE_KNOWN)
    loads = 0
    try:
        # Before dlt starts: nothing may be recorded with a wrong clock.
        run.learn_clock()
        while loads == 0 or run.unfinished:
            # Before each load: setting the limit makes DuckDB release the memory of the previous one.
            pipelines.limit_memory(LOAD_MEMORY, threads=1)
            todo = [name for name in source.selected_resources if name not in DETAILS] if loads == 0 else EVENT_TABLES
            pipelines.raw.run(source.with_resources(*todo))
            loads += 1
        # In a load of its own: the events are stored, whatever happens while models are read.
        pipelines.raw.run(source.with_resources(*DETAILS))
    finally:
        run.close()
    if run.reload_limit is not None:
        run.notice(reload_notice(run.reload_limit))
    run.incomplete = still_open(pipelines.raw, run.incomplete)
    write_new_comments(pipelines.raw)
    if run.versions_at is not None:
        # Anaplan's clock, which stamps the versions. The clock of this machine may be wrong.
        began = datetime.fromtimestamp(run.versions_at / 1000, timezone.utc)
    today = began if run.started_at is None else datetime.fromtimestamp(run.started_at / 1000, timezone.utc)
    changes, future_windows = _after(pipelines.raw, began, today.date())
    if run.started_at is not None and future_windows:
        # After any run: after one that was killed just before this line, the ledger no longer shows the need.
        _remove_future_windows(pipelines.raw, today.date())
    return LoadResult(run, loads, changes)


def _after(raw: dlt.Pipeline, since: datetime, today: date) -> tuple[dict[str, int], int]:
    """Count the records of each list that changed since a moment (UTC), and the windows of days after `today`."""
    moment = f"cast('{since:%Y-%m-%d %H:%M:%S.%f}+00:00' as timestamptz)"
    counts = [
        f"select '{name}' as name, cast(count(distinct id) as bigint) as number from {name} "
        f"where _dlt_valid_from >= {moment} or _dlt_valid_to >= {moment}"
        for name in LISTS
    ]
    counts.append(f"select 'future', cast(count(*) as bigint) from event_windows where window_day > date '{today}'")
    rows = rows_of(raw.dataset(), f"select * from ({' union all '.join(counts)}) as counts")
    changes = {name: int(number) for name, number in rows}
    return changes, changes.pop("future")


def _remove_future_windows(raw: dlt.Pipeline, today: date) -> None:
    """Remove the rows of future days, left by a wrong clock: a merge replaces days and never removes one."""
    with raw.sql_client() as client:
        client.execute_sql(
            f"DELETE FROM {client.make_qualified_table_name('event_windows')} WHERE window_day > DATE '{today}'"
        )
