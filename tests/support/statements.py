"""Counts the statements that a PostgreSQL server gets for one database, from its log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from tests.support.postgres import Postgres

_LINE = re.compile(r"^@(\S+) (\S+)\| LOG:  (?:statement|execute [^:]*): (.*)")


class Statements:
    """The statements of a span, as `texts`, and the number of `connections` that sent them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.connections = 0


class StatementLog:
    """Reads the log of a server that logs every statement of one database."""

    def __init__(self, server: Postgres, address: str) -> None:
        self._file = server.log_file
        self._database = address.partition("?")[0].rpartition("/")[2]
        connection = psycopg2.connect(address)
        connection.autocommit = True
        cursor = connection.cursor()
        # The session and the database. Every message of a client is one entry.
        cursor.execute("alter system set log_line_prefix = '@%c %d| '")
        cursor.execute("select pg_reload_conf()")
        cursor.execute(f"alter database {self._database} set log_statement = 'all'")
        connection.close()

    @contextmanager
    def watched(self) -> Iterator[Statements]:
        """Give the statements that are sent inside the `with` block. They are complete at its end."""
        found = Statements()
        start = self._file.stat().st_size
        yield found
        with self._file.open("rb") as file:
            file.seek(start)
            lines = file.read().decode(errors="replace").splitlines()
        matches = [match for match in map(_LINE.match, lines) if match and match[2] == self._database]
        found.texts = [match[3] for match in matches]
        found.connections = len({match[1] for match in matches})
