"""dlt's PostgreSQL destination, whose connections wait for a lock only so long, and whose JSON is always `json`."""

from typing import Any, ClassVar

import dlt
from dlt.common.configuration import configspec
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration, PostgresCredentials
from dlt.destinations.impl.postgres.factory import PostgresTypeMapper

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


class WaitingPostgres(dlt.destinations.postgres):
    """The destination of a run."""

    spec = _WaitingConfiguration  # type: ignore[assignment]

    @property
    def destination_type(self) -> str:
        """The name of dlt's own destination."""
        # The name under which dlt keeps it in the pipeline's state, and under which its settings are found.
        return "dlt.destinations.postgres"
