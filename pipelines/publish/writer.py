"""Writes tables into a DuckDB file or a folder of parquet files, which replaces the one before it by a rename."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from pipelines.common.names import DIALECT
from pipelines.warehouse.streaming import arrow_schema, columns_of, stream
from pipelines.warehouse.table_comments import described

from .meanings import primary_keys, with_descriptions

# Marks a copy as written by this pipeline: a table in the database, a file in the folder. Readers of a folder of
# parquet files skip names with an underscore.
MARK, MARK_FILE = "_published", "_published.json"
# The raw tables in a copy: they say for which spans of time the other tables are complete.
FROM_RAW = ("event_windows",)
# Name of the new file while it is attached. No database file is called so: its name would begin with a dot.
COPY = '".publication"'
MEMORY, SLICE_ROWS = "150MB", 2_048


class Source(NamedTuple):
    """A pipeline, and the tables of its dataset that are copied."""

    pipeline: dlt.Pipeline
    tables: list[str]


class Rows(NamedTuple):
    """The rows of one table, in chunks."""

    schema: pa.Schema
    chunks: Iterator[pa.Table]


def write_database(sources: list[Source], path: str, connection: Any = None) -> int:
    """Replace `path` with a DuckDB file that holds the tables of each pipeline; return the number of rows.

    Each pipeline has a schema, named like its dataset. The schema of the last one contains the mark.

    Args:
        connection (Any): The DuckDB database that holds the tables; None if they are on a server.
    """
    keys = primary_keys()

    def fill(copy: Any) -> int:
        rows, schema = 0, ""
        for pipeline, tables in sources:
            schema, dataset = f"{COPY}.{quoted(pipeline.dataset_name)}", pipeline.dataset()
            copy.execute(f"create schema {schema}")
            for table in tables:
                target, columns = f"{schema}.{quoted(table)}", columns_of(pipeline.default_schema, table)
                _create_empty(copy, target, columns)
                add_key(copy, target, keys.get(table, ()), columns)
                if connection is None:
                    rows += _insert_stream(copy, target, _rows_of(dataset, table, columns))
                else:
                    rows += _insert_table(copy, target, f"{quoted(pipeline.dataset_name)}.{quoted(table)}", columns)
            write_comments(copy, schema, described(pipeline.default_schema), tables)
        write_mark(copy, schema)
        return rows

    return replace_database(path, connection, fill)


def replace_database(path: str, connection: Any, fill: Callable[[Any], int]) -> int:
    """Replace `path` with a new DuckDB file; return the number of rows that `fill` wrote.

    Args:
        connection (Any): The DuckDB database to which the new file is attached as `COPY`; None for one in memory.
        fill (Callable): Writes the tables of the new file, and its mark, on that connection.
    """
    new = beside(path, "new")
    with removed_at_the_end(new):
        with _attached(new, connection) as copy:
            rows = fill(copy)
        _flush(new)
        # DuckDB would replay a log that another program left beside the old copy into the new one.
        Path(f"{path}.wal").unlink(missing_ok=True)
        os.replace(new, path)
        _flush(os.path.dirname(path))
    return rows


def write_mark(copy: Any, schema: str) -> None:
    """Mark a new file as written by this pipeline, in one of its schemas."""
    copy.execute(
        f"create table {schema}.{MARK} as select cast(? as timestamptz) as published_at", [datetime.now(timezone.utc)]
    )


@contextmanager
def _attached(path: str, connection: Any) -> Iterator[Any]:
    """Attach a new file as `COPY` to the connection, or to a new database in memory; detach it at the end."""
    import duckdb

    with ExitStack() as stack:
        if connection is None:
            connection = stack.enter_context(duckdb.connect(config={"memory_limit": MEMORY}))
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set preserve_insertion_order = false")
        connection.execute(f"attach {text_literal(path)} as {COPY}")
        try:
            yield connection
            connection.execute(f"checkpoint {COPY}")
        finally:
            connection.execute(f"detach {COPY}")


def _create_empty(copy: Any, target: str, columns: Mapping[str, str]) -> None:
    """Create a table with the column types that Arrow gives, so that a copy has the same types from every source."""
    copy.register("no_rows", arrow_schema(columns).empty_table())
    copy.execute(f"create table {target} as select * from no_rows")
    copy.unregister("no_rows")


def add_key(copy: Any, target: str, key: Iterable[str], columns: Iterable[str]) -> None:
    """Add a primary key, by which tools find relations. The checks passed, so the rows fit it."""
    names = list(key)
    # The table of an earlier version may lack a column.
    if names and set(names) <= set(columns):
        copy.execute(f"alter table {target} add primary key ({', '.join(map(quoted, names))})")


def write_comments(copy: Any, schema: str, texts: Mapping[tuple[str, str], str], tables: Iterable[str]) -> None:
    """Write what tables and columns mean, in one transaction: each of its own would wait for the disk."""
    written = set(tables)
    copy.execute("begin transaction")
    for (table, column), text in texts.items():
        if table in written and not column.startswith("_dlt"):
            name = f"{schema}.{quoted(table)}"
            what = f"column {name}.{quoted(column)}" if column else f"table {name}"
            copy.execute(f"comment on {what} is {text_literal(text)}")
    copy.execute("commit")


def _insert_stream(copy: Any, target: str, rows: Rows) -> int:
    copy.register("source_rows", _reader(rows))
    inserted = count(copy.execute(f"insert into {target} select * from source_rows").fetchone())
    copy.unregister("source_rows")
    return inserted


def _insert_table(copy: Any, target: str, source: str, columns: Iterable[str]) -> int:
    database = quoted(str(copy.execute("select current_database()").fetchone()[0]))
    names = ", ".join(map(quoted, columns))
    return count(copy.execute(f"insert into {target} ({names}) select {names} from {database}.{source}").fetchone())


def write_folder(sources: list[Source], path: str) -> int:
    """Write a folder with a parquet file for each table, point the link `path` to it, and return the number of rows."""

    def fill(folder: Path) -> int:
        rows = 0
        for pipeline, tables in sources:
            dataset, texts = pipeline.dataset(), described(pipeline.default_schema)
            for table in tables:
                found = _rows_of(dataset, table, columns_of(pipeline.default_schema, table))
                schema = with_descriptions(found.schema, table, texts)
                rows += write_parquet(found._replace(schema=schema), folder / f"{table}.parquet")
        return rows

    return replace_folder(path, fill)


def replace_folder(path: str, fill: Callable[[Path], int]) -> int:
    """Point the link `path` to a new folder; return the number of rows that `fill` wrote into it."""
    name = os.path.basename(path)
    moment = datetime.now(timezone.utc)
    version = f".{name}.{moment:%Y%m%dT%H%M%S%f}"
    parent = Path(path).parent
    link = parent / f".{name}.new"
    before = os.readlink(path) if os.path.islink(path) else None
    _remove_versions(parent, name, keep={before})
    try:
        (parent / version).mkdir()
        rows = fill(parent / version)
        mark = parent / version / MARK_FILE
        mark.write_text(f'{{"published_at": "{moment.isoformat()}"}}\n', encoding="utf-8")
        _flush(str(mark))
        _flush(str(parent / version))
    except BaseException:
        shutil.rmtree(parent / version, ignore_errors=True)
        raise
    link.unlink(missing_ok=True)
    link.symlink_to(version)
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    os.replace(link, path)
    _flush(str(parent))
    _remove_versions(parent, name, keep={before, version})
    return rows


def _rows_of(dataset: dlt.Dataset, table: str, columns: Mapping[str, str]) -> Rows:
    query = exp.select(*(exp.column(name) for name in columns)).from_(exp.to_table(table))
    return Rows(arrow_schema(columns), stream(dataset, query, columns))


def _reader(rows: Rows) -> pa.RecordBatchReader:
    # Small slices: DuckDB reads many batches ahead.
    batches = (batch for chunk in rows.chunks for batch in chunk.to_batches(max_chunksize=SLICE_ROWS))
    return pa.RecordBatchReader.from_batches(rows.schema, batches)


def write_parquet(rows: Rows, path: Path) -> int:
    """Write a parquet file, and return the number of rows."""
    number = 0
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
        for chunk in rows.chunks:
            writer.write_table(chunk)
            number += chunk.num_rows
    _flush(str(path))
    return number


def quoted(name: str) -> str:
    """Return a name as an identifier in DuckDB's SQL."""
    return exp.to_identifier(name, quoted=True).sql(DIALECT)


def text_literal(value: str) -> str:
    """Return a text as a literal in DuckDB's SQL."""
    return exp.Literal.string(value).sql(DIALECT)


def beside(path: str, suffix: str) -> str:
    """Return the path of a hidden file beside another one."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{suffix}")


@contextmanager
def removed_at_the_end(path: str) -> Iterator[None]:
    """Remove a temporary DuckDB file at the end, and at the start the one that a killed run left."""
    try:
        _remove_database(path)
        yield
    finally:
        _remove_database(path)


def _remove_database(path: str) -> None:
    for suffix in ("", ".wal"):
        Path(path + suffix).unlink(missing_ok=True)
    shutil.rmtree(f"{path}.tmp", ignore_errors=True)


def _remove_versions(parent: Path, name: str, keep: set[str | None]) -> None:
    for entry in os.listdir(parent):
        if versions(name).fullmatch(entry) and entry not in keep:
            shutil.rmtree(parent / entry, ignore_errors=True)


def remove_older_versions(path: str) -> None:
    """Remove every version of a folder except the one to which the link `path` points. A database has no versions."""
    if os.path.islink(path):
        _remove_versions(Path(path).parent, os.path.basename(path), keep={os.readlink(path)})


def versions(name: str) -> re.Pattern[str]:
    """Return the pattern of the folder names to which a link of this name may point."""
    return re.compile(rf"\.{re.escape(name)}\.\d{{8}}T\d{{12}}")


def _flush(path: str) -> None:
    """Write a file, or the names in a folder, to the disk, so that a power cut leaves no empty copy."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def count(row: Any) -> int:
    """Return the number in the row of a counting query."""
    return int(row[0]) if row else 0
