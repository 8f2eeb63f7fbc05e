"""PostgreSQL: a lock in the database, a limit on waiting for readers, rows by the Arrow driver.

A statement that waits for an ACCESS EXCLUSIVE lock makes every new reader wait behind it. So tables are emptied by
DELETE, which readers tolerate. What remains (a new column) waits for `wait_for_readers_seconds` at most.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase

from pipelines.common.exit_codes import LOCKED, PipelineError
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, dataset_name

from .dlt_internals import causes
from .engine import INDEXED, Engine, Query
from .moments import with_utc_midnights

# SQLSTATE of a statement that has waited for `lock_timeout`.
_LOCK_NOT_AVAILABLE = "55P03"
_UNDEFINED_COLUMN = "42703"

# The oldest transaction that holds a lock on a table of these datasets.
_HOLDER = """
select a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'unnamed program'), a.xact_start
from pg_locks l
join pg_class c on c.oid = l.relation
join pg_namespace n on n.oid = c.relnamespace
join pg_stat_activity a on a.pid = l.pid
where n.nspname in (%s, %s) and l.granted and a.pid <> pg_backend_pid() and a.xact_start is not null
order by a.xact_start
limit 1
"""

_NEVER_IDLE = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"

_COMMENTS = """
select c.relname, coalesce(a.attname, ''), d.description
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join (
    select attrelid, attnum, attname from pg_catalog.pg_attribute where attnum > 0 and not attisdropped
    union all
    select oid, 0, null from pg_catalog.pg_class where relkind in ('r', 'p')
) a on a.attrelid = c.oid
left join pg_catalog.pg_description d
    on d.objoid = c.oid and d.objsubid = a.attnum and d.classoid = 'pg_catalog.pg_class'::regclass
where c.relkind in ('r', 'p') and n.nspname in (%s, %s)
"""


class Postgres(Engine):
    """A PostgreSQL database."""

    loads_by_statement = True
    parallel_statements = 4
    comment_catalogue = _COMMENTS
    materializes_repeated_ctes = True
    has_lease = False
    views_hold_tables = True

    def day_column_hints(self) -> dict[str, Any]:
        return {INDEXED: True}

    def load_time_hints(self) -> dict[str, Any]:
        return {INDEXED: True}

    def dbt_profile(self) -> dict[str, object]:
        return {
            "type": self.name,
            "host": "{{ env_var('DBT_POSTGRES_HOST', 'localhost') }}",
            "port": "{{ env_var('DBT_POSTGRES_PORT', '5432') | int }}",
            "user": "{{ env_var('DBT_POSTGRES_USER', 'postgres') }}",
            "password": "{{ env_var('DBT_POSTGRES_PASSWORD', '') }}",
            "dbname": "{{ env_var('DBT_POSTGRES_DBNAME', 'postgres') }}",
            "threads": 2,
        }

    def destination(self, database: Any = None) -> Any:
        # Imported here: reading a setting must not import the driver.
        from .postgres_destination import JsonTypes, WaitingPostgres, lock_wait_ms

        # dlt asks for it only when it connects, and would wrap the error of a wrong setting.
        lock_wait_ms()
        return WaitingPostgres(type_mapper=JsonTypes, **self.destination_options())

    def destination_options(self) -> dict[str, Any]:
        # TRUNCATE would wait for every open reader, and every new reader would wait behind it. DELETE waits for none.
        return {**super().destination_options(), "supports_truncate_command": False}

    @contextmanager
    def lock(self, pipeline: dlt.Pipeline, *datasets: str) -> Iterator[None]:
        """Hold an advisory lock for each dataset, on a connection that the server closes when the process dies."""
        from .postgres_destination import lock_number

        with pipeline.sql_client() as client:
            # The connection is idle for the whole run, and some servers end idle sessions.
            locks = ", ".join(f"pg_try_advisory_lock({lock_number(dataset)})" for dataset in datasets)
            [(*held, _)] = client.execute_sql(f"SELECT {locks}, ({_NEVER_IDLE})") or []
            if not all(held):
                dataset = datasets[held.index(False)]
                raise PipelineError(
                    LOCKED,
                    f"another run, on this machine or another, writes dataset `{dataset}`. Wait for it to end.",
                )
            yield

    def execute_together(self, client: SqlClientBase[Any], table: str, statements: list[str]) -> None:
        from .postgres_destination import execute_together

        execute_together(client, table, statements)

    def fixed_sql(self, query: Query) -> Query:
        # A connection has the time zone of the server, the database or the role.
        return with_utc_midnights(query)

    def stream(self, dataset: dlt.Dataset, relation: dlt.Relation) -> Iterator[pa.Table]:
        """Read with the Arrow driver: the driver for rows would hold the whole result in memory."""
        from adbc_driver_postgresql import dbapi

        config: Any = dataset.destination_client.config
        address = config.credentials.to_native_representation()
        with dbapi.connect(address) as connection, connection.cursor() as cursor:
            cursor.execute("set time zone 'UTC'")
            cursor.execute(relation.to_sql())
            for batch in cursor.fetch_record_batch():
                yield pa.Table.from_batches([batch])

    def lacks_column(self, error: BaseException) -> bool:
        return _UNDEFINED_COLUMN in _states_of(error)

    def explanation_of(self, error: BaseException, raw: dlt.Pipeline | None = None) -> PipelineError | None:
        """Name the session that holds the lock which a statement did not get in time."""
        return _locked_by(raw) if raw is not None and is_lock_timeout(error) else None


ENGINE = Postgres


def is_lock_timeout(error: BaseException) -> bool:
    """Whether a lock timeout caused an error, by the SQLSTATE that the driver for rows or the one for Arrow gives."""
    return _LOCK_NOT_AVAILABLE in _states_of(error)


def _states_of(error: BaseException) -> set[str | None]:
    return {getattr(cause, name, None) for cause in causes(error) for name in ("pgcode", "sqlstate")}


def _locked_by(raw: dlt.Pipeline) -> PipelineError:
    with raw.sql_client() as client:
        names = dataset_name(LOAD_NAME), dataset_name(ENRICH_NAME)
        rows: list[Any] = list(client.execute_sql(_HOLDER, *names) or [])
    if rows:
        pid, user, program, since = rows[0]
        who = f"session {pid} of `{user}` ({program}), in a transaction since {since:%Y-%m-%d %H:%M:%S} UTC"
        advice = f"End it, or `select pg_terminate_backend({pid})`, then run again."
    else:
        who, advice = "a session that has ended meanwhile", "Run again."
    return PipelineError(LOCKED, f"destination: a table stayed locked by {who}. {advice} Nothing was lost.")
