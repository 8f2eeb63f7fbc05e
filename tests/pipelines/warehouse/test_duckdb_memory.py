"""How much memory a DuckDB file holds in a run."""

from pathlib import Path

import duckdb

from pipelines.warehouse.duckdb.engine import DuckDb


def held(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the bytes that hold rows which are in no checkpoint yet."""
    query = "select memory_usage_bytes from duckdb_memory() where tag = 'IN_MEMORY_TABLE'"
    [(size,)] = connection.execute(query).fetchall()
    return int(size)


def test_rows_of_a_run_hold_no_memory_once_it_is_freed(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "wide.duckdb")) as connection:
        columns = ", ".join(f"range + {number} as column_{number}" for number in range(40))
        connection.execute(f"create table wide as select {columns} from range(10)")
        connection.execute(f"insert into wide select {columns} from range(3000)")
        before = held(connection)
        DuckDb("duckdb").free_memory(connection)
        assert before > 1_000_000 > held(connection)
