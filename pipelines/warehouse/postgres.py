"""PostgreSQL: a run waits for readers with a limit, and names the session that holds it up.

A statement that waits for an ACCESS EXCLUSIVE lock makes every new reader wait behind it. So tables are emptied by
DELETE, which readers tolerate, and what remains (a new column) waits for `wait_for_readers_seconds` at most.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt

from pipelines.common.exit_codes import LOCKED, PipelineError
from pipelines.warehouse.duckdb.file import seconds_to_wait

# Autovacuum holds a lock too, and gives way only when somebody has waited for `deadlock_timeout`, which is a second.
_SHORTEST_WAIT_MS = 1_500

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


def limit_waiting() -> None:
    """Let every connection of dlt's give up a lock after `wait_for_readers_seconds`, but not within 1.5 s.

    dlt 1.31 overwrites the options of a connection but for those in the query of the credentials, which its driver for
    rows and the one for Arrow both get.
    """
    # Here: a run on DuckDB has no use for it.
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    milliseconds = max(_SHORTEST_WAIT_MS, int(seconds_to_wait() * 1000))
    original = getattr(PostgresCredentials, "query_as_configured", PostgresCredentials.get_query)

    def get_query(self: Any) -> dict[str, Any]:
        query = dict(original(self))
        given = str(query.get("options", ""))
        if "lock_timeout" not in given:
            # Without a blank, which would not survive in an address.
            query["options"] = f"{given} -clock_timeout={milliseconds}".strip()
        return query

    PostgresCredentials.query_as_configured = original  # type: ignore[attr-defined]
    PostgresCredentials.get_query = get_query  # type: ignore[method-assign]


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether a lock timeout is among the causes of an error; the drivers share no class for it, only its text."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if "lock timeout" in str(error):
            return True
        error = getattr(error, "exception", None) or error.__cause__ or error.__context__
    return False


@contextmanager
def naming_holder(raw: dlt.Pipeline, enriched: dlt.Pipeline) -> Iterator[None]:
    """Let whatever gives up a lock in here end with the error that names the session in the way.

    Raises:
        PipelineError: A lock was not to be had in time.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, PipelineError) or not is_lock_timeout(error):
            raise
        raise locked(raw, enriched) from error


def locked(raw: dlt.Pipeline, enriched: dlt.Pipeline) -> PipelineError:
    """Return the error that names the session in the way."""
    with raw.sql_client() as client:
        rows: list[Any] = list(client.execute_sql(_HOLDER, raw.dataset_name, enriched.dataset_name) or [])
    if rows:
        pid, user, program, since = rows[0]
        who = f"session {pid} of `{user}` ({program}), in a transaction since {since:%Y-%m-%d %H:%M:%S} UTC"
        advice = f"End it, or `select pg_terminate_backend({pid})`, then run again."
    else:
        who, advice = "a session that has ended meanwhile", "Run again."
    return PipelineError(LOCKED, f"destination: a table stayed locked by {who}. {advice} Nothing was lost.")
