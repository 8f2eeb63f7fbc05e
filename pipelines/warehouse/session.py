"""What one run keeps between the many clients that dlt makes: settings, open connections, what the database has.

dlt makes a client for nearly every statement. Each one would read all settings, sign in to the database and ask again
whether the dataset and the schema are there. A statement costs 100 to 300 ms on a cloud warehouse, a sign-in more.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any

from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

# Firewalls drop connections that were silent for a few minutes, without telling either end.
LONGEST_IDLE_SECONDS = 60.0


class Session:
    """Shared by all clients of one destination.

    Attributes:
        is_usable (Callable): Whether an open connection can be used again. None: connections are not kept.
        close_one (Callable): Closes a connection.
    """

    def __init__(
        self,
        is_usable: Callable[[Any], bool] | None = None,
        close_one: Callable[[Any], None] = lambda connection: connection.close(),
    ) -> None:
        self.is_usable, self.close_one = is_usable, close_one
        self.datasets: set[str] = set()
        self.schemas: dict[tuple[str, str], Any] = {}
        self._changed: set[str] = set()
        self._idle: list[tuple[Any, float]] = []
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Any:
        """Return an open connection that no client uses, or None."""
        with self._lock:
            while self._idle:
                connection, since = self._idle.pop()
                if time.monotonic() - since < LONGEST_IDLE_SECONDS and self._usable(connection):
                    return connection
                self.close_one(connection)
        return None

    def keep(self, connection: Any) -> bool:
        """Keep a connection for the next client; return whether it is kept."""
        with self._lock:
            if self._closed or not self._usable(connection):
                return False
            self._idle.append((connection, time.monotonic()))
            return True

    def close(self) -> None:
        """Close the connections that no client uses, and keep none any more."""
        with self._lock:
            self._closed = True
            while self._idle:
                self.close_one(self._idle.pop()[0])

    def forget_schemas(self) -> None:
        """Drop the remembered schemas, because some are being deleted."""
        self.schemas.clear()

    def forget_schemas_but(self, dataset: str, version_hash: str) -> None:
        """Drop the remembered schemas of a dataset except one."""
        for known in [one for one in self.schemas if one[0] == dataset and one[1] != version_hash]:
            del self.schemas[known]

    def note_change(self, dataset: str) -> None:
        """Remember that tables of a dataset were created or changed, or its schema was."""
        self._changed.add(dataset)

    def takes_changes_of(self, dataset: str) -> bool:
        """Whether a dataset was changed since the last call."""
        was_changed = dataset in self._changed
        self._changed.discard(dataset)
        return was_changed

    def _usable(self, connection: Any) -> bool:
        return self.is_usable is not None and self.is_usable(connection)

    def share_with(self, client: Any) -> None:
        """Make a new client of dlt use this session."""
        if isinstance(client, SqlJobClientBase):
            # dlt's factory makes the client and its SQL client, so their classes can only be changed afterwards.
            client.__class__ = _with(_Remembering, type(client))
            client.session = self  # type: ignore[attr-defined]
            if self.is_usable is not None:
                sql_client: Any = client.sql_client
                sql_client.__class__ = _with(_Kept, sql_client.__class__)
                sql_client.session = self


class WithSession:
    """Mixin for a destination of dlt: one session, and settings that are read once."""

    # No `__init__`: dlt reads its signature to find out which arguments were left out.

    @cached_property
    def session(self) -> Session:
        """The session of all clients."""
        return Session(self.is_usable, self.close_one)

    is_usable: Callable[[Any], bool] | None = None

    @staticmethod
    def close_one(connection: Any) -> None:
        """Close a kept connection."""
        connection.close()

    @cached_property
    def _capabilities(self) -> dict[Any, Any]:
        return {}

    @cached_property
    def _configurations(self) -> dict[str, Any]:
        return {}

    # dlt calls these about a hundred times in a run. Reading all settings each time took a tenth of an hourly run.
    def capabilities(self, config: Any = None, naming: Any = None) -> Any:
        """Return the capabilities, read once for each naming unless settings are given."""
        inherited: Any = super()
        if config is not None:
            return inherited.capabilities(config, naming)
        key = naming and (type(naming), naming.max_length)
        if key not in self._capabilities:
            self._capabilities[key] = inherited.capabilities(None, naming)
        return self._capabilities[key].copy()

    def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
        """Return the settings, read once for each initial configuration."""
        inherited: Any = super()
        if accept_partial:
            return inherited.configuration(initial_config, accept_partial)
        key = repr(dict(initial_config or {}))
        if key not in self._configurations:
            self._configurations[key] = inherited.configuration(initial_config)
        return self._configurations[key].copy()

    def client(self, schema: Any, initial_config: Any = None) -> Any:
        """Return a client that shares the session."""
        inherited: Any = super()
        client = inherited.client(schema, initial_config)
        self.session.share_with(client)
        return client


@contextmanager
def closing_session(destination: Any) -> Iterator[None]:
    """Close the connections of a destination at the end, where it keeps any."""
    try:
        yield
    finally:
        if isinstance(destination, WithSession):
            destination.session.close()


class _Kept(SqlClientBase[Any]):
    """Takes an open connection of the session, and gives it back instead of closing it.

    Seen in dlt 1.31: the clients of all these drivers hold their connection in `_conn`.
    """

    session: Session

    def open_connection(self) -> Any:
        self._conn = self.session.take()
        return self._conn or super().open_connection()  # type: ignore[safe-super]

    def close_connection(self) -> None:
        if self._conn is not None and self.session.keep(self._conn):
            self._conn = None
        else:
            super().close_connection()  # type: ignore[safe-super]


class _Remembering(SqlJobClientBase):
    """Asks the database once whether it has a dataset or a schema. Seen in dlt 1.31: all of these methods."""

    session: Session

    def is_storage_initialized(self) -> bool:
        name = self.sql_client.dataset_name
        if name not in self.session.datasets and super().is_storage_initialized():
            self.session.datasets.add(name)
        return name in self.session.datasets

    def get_stored_schema(self, schema_name: Any = None) -> Any:
        return self._remember(super().get_stored_schema(schema_name))

    def get_stored_schema_by_hash(self, version_hash: str) -> Any:
        known = self.session.schemas.get((self.sql_client.dataset_name, version_hash))
        return known or self._remember(super().get_stored_schema_by_hash(version_hash))

    def _remember(self, found: Any) -> Any:
        if found is not None:
            dataset = self.sql_client.dataset_name
            self.session.datasets.add(dataset)
            self.session.schemas[dataset, found.version_hash] = found
        return found

    def _execute_schema_update_sql(self, only_tables: Any, store_schema: bool = True) -> Any:
        self.session.note_change(self.sql_client.dataset_name)
        return super()._execute_schema_update_sql(only_tables, store_schema)

    def _delete_schema_in_storage(self, schema: Any) -> None:
        self.session.forget_schemas()
        super()._delete_schema_in_storage(schema)

    def drop_storage(self) -> None:
        self.session.datasets.clear()
        self.session.forget_schemas()
        super().drop_storage()


@cache
def _with(mixin: type, driver: type) -> type:
    return driver if issubclass(driver, mixin) else type(driver.__name__, (mixin, driver), {})
