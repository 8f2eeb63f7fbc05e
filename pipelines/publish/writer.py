"""Writes tables into a DuckDB file or a folder of parquet files, which replaces the one before it by a rename."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from pipelines.common.names import DIALECT
from pipelines.warehouse.streaming import arrow_schema, columns_of, stream

# Marks a copy as written by this pipeline: a table in the database, a file in the folder. Readers of a folder of
# parquet files skip names with an underscore.
MARK, MARK_FILE = "_published", "_published.json"
# The raw tables in a copy: they say for which spans of time the other tables are complete.
FROM_RAW = ("event_windows",)
MEMORY, SLICE_ROWS = "150MB", 2_048


class Source(NamedTuple):
    """A pipeline, and the tables of its dataset that are copied."""

    pipeline: dlt.Pipeline
    tables: list[str]


class _Rows(NamedTuple):
    """The rows of one table, in chunks."""

    schema: pa.Schema
    chunks: Iterator[pa.Table]


def write_database(sources: list[Source], path: str) -> int:
    """Replace `path` with a DuckDB file that holds the tables of each pipeline; return the number of rows.

    Each pipeline has a schema, named like its dataset. The schema of the last one contains the mark.
    """
    import duckdb

    new = beside(path, "new")
    rows = 0
    with removed_at_the_end(new):
        with duckdb.connect(new, config={"memory_limit": MEMORY}) as copy:
            copy.execute("set TimeZone = 'UTC'")
            copy.execute("set preserve_insertion_order = false")
            for pipeline, tables in sources:
                schema, dataset = quoted(pipeline.dataset_name), pipeline.dataset()
                copy.execute(f"create schema {schema}")
                for table in tables:
                    copy.register("source_rows", _reader(_rows_of(pipeline, dataset, table)))
                    copy.execute(f"create table {schema}.{quoted(table)} as select * from source_rows")
                    copy.unregister("source_rows")
                    rows += count(copy.execute(f"select count(*) from {schema}.{quoted(table)}").fetchone())
            copy.execute(
                f"create table {schema}.{MARK} as select cast(? as timestamptz) as published_at",
                [datetime.now(timezone.utc)],
            )
        _flush(new)
        # DuckDB would replay a log that another program left beside the old copy into the new one.
        Path(f"{path}.wal").unlink(missing_ok=True)
        os.replace(new, path)
        _flush(os.path.dirname(path))
    return rows


def write_folder(sources: list[Source], path: str) -> int:
    """Write a folder with a parquet file for each table, point the link `path` to it, and return the number of rows."""
    name = os.path.basename(path)
    moment = datetime.now(timezone.utc)
    version = f".{name}.{moment:%Y%m%dT%H%M%S%f}"
    parent = Path(path).parent
    link = parent / f".{name}.new"
    before = os.readlink(path) if os.path.islink(path) else None
    _remove_versions(parent, name, keep={before})
    rows = 0
    try:
        (parent / version).mkdir()
        for pipeline, tables in sources:
            dataset = pipeline.dataset()
            for table in tables:
                rows += _write_parquet(_rows_of(pipeline, dataset, table), parent / version / f"{table}.parquet")
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


def _rows_of(pipeline: dlt.Pipeline, dataset: dlt.Dataset, table: str) -> _Rows:
    columns = columns_of(pipeline.default_schema, table)
    query = exp.select(*(exp.column(name) for name in columns)).from_(exp.to_table(table))
    return _Rows(arrow_schema(columns), stream(dataset, query, columns))


def _reader(rows: _Rows) -> pa.RecordBatchReader:
    # Small slices: DuckDB reads many batches ahead.
    batches = (batch for chunk in rows.chunks for batch in chunk.to_batches(max_chunksize=SLICE_ROWS))
    return pa.RecordBatchReader.from_batches(rows.schema, batches)


def _write_parquet(rows: _Rows, path: Path) -> int:
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


def beside(path: str, suffix: str) -> str:
    """Return the path of a hidden file beside another one."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{suffix}")


@contextmanager
def removed_at_the_end(path: str) -> Iterator[None]:
    """Remove a temporary DuckDB file at the end, and before it begins one that a killed run left."""
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
