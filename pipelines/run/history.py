"""Load model history into the raw dataset, in small dlt loads like a long backfill: memory stays flat."""

from collections import Counter
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from audit_source import KnownHistory, ModelHistory, Run
from audit_source.directory.history_tables import HISTORY_TABLES, MODEL_HISTORY, MODEL_HISTORY_READS
from pipelines.transform.incremental import rows_of, utc_moment
from pipelines.warehouse.pipelines import LOAD_MEMORY, Pipelines
from pipelines.warehouse.table_comments import write_new_comments

from .known import purged_before
from .load import MERGE_KNOWN


class HistoryResult(NamedTuple):
    """The result of loading model history.

    Attributes:
        run (Run): What the source found.
        new_rows (int): Rows that the table has more than before.
        statuses (Dict[str, int]): Number of attempted models by status, as in `model_history_reads`.
        rewritten (List[str]): Names of models whose file no longer ended with the known rows.
    """

    run: Run
    new_rows: int
    statuses: dict[str, int]
    rewritten: list[str]


def load_history(pipelines: Pipelines, run: Run | None = None) -> HistoryResult:
    """Load the new rows of every model that has a history export.

    Raises:
        PipelineStepFailed: A dlt load failed. The loads before it are kept, and the next run continues from there.
    """
    run = run or Run(tolerant=True)
    known = read_known_history(pipelines.raw)
    try:
        history = ModelHistory(run=run, known=known)
        while history.unfinished:
            # Before each load: setting the limit makes DuckDB release the memory of the previous one.
            pipelines.limit_memory(LOAD_MEMORY, threads=1)
            pipelines.raw.run(_source(pipelines, history))
            history.stored = stored_rows(pipelines.raw)
    finally:
        run.close()
    write_new_comments(pipelines.raw)
    new_rows = sum(history.stored.values()) - sum(known.stored.values())
    statuses = Counter(one.status for one in history.ended)
    return HistoryResult(run, new_rows, dict(statuses), history.rewritten)


def read_known_history(raw: dlt.Pipeline) -> KnownHistory:
    """Return what the destination holds of model history; nothing if a table is missing."""
    existing: set[str] = set(raw.default_schema.data_table_names()) if raw.default_schema_name else set()
    if not existing.issuperset(table.name for table in HISTORY_TABLES):
        return KnownHistory(purged_before=_first_day(raw))
    # A table of an earlier version lacks a column until the next load.
    existing_columns = raw.default_schema.tables[MODEL_HISTORY_READS.name]["columns"]
    names = [column.name for column in MODEL_HISTORY_READS.columns if column.name in existing_columns]
    try:
        rows = rows_of(raw.dataset(), f"select {', '.join(names)} from {MODEL_HISTORY_READS.name}")
    except DatabaseUndefinedRelation:
        rows = []
    reads = [dict(zip(names, row, strict=True)) for row in rows]
    for read in reads:
        read["read_at"] = utc_moment(read["read_at"])
    return KnownHistory({read["model_id"]: read for read in reads}, stored_rows(raw), _first_day(raw))


def stored_rows(raw: dlt.Pipeline) -> dict[str, int]:
    """Return the number of rows of each model. It reads one column of the whole table."""
    try:
        query = f"select model_id, count(*) as number from {MODEL_HISTORY.name} group by model_id"
        return {model: int(number) for model, number in rows_of(raw.dataset(), query)}
    except DatabaseUndefinedRelation:
        return {}


def _source(pipelines: Pipelines, history: ModelHistory) -> Any:
    source = history.source()
    for resource in source.resources.values():
        resource.apply_hints(file_format=pipelines.file_format)
    source.resources[MODEL_HISTORY.name].apply_hints(**pipelines.engine.day_hints("change_day", "loaded_at"))
    if pipelines.engine.writes_directly:
        # The source yields each row once per load, so the merge need not remove duplicates.
        source.resources[MODEL_HISTORY.name].apply_hints(write_disposition=MERGE_KNOWN)
    return source


def _first_day(raw: dlt.Pipeline) -> date | None:
    midnight = purged_before(raw)
    return datetime.fromtimestamp(midnight / 1000, timezone.utc).date() if midnight else None
