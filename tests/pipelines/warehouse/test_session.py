"""Connections of a run are used again, but never a broken one; files are copied field for field."""

from collections.abc import Iterator
from datetime import date, datetime, timezone
from typing import Any

import psycopg2
import pyarrow as pa
import pytest

from pipelines.warehouse import session as sessions
from pipelines.warehouse.postgres_copy import _Chunks, as_text
from pipelines.warehouse.session import Session
from tests.support.hostile_values import HOSTILE
from tests.support.postgres import Postgres


class Connection:
    """A connection that can be closed."""

    def __init__(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def session() -> Session:
    return Session(lambda connection: bool(connection.is_open))


def test_a_connection_is_used_again(session: Session) -> None:
    connection = Connection()
    assert session.take() is None
    assert session.keep(connection)
    assert session.take() is connection
    # Nobody else gets it meanwhile.
    assert session.take() is None


def test_a_broken_connection_is_not_kept(session: Session) -> None:
    connection = Connection()
    connection.close()
    assert not session.keep(connection)
    kept = Connection()
    session.keep(kept)
    kept.close()
    assert session.take() is None


def test_a_connection_that_was_long_idle_is_closed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection()
    session.keep(connection)
    monkeypatch.setattr(sessions, "LONGEST_IDLE_SECONDS", 0.0)
    assert session.take() is None
    assert not connection.is_open


def test_a_closed_session_keeps_nothing(session: Session) -> None:
    idle, late = Connection(), Connection()
    session.keep(idle)
    session.close()
    assert not idle.is_open
    assert not session.keep(late)


@pytest.fixture
def cursor(postgres: Postgres) -> Iterator[Any]:
    with psycopg2.connect(postgres.new_database()) as connection, connection.cursor() as cursor:
        yield cursor
    connection.close()


def test_every_value_arrives_as_it_is(cursor: Any) -> None:
    texts = [None, "", "\\N", "\\.", "a\n\\.\nb", "\\", "tab\there", 'quote"s', "\r\n", " lead", *HOSTILE]
    texts = [text.replace("\0", "") if text else text for text in texts]
    moment = datetime(2026, 3, 8, 6, 56, 1, 123456, tzinfo=timezone.utc)
    numbers = [None if n % 3 == 0 else n - 5 for n in range(len(texts))]
    rows = pa.record_batch(
        {
            "number": pa.array(range(len(texts)), pa.int64()),
            "text": pa.array(texts, pa.string()),
            "maybe": pa.array(numbers, pa.int64()),
            "half": pa.array([None if n is None else n / 7 for n in numbers], pa.float64()),
            "flag": pa.array([n is None for n in numbers]),
            "day": pa.array([None if n is None else date(2026, 3, 8) for n in numbers], pa.date32()),
            "moment": pa.array([None if n is None else moment for n in numbers], pa.timestamp("us", "UTC")),
        }
    )
    cursor.execute("set time zone 'America/New_York'")
    cursor.execute(
        "create temp table rows (number bigint, text text, maybe bigint, half double precision, flag boolean, day date,"
        " moment timestamptz)"
    )
    cursor.copy_expert("copy rows from stdin", _Chunks(iter([as_text(rows.slice(0, 4)), as_text(rows.slice(4))])))
    cursor.execute("select * from rows order by number")
    assert cursor.fetchall() == [tuple(row.values()) for row in rows.to_pylist()]
