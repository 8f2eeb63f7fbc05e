"""The tables of a lakehouse copy: their columns and texts, the day that they are partitioned by, and their rows."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

import dlt
import pyarrow as pa
from sqlglot import exp

from audit_source.directory.history_tables import MODEL_HISTORY
from audit_source.schema import EVENTS
from pipelines.transform.parse import MODELS_DIR, Model, read_tables
from pipelines.transform.summaries import one_of
from pipelines.warehouse.streaming import arrow_schema, columns_of, stream
from pipelines.warehouse.table_comments import described

LOAD_ID = "_dlt_load_id"
# Not `event_windows`, which is small and whose rows a purge changes where they are.
RAW_DAYS = {EVENTS.name: "event_day", MODEL_HISTORY.name: "change_day"}


class DayState(NamedTuple):
    """The number of rows of a day, and the newest load that wrote any of them. Equal states have equal rows."""

    rows: int
    newest: str | None


Days = dict[date | None, DayState]


class Contents(NamedTuple):
    """A table of a dataset. `day` is its column of the UTC day; without one it is small. `text` describes it."""

    dataset: dlt.Dataset
    name: str
    columns: dict[str, str]
    schema: pa.Schema
    day: str | None
    text: str

    def rows(self, days: Iterable[date | None] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of some days (None is no day), or of all, in chunks."""
        query = exp.select(*(exp.column(name) for name in self.columns)).from_(exp.to_table(self.name))
        if days is not None and self.day:
            wanted = set(days)
            found = one_of(self.day, {day for day in wanted if day is not None})
            query = query.where(found.or_(exp.column(self.day).is_(exp.null())) if None in wanted else found)
        return stream(self.dataset, query, self.columns)


def contents_of(pipeline: dlt.Pipeline) -> list[Contents]:
    """Return the tables of a pipeline's dataset."""
    schema, dataset = pipeline.default_schema, pipeline.dataset()
    texts = described(schema)
    by_day = {**RAW_DAYS, **_enriched_days()}
    found = []
    for name in sorted(schema.data_table_names(seen_data_only=True)):
        columns, day = columns_of(schema, name), by_day.get(name)
        if day not in columns or LOAD_ID not in schema.tables[name]["columns"]:
            day = None
        if day:
            columns = {**columns, LOAD_ID: "text"}
        fields = [
            field.with_metadata({"comment": texts[name, field.name]}) if texts.get((name, field.name)) else field
            for field in arrow_schema(columns)
        ]
        found.append(Contents(dataset, name, columns, pa.schema(fields), day, texts.get((name, ""), "")))
    return found


def stored_days(tables: Iterable[Contents]) -> dict[str, Days]:
    """Return the state of each day of the tables that have one, all of one dataset, by one statement."""
    with_days = [one for one in tables if one.day]
    found: dict[str, Days] = {one.name: {} for one in with_days}
    if not with_days:
        return found
    query = exp.union(*map(_states, with_days), distinct=False) if len(with_days) > 1 else _states(with_days[0])
    columns = {"table_name": "text", "day": "date", "row_count": "bigint", "newest": "text"}
    for chunk in stream(with_days[0].dataset, query, columns):
        for row in chunk.to_pylist():
            found[row["table_name"]][row["day"]] = DayState(row["row_count"], row["newest"])
    return found


def _states(one: Contents) -> exp.Select:
    day = exp.column(str(one.day))
    return (
        exp.select(
            exp.Literal.string(one.name).as_("table_name"),
            day.as_("day"),
            exp.Count(this=exp.Star()).as_("row_count"),
            exp.Max(this=exp.column(LOAD_ID)).as_("newest"),
        )
        .from_(exp.to_table(one.name))
        .group_by(day)
    )


def _enriched_days() -> dict[str, str]:
    tables = (table for table in read_tables(MODELS_DIR) if isinstance(table, Model))
    return {table.name: table.docs.day for table in tables if table.docs.day}
