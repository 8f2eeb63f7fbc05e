"""The table of the lease, `run_leases`, in the raw dataset: rows are only inserted, read and deleted.

No statement depends on a row count or on an UPDATE, which some engines do not have. `claimed_at` is written by the
destination's clock: machines may disagree about the time.
"""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import dlt
import sqlglot
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from pipelines.common.names import DIALECT
from pipelines.warehouse.dlt_internals import create_tables
from pipelines.warehouse.engine import Engine
from pipelines.warehouse.table_comments import comment_tables
from pipelines.warehouse.table_names import name_datasets

from .rules import Owner, Row

LEASES = "run_leases"
SCHEMA_NAME = "audit_lease"
DESCRIPTION = "One row per run that is in progress, and per renewal of its lease; rows of a killed run until the next"
COLUMNS: dict[str, tuple[str, str]] = {
    "claim_id": ("text", "Random id of the run's claim"),
    "renewal": ("bigint", "0 for the claim itself, then the number of the renewal"),
    "claimed_at": ("timestamp", "When the row was written, by the clock of the destination (UTC)"),
    "lease_seconds": ("bigint", "Seconds after which the row expires"),
    "host": ("text", "Machine of the run"),
    "pid": ("bigint", "Process of the run on that machine"),
}


class LeaseTable:
    """Sends the statements to a dataset. Its connection is open during a call only, and may be used by any thread."""

    def __init__(self, pipeline: dlt.Pipeline, engine: Engine) -> None:
        self._dataset = dlt.dataset(pipeline.destination, pipeline.dataset_name, schema=lease_schema())
        self._engine = engine
        # Resolves the configuration here, because a thread would not find it.
        self._client: SqlClientBase[Any] = self._dataset.sql_client

    @property
    def dataset_name(self) -> str:
        """The dataset that the lease is for."""
        return str(self._dataset.dataset_name)

    def add(self, owner: Owner, renewal: int, lease_seconds: int, settle: Callable[[], None]) -> list[Row]:
        """Insert a row, call `settle`, then return all rows, in this order."""
        with self._client as client:
            client.execute_sql(insertion(client, self._engine, owner, renewal, lease_seconds))
            settle()
            return self._rows(client)

    def rows(self) -> list[Row]:
        """Return all rows."""
        with self._client as client:
            return self._rows(client)

    def delete(self, claim_ids: list[str]) -> None:
        """Delete all rows of these claims."""
        with self._client as client:
            client.execute_sql(deletion(client, claim_ids))

    def create(self) -> None:
        """Create the table, and the dataset too, if they are missing."""
        with self._dataset.destination_client as job_client:
            create_tables(job_client)
        with self._client as client:
            # The newest schema of the raw dataset must be that of the events: other programs open the dataset with it.
            versions = client.make_qualified_table_name("_dlt_version")
            client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)
            comment_tables(client, self._engine, self._dataset.schema)

    def _rows(self, client: SqlClientBase[Any]) -> list[Row]:
        found = client.execute_sql(selection(client, self._engine)) or []
        return [Row(str(one[0]), int(one[1]), _aware(one[2]), int(one[3]), str(one[4]), int(one[5])) for one in found]


def insertion(client: SqlClientBase[Any], engine: Engine, owner: Owner, renewal: int, lease_seconds: int) -> str:
    """Return the statement that inserts a row, in the SQL of the destination."""
    values: list[exp.Expr] = [
        exp.Literal.string(owner.claim_id),
        exp.Literal.number(renewal),
        exp.cast(engine.current_moment(client), exp.DataType.Type.TIMESTAMPTZ),
        exp.Literal.number(lease_seconds),
        exp.Literal.string(owner.host),
        exp.Literal.number(owner.pid),
    ]
    query = engine.fixed_sql(exp.select(*values))
    return exp.insert(query, _table(client), columns=list(COLUMNS)).sql(_dialect(client))


def selection(client: SqlClientBase[Any], engine: Engine) -> str:
    """Return the statement that reads all rows, in the SQL of the destination."""
    query = sqlglot.parse_one(f"select {', '.join(COLUMNS)} from {LEASES}", dialect=DIALECT)
    assert isinstance(query, exp.Query)
    query = engine.fixed_sql(query)
    name_datasets(query, lambda _: client)
    return query.sql(_dialect(client))


def deletion(client: SqlClientBase[Any], claim_ids: list[str]) -> str:
    """Return the statement that deletes all rows of these claims, in the SQL of the destination."""
    listed = exp.column("claim_id").isin(*map(exp.Literal.string, claim_ids))
    return exp.delete(_table(client), where=listed).sql(_dialect(client))


def lease_schema() -> dlt.Schema:
    """Return the schema of the table. A schema of its own: engines with another lock do not get the table."""
    hints: list[TColumnSchema] = [
        {"name": name, "data_type": kind, "nullable": True, "description": meaning}  # type: ignore[typeddict-item]
        for name, (kind, meaning) in COLUMNS.items()
    ]
    table = new_table(LEASES, columns=hints)
    table["description"] = DESCRIPTION
    schema = dlt.Schema(SCHEMA_NAME)
    schema.update_table(table)
    # Importing it gives it the version hash by which dlt recognises it.
    return dlt.Schema.from_dict(schema.to_dict())  # type: ignore[arg-type]


def _table(client: SqlClientBase[Any]) -> exp.Table:
    query = exp.select("*").from_(LEASES)
    name_datasets(query, lambda _: client)
    table = query.find(exp.Table)
    assert table is not None
    table.set("alias", None)
    return table


def _dialect(client: SqlClientBase[Any]) -> str:
    return str(client.capabilities.sqlglot_dialect)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
