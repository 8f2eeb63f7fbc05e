"""The housekeeping of a lake: which functions of DuckLake are called, and when."""

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from pipelines.warehouse.ducklake_destination import OneInstance, remove_all_but_the_present, remove_old_snapshots
from pipelines.warehouse.session import Session


class Client:
    """Answers with the age of the oldest snapshot, and keeps what is called."""

    capabilities = SimpleNamespace(escape_literal=lambda text: f"'{text}'")
    credentials = SimpleNamespace(ducklake_name="lake")

    def __init__(self, days: float | None) -> None:
        self.oldest = None if days is None else datetime.now(timezone.utc) - timedelta(days=days)
        self.called: list[str] = []

    def execute_sql(self, sql: str) -> list[tuple[Any, ...]]:
        if sql.startswith("SELECT"):
            return [(self.oldest,)]
        self.called.append(sql.removeprefix("CALL ").partition("(")[0])
        return []


HOUSEKEEPING = ["ducklake_expire_snapshots", "ducklake_merge_adjacent_files", "ducklake_cleanup_old_files"]


@pytest.mark.parametrize(("days", "expected"), [(None, []), (1.9, []), (2.1, HOUSEKEEPING)])
def test_old_snapshots_are_removed_about_once_a_day(days: float | None, expected: list[str]) -> None:
    client = Client(days)
    assert remove_old_snapshots(client) is bool(expected)
    assert client.called == expected


def test_a_purge_rewrites_files_before_it_expires_snapshots() -> None:
    client = Client(0)
    remove_all_but_the_present(client)
    assert client.called == ["ducklake_rewrite_data_files", *HOUSEKEEPING]


def test_a_lake_is_detached_before_its_connection_is_closed() -> None:
    session = Session(OneInstance.is_usable, OneInstance.close_one)
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as lake; use lake")
    session.keep(connection)
    assert session.take() is connection
    session.keep(connection)
    session.close()
    with pytest.raises(duckdb.ConnectionException, match="closed"):
        connection.execute("select 1")
