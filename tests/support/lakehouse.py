"""The rows of a lakehouse copy, as the library and as DuckDB read them, and those of the tables it was made from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

Tables = dict[str, list[tuple[Any, ...]]]


def library_tables(folder: Path) -> Tables:
    """Return the rows of all tables, by `dataset.table`."""
    from deltalake import DeltaTable

    found = {}
    for log in folder.glob("*/*/_delta_log"):
        rows = DeltaTable(str(log.parent)).to_pyarrow_table()
        names = shown(rows.column_names)
        found[name_of(log)] = ordered(tuple(row.values()) for row in rows.select(names).to_pylist())
    return found


def engine_tables(folder: Path, rows_of: Callable[[Path], tuple[list[str], list[tuple[Any, ...]]]]) -> Tables:
    """Return the same as `library_tables` from a function that returns names of columns and rows of a table."""
    found = {}
    for log in folder.glob("*/*/_delta_log"):
        names, rows = rows_of(log.parent)
        places = [names.index(name) for name in shown(names)]
        found[name_of(log)] = ordered(tuple(row[place] for place in places) for row in rows)
    return found


def duckdb_tables(folder: Path) -> Tables:
    """Return the rows of all tables as DuckDB's extension `delta` reads them."""
    with duckdb.connect() as connection:
        connection.execute("load delta")
        connection.execute("set TimeZone = 'UTC'")

        def rows_of(table: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
            found = connection.sql(f"select * from delta_scan('{table}')")
            return found.columns, found.fetchall()

        return engine_tables(folder, rows_of)


def source_tables(file: Path, copied: Tables) -> Tables:
    """Return the rows of the tables in the DuckDB file that the copy must hold. The file holds more: dlt's own."""
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = {}
        for dataset, table in (name.split(".") for name in copied if not name.endswith("._published")):
            columns = connection.execute(
                "select column_name from duckdb_columns() where schema_name = ? and table_name = ?", [dataset, table]
            ).fetchall()
            names = ", ".join(f'"{name}"' for name in shown([name for (name,) in columns]))
            found[f"{dataset}.{table}"] = ordered(connection.sql(f"select {names} from {dataset}.{table}").fetchall())
        return found


def differing_tables(copied: Tables, expected: Tables) -> list[str]:
    return [name for name, rows in expected.items() if copied[name] != rows]


def versions(folder: Path) -> dict[str, int]:
    from deltalake import DeltaTable

    return {name_of(log): DeltaTable(str(log.parent)).version() for log in folder.glob("*/*/_delta_log")}


def name_of(log: Path) -> str:
    return f"{log.parent.parent.name}.{log.parent.name}"


def shown(names: list[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("_dlt") or name.startswith("_dlt_valid"))


def ordered(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(rows, key=str)
