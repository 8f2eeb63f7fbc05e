"""dlt's PostgreSQL destination as a run uses it.

Its connections wait for a lock only so long and are used again, JSON is always `json`, files are copied by one
statement.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar

import dlt
import psycopg2
from dlt.common import logger
from dlt.common.configuration import configspec
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration, PostgresCredentials
from dlt.destinations.impl.postgres.factory import PostgresTypeMapper
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from dlt.destinations.insert_job_client import InsertValuesLoadJob
from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.destinations.sql_client import SqlClientBase
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from .dlt_internals import Unstaged
from .engine import INDEXED
from .postgres_copy import CopyJob
from .session import WithSession
from .settings import seconds_to_wait

# Autovacuum holds a lock too. It gives way only to a statement that has waited for `deadlock_timeout`: one second.
_SHORTEST_WAIT_MS = 1_500


def lock_wait_ms() -> int:
    """Return how long a statement waits for a lock: `wait_for_readers_seconds`, but not less than 1.5 s."""
    return max(_SHORTEST_WAIT_MS, int(seconds_to_wait() * 1000))


class JsonTypes(PostgresTypeMapper):
    """Rows cannot be copied into `jsonb`, so JSON is `json`, however a table was created."""

    def to_destination_type(self, column: Any, table: Any) -> str:
        """Return the type of a column in PostgreSQL."""
        return "json" if column["data_type"] == "json" else str(super().to_destination_type(column, table))


@configspec(init=False)
class _WaitingCredentials(PostgresCredentials):
    """Credentials whose connections wait for a lock for `lock_wait_ms` at most.

    dlt overwrites the options of a connection, except those in the query of its credentials. Both drivers get them.
    """

    __config_gen_annotations__: ClassVar[list[str]] = []

    def get_query(self) -> dict[str, Any]:
        query = dict(super().get_query())
        given = str(query.get("options", ""))
        if "lock_timeout" not in given:
            # Without a blank, which would not survive in an address.
            query["options"] = f"{given} -clock_timeout={lock_wait_ms()}".strip()
        return query


@configspec
class _WaitingConfiguration(PostgresClientConfiguration):
    credentials: _WaitingCredentials = None  # type: ignore[assignment]


class WaitingPostgres(WithSession, dlt.destinations.postgres):
    """The destination of a run."""

    spec = _WaitingConfiguration  # type: ignore[assignment]

    @staticmethod
    def is_usable(connection: Any) -> bool:
        """Whether a connection is open and outside a transaction."""
        return not connection.closed and connection.info.transaction_status == TRANSACTION_STATUS_IDLE

    @property
    def client_class(self) -> Any:
        """The client with jobs of its own."""
        return _RunClient

    @property
    def destination_type(self) -> str:
        """The name of dlt's own destination."""
        # The name under which dlt keeps it in the pipeline's state, and under which its settings are found.
        return "dlt.destinations.postgres"


class _SqlClient(Psycopg2SqlClient):
    """dlt's client, without the statement that resets a new connection."""

    def open_connection(self) -> Any:
        # Without a search path, which would differ between datasets: all names are complete.
        self._conn = psycopg2.connect(
            self.credentials.to_native_representation(),
            options=self.credentials.get_query().get("options", ""),
            client_encoding="utf8",
        )
        self._conn.autocommit = True
        return self._conn


class _RunClient(Unstaged, PostgresClient):
    def __init__(self, schema: Any, config: Any, capabilities: Any) -> None:
        super().__init__(schema, config, capabilities)
        names = self.sql_client.dataset_name, self.sql_client.staging_dataset_name
        self.sql_client = _SqlClient(*names, config.credentials, capabilities)

    def update_stored_schema(self, only_tables: Any = None, expected_update: Any = None, force: bool = False) -> Any:
        is_new = force or self.get_stored_schema_by_hash(self.schema.stored_version_hash) is None
        applied = super().update_stored_schema(only_tables, expected_update, force)
        if is_new and not self.sql_client.is_staging_dataset_active:
            self._create_indexes()
        return applied

    def _create_indexes(self) -> None:
        """Create the missing indexes of large tables, also of those that an earlier version created."""
        statements = [
            statement
            for table in self.schema.data_tables()
            for statement in index_statements(table, self.sql_client.make_qualified_table_name(str(table["name"])))
        ]
        try:
            if statements:
                self.sql_client.execute_many(statements)
        except DatabaseException as error:
            # The owner of the table may be somebody else. Without an index a run is only slower.
            logger.warning(f"Indexes of dataset `{self.sql_client.dataset_name}` were not created: {error}")

    def own_job(self, table: Any, path: str) -> Any:
        if path.endswith(".parquet"):
            return CopyJob(path)
        if ".insert_values" in os.path.basename(path):
            return _InsertJob(path)
        if path.endswith(".sql"):
            return MergeJob(path)
        return None


class _InsertJob(InsertValuesLoadJob):
    """Sends a file of one statement without a transaction around it."""

    def run(self) -> None:
        self._sql_client = self._job_client.sql_client
        table = self._sql_client.make_qualified_table_name(self.load_table_name)
        statements = list(islice(self._insert(table, self._file_path), 2))
        if len(statements) == 1:
            self._sql_client.execute_fragments(statements[0])
        else:
            super().run()


class MergeJob(SqlLoadJob):
    """Sends the statements of a merge in one message, which PostgreSQL runs as one transaction."""

    @contextmanager
    def maybe_transaction(self, sql: str) -> Iterator[None]:
        """Begin a transaction only for statements that are too long for one message."""
        if len(sql) < self._job_client.capabilities.max_query_length // 2:
            yield
            return
        with super().maybe_transaction(sql):
            yield


def execute_together(client: SqlClientBase[Any], table: str, statements: list[str]) -> None:
    """Execute all in one message, which PostgreSQL runs as one transaction.

    A statement of a killed run may still be running. It cannot insert rows that these do not see, because both hold
    the lock of the table.
    """
    client.execute_sql("; ".join([f"SELECT pg_advisory_xact_lock({lock_number(table)})", *statements]))


def index_statements(table: Any, name: str) -> list[str]:
    """Return the statements that create the indexes of a table, if there is a table.

    They are by day, by the time of the load where a run looks for it, and by its single key.
    """
    columns = table["columns"]
    indexed = [column for column, hints in columns.items() if hints.get(INDEXED)]
    keys = [column for column, hints in columns.items() if hints.get("primary_key")] if indexed else []
    return [
        f"DO $$ BEGIN IF to_regclass('{name}') IS NOT NULL THEN "
        f'CREATE INDEX IF NOT EXISTS "{table["name"]}_by_{column}" ON {name} ("{column}"); END IF; END $$'
        for column in [*indexed, *(keys if len(keys) == 1 else [])]
    ]


def lock_number(name: str) -> int:
    """Return the key of an advisory lock. All programs that use the database share the keys."""
    return int.from_bytes(hashlib.sha256(f"anaplan_audit:{name}".encode()).digest()[:8], "big", signed=True)
