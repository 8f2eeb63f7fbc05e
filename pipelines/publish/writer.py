"""Writes tables into a DuckDB file or a folder of parquet files that takes the place of the one before by a rename."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from pipelines.common.names import DIALECT
from pipelines.warehouse.streaming import arrow_schema, columns_of, stream

# Tells a copy of ours from a file of somebody else's: a table in the database, a file in the folder. Readers of a
# folder of parquet pass over names with an underscore.
MARK, MARK_FILE = "_published", "_published.json"
# The raw tables that go along: which spans of time the others can be trusted for.
FROM_RAW = ("event_windows",)
MEMORY, SLICE_ROWS = "150MB", 2_048


Tables = list[tuple[dlt.Pipeline, list[str]]]


def write_database(owners: Tables, path: str) -> int:
    """Writes a DuckDB file with the tables of each pipeline in the place of `path`; returns the number of rows.

    Each pipeline has a schema, named like its dataset; the last one's has the mark.
    """
    import duckdb

    new = beside(path, "new")
    rows = 0
    with removed_at_the_end(new):
        with duckdb.connect(new, config={"memory_limit": MEMORY}) as copy:
            copy.execute("set TimeZone = 'UTC'")
            copy.execute("set preserve_insertion_order = false")
            for pipeline, tables in owners:
                schema, dataset = quoted(pipeline.dataset_name), pipeline.dataset()
                copy.execute(f"create schema {schema}")
                for table in tables:
                    copy.register("portion", _reader(*_portions(pipeline, dataset, table)))
                    copy.execute(f"create table {schema}.{quoted(table)} as select * from portion")
                    copy.unregister("portion")
                    rows += count(copy.execute(f"select count(*) from {schema}.{quoted(table)}").fetchone())
            copy.execute(
                f"create table {schema}.{MARK} as select cast(? as timestamptz) as published_at",
                [datetime.now(timezone.utc)],
            )
        _flush(new)
        # A log that somebody's writing to the old copy left would be taken for one of the new copy.
        Path(f"{path}.wal").unlink(missing_ok=True)
        os.replace(new, path)
        _flush(os.path.dirname(path))
    return rows


def write_folder(owners: Tables, path: str) -> int:
    """Writes a folder with a parquet file for each table, and lets the link `path` name it; returns the rows."""
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
        for pipeline, tables in owners:
            dataset = pipeline.dataset()
            for table in tables:
                rows += _write_parquet(*_portions(pipeline, dataset, table), parent / version / f"{table}.parquet")
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


def _portions(pipeline: dlt.Pipeline, dataset: dlt.Dataset, table: str) -> tuple[pa.Schema, Iterator[pa.Table]]:
    columns = columns_of(pipeline.default_schema, table)
    query = exp.select(*(exp.column(name) for name in columns)).from_(exp.to_table(table))
    return arrow_schema(columns), stream(dataset, query, columns)


def _reader(schema: pa.Schema, portions: Iterator[pa.Table]) -> pa.RecordBatchReader:
    # Small slices: DuckDB reads many batches ahead.
    batches = (batch for portion in portions for batch in portion.to_batches(max_chunksize=SLICE_ROWS))
    return pa.RecordBatchReader.from_batches(schema, batches)


def _write_parquet(schema: pa.Schema, portions: Iterator[pa.Table], path: Path) -> int:
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for portion in portions:
            writer.write_table(portion)
            rows += portion.num_rows
    _flush(str(path))
    return rows


def quoted(name: str) -> str:
    """Returns a name as an identifier of DuckDB's SQL."""
    return exp.to_identifier(name, quoted=True).sql(DIALECT)


def beside(path: str, suffix: str) -> str:
    """Returns the path of a hidden file beside another."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{suffix}")


@contextmanager
def removed_at_the_end(path: str) -> Iterator[None]:
    """Removes a temporary DuckDB file, one that a killed run left too."""
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
    """Remove every version of a folder but the one that the link `path` names; a database has none."""
    if os.path.islink(path):
        _remove_versions(Path(path).parent, os.path.basename(path), keep={os.readlink(path)})


def versions(name: str) -> re.Pattern[str]:
    """Returns what the folders are called that a link of this name may name."""
    return re.compile(rf"\.{re.escape(name)}\.\d{{8}}T\d{{12}}")


def _flush(path: str) -> None:
    """Puts a file, or the names in a folder, on the disk, so that a power cut leaves no empty copy behind."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def count(row: Any) -> int:
    """Returns the number that a counting query gave."""
    return int(row[0]) if row else 0
