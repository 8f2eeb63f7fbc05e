"""The tables of what was forwarded to a SIEM, in the raw dataset. Rows are only inserted and deleted.

`forwarded_events` is what keeps an event from being sent twice: it outlives rewrites and rebuilds of the enriched
tables. `forwarded_days` only says where to look, so that a run does not read the days of before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from typing import Any

import dlt
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from .dlt_internals import create_tables
from .engine import Engine, engine_of
from .sql_fixes import for_dialect
from .table_comments import comment_tables
from .table_names import name_datasets

TARGETS, DAYS, EVENTS = "forward_targets", "forwarded_days", "forwarded_events"
SCHEMA_NAME = "audit_forward"
DESCRIPTIONS = {
    TARGETS: "One row per target that events are forwarded to",
    DAYS: "One row per target and UTC day whose events were all forwarded",
    EVENTS: "One row per target and event that it has accepted",
}
_TARGET = ("text", "Name of the target: its section under `[forward]`")
COLUMNS: dict[str, dict[str, tuple[str, str]]] = {
    TARGETS: {
        "target": _TARGET,
        "first_day": ("date", "First UTC day whose events are sent; empty: all"),
        "began_at": ("timestamp", "When it was first used with that day (UTC)"),
    },
    DAYS: {
        "target": _TARGET,
        "event_day": ("date", "UTC day of the events"),
        "loaded_at": ("text", "`event_days.loaded_at` at that time; if it differs now, the day has new events"),
    },
    EVENTS: {
        "target": _TARGET,
        "event_day": ("date", "UTC day of the event"),
        "event_id": ("bigint", "Id of the event"),
    },
}
KEYS = {TARGETS: ("target",), DAYS: ("target", "event_day"), EVENTS: ("target", "event_id")}


class ForwardTables:
    """Writes these tables of a destination.

    Attributes:
        dataset (dlt.Dataset): The dataset that holds them, with the schema of these tables only.
    """

    def __init__(self, destination: Any, raw_name: str) -> None:
        self.dataset = dlt.dataset(destination, raw_name, schema=dlt.Schema(SCHEMA_NAME))
        self._engine = engine_of(self.dataset)
        self.dataset = dlt.dataset(destination, raw_name, schema=forward_schema(self._engine))

    def create(self) -> None:
        """Create the tables if they are missing."""
        with self.dataset.sql_client as client, _no_relation() as missing:
            for table in COLUMNS:
                client.execute_sql(f"SELECT * FROM {client.make_qualified_table_name(table)} WHERE 1 = 0")
        if not missing:
            return
        with self.dataset.destination_client as job_client:
            create_tables(job_client)
        with self.dataset.sql_client as client:
            # The newest schema of the raw dataset must be that of the events: other programs open the dataset with it.
            versions = client.make_qualified_table_name("_dlt_version")
            client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)
            comment_tables(client, self._engine, self.dataset.schema)

    def set_target(self, target: str, first_day: date | None) -> None:
        """Record a target with the first day whose events it gets."""
        with self.dataset.sql_client as client:
            _delete(client, TARGETS, target)
            row: dict[str, Any] = {"target": target, "first_day": first_day, "began_at": datetime.now(timezone.utc)}
            _insert(client, TARGETS, {name: value for name, value in row.items() if value is not None})

    def set_day(self, target: str, day: date, loaded_at: str) -> None:
        """Record that a target has all events of a day that loads have brought so far."""
        with self.dataset.sql_client as client:
            _delete(client, DAYS, target, day)
            _insert(client, DAYS, {"target": target, "event_day": day, "loaded_at": loaded_at})

    def add_events(self, query: exp.Query, enriched: dlt.Dataset) -> None:
        """Record the events that a query in DuckDB's dialect returns, with the columns of the table, as accepted.

        Tables that are not of this module are those of the enriched dataset.
        """
        # For names only, never opened: a DuckLake with a DuckDB file as catalogue accepts one connection.
        other = enriched.sql_client
        with self.dataset.sql_client as client:
            dialect = str(client.capabilities.sqlglot_dialect)
            query = for_dialect(query.copy(), dialect)
            name_datasets(query, lambda name: client if name in COLUMNS else other)
            path = client.make_qualified_table_name_path(EVENTS, False)
            parts = [exp.to_identifier(part, quoted=True) for part in path]
            table = exp.Table(this=parts[-1], db=parts[-2] if parts[1:] else None)
            table.set("catalog", parts[-3] if parts[2:] else None)
            client.execute_sql(exp.insert(query, table, columns=list(COLUMNS[EVENTS])).sql(dialect))

    def forget_before(self, day: date) -> None:
        """Delete what is recorded of older days, after their events were purged."""
        with self.dataset.sql_client as client, _no_relation():
            for table in (DAYS, EVENTS):
                name = client.make_qualified_table_name(table)
                client.execute_sql(f"DELETE FROM {name} WHERE event_day < %s", day)


def forward_schema(engine: Engine) -> dlt.Schema:
    """Return the schema of these tables. A schema of its own: only who forwards gets the tables."""
    schema = dlt.Schema(SCHEMA_NAME)
    for name, columns in COLUMNS.items():
        hints: list[TColumnSchema] = [
            {"name": one, "data_type": kind, "nullable": True, "description": meaning}  # type: ignore[typeddict-item]
            for one, (kind, meaning) in columns.items()
        ]
        if name == EVENTS:
            # The one of them that grows: a run reads some days of it.
            hints[1].update(engine.day_column_hints())  # type: ignore[typeddict-item]
        table = new_table(name, columns=hints)
        table["description"] = DESCRIPTIONS[name]
        if name == EVENTS:
            table.update(engine.day_table_hints("event_day"))  # type: ignore[typeddict-item]
        schema.update_table(table)
    # Importing it gives it the version hash by which dlt recognises it.
    return dlt.Schema.from_dict(schema.to_dict())  # type: ignore[arg-type]


@contextmanager
def _no_relation() -> Iterator[list[bool]]:
    """Ignore that a table does not exist, and give a list that is no longer empty then."""
    missing: list[bool] = []
    try:
        yield missing
    except DatabaseUndefinedRelation:
        missing.append(True)


def _delete(client: SqlClientBase[Any], table: str, target: str, day: date | None = None) -> None:
    name = client.make_qualified_table_name(table)
    of_day = "" if day is None else " AND event_day = %s"
    client.execute_sql(f"DELETE FROM {name} WHERE target = %s{of_day}", target, *([] if day is None else [day]))


def _insert(client: SqlClientBase[Any], table: str, row: dict[str, Any]) -> None:
    name, columns = client.make_qualified_table_name(table), ", ".join(map(client.escape_column_name, row))
    client.execute_sql(f"INSERT INTO {name} ({columns}) VALUES ({', '.join(['%s'] * len(row))})", *row.values())
