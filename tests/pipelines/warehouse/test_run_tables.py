"""Rows of the pipeline's own tables: values that are missing, and statements of many rows."""

from datetime import datetime, timezone
from typing import Any

import pytest

from pipelines.warehouse.engine import engine_named
from pipelines.warehouse.row_statements import ROWS_PER_STATEMENT
from pipelines.warehouse.run_tables import ALERTS, RUNS, OwnTables
from tests.support.model_warehouse import Warehouse

MOMENT = datetime(2026, 3, 1, tzinfo=timezone.utc)


def test_missing_values_are_written_as_null_and_no_parameter(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BigQuery refuses NULL as a parameter."""
    tables = OwnTables(warehouse.raw)
    given: list[Any] = []
    client_class = type(warehouse.raw.sql_client())
    original = client_class.execute_sql

    def noted(self: Any, sql: Any, *values: Any, **named: Any) -> Any:
        given.extend(values)
        return original(self, sql, *values, **named)

    monkeypatch.setattr(client_class, "execute_sql", noted)
    row = {"run_id": "a", "command": "run", "started_at": MOMENT, "error": None}
    tables.insert(RUNS, [row])
    tables.update(RUNS, "run_id", {"run_id": "a", "exit_code": 0, "new_events": None, "error": "none"})
    [found] = tables.select(RUNS)
    assert (found["exit_code"], found["new_events"], found["error"], found["command"]) == (0, None, "none", "run")
    tables.update(RUNS, "run_id", {"run_id": "a", "error": None})
    assert tables.select(RUNS)[0]["error"] is None
    assert None not in given and "a" in given


def test_rows_of_many_statements_keep_their_values(warehouse: Warehouse) -> None:
    tables = OwnTables(warehouse.raw)
    rows = [
        {"kind": "run", "subject": str(number), "happened_at": MOMENT, "note": None if number % 3 else f"n{number}"}
        for number in range(ROWS_PER_STATEMENT + 7)
    ]
    tables.insert(ALERTS, rows)
    found = {row["subject"]: row["note"] for row in tables.select(ALERTS)}
    assert found == {row["subject"]: row["note"] for row in rows}


@pytest.mark.comments
def test_ducklake_writes_all_comments_in_one_transaction(loaded: Warehouse) -> None:
    with loaded.raw.sql_client() as client:
        table = client.make_qualified_table_name("events")
        good, bad = f"COMMENT ON TABLE {table} IS 'new'", f"COMMENT ON COLUMN {table}.nothing IS 'x'"
        query = "select comment from duckdb_tables() where table_name = 'events' and schema_name = 'anaplan_audit_raw'"
        before = client.execute_sql(query)
        with pytest.raises(Exception, match="nothing"):
            engine_named("ducklake").write_comments(client, [good, bad])
        assert client.execute_sql(query) == before
        engine_named("ducklake").write_comments(client, [good])
        assert client.execute_sql(query) == [("new",)]
