"""Publishes the enriched dataset: a copy in a place of its own, which BI tools may keep open for ever.

A copy is written beside its place and takes it by one rename, so whoever opens it finds the old one or the new one,
whole. What is open stays readable as it was: an open file outlives its name.

`publish_to` ending in `.duckdb` is a DuckDB file with the tables in a schema named like the dataset. Anything else is
a folder with a parquet file for each table: a symbolic link to a folder of that version, `.NAME.MOMENT`. The version
before stays until the next publication, for a reader that was between two files.
"""

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

from .destination import ENRICH_NAME, LOAD_MEMORY, Pipelines, database_path, dataset_name, destination_type
from .duckdb_file import is_held
from .exit_codes import CONFIGURATION, PipelineError
from .model_files import DIALECT
from .streaming import arrow_schema, columns_of, stream

SETTING = f"pipelines.{ENRICH_NAME}.publish_to"
# Tells a copy of ours from a file of somebody else's: a table in the database, a file in the folder. Readers of a
# folder of parquet pass over names with an underscore.
MARK, MARK_FILE = "_published", "_published.json"
MEMORY, SLICE_ROWS = "150MB", 2_048


class Published(NamedTuple):
    """What was published, and where."""

    path: str
    tables: int
    rows: int

    def line(self) -> str:
        return f"{self.tables} tables, {self.rows:,} rows to {self.path}"


def publish_path() -> str | None:
    """Returns the absolute path of the setting `publish_to`, None where it is not set.

    Raises:
        PipelineError: Something that we did not write is there, or nothing can be.
    """
    configured = str(dlt.config.get(SETTING) or "")
    if not configured:
        return None
    path = os.path.abspath(os.path.expanduser(configured))
    folder = os.path.dirname(path)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise _refused(path, f"`{folder}` is no folder that can be written", "Make it, or name another one.")
    if destination_type() == "duckdb" and os.path.realpath(path) == os.path.realpath(database_path()):
        raise _refused(path, "it is the database that the pipeline works in", "Name another file.")
    if _is_database(path) and Path(path).stem == dataset_name(ENRICH_NAME):
        raise _refused(path, f"`{Path(path).stem}` is also the name of the dataset", "Name the file otherwise.")
    if not _may_replace(path):
        raise _refused(path, "what is there was not published by this pipeline", "Move it away, or name another path.")
    return path


def publish(pipelines: Pipelines, path: str) -> Published:
    """Writes every enriched table into a new copy and puts it in the place of the one at `path`.

    A copy that a killed run left half written is removed first.
    """
    pipeline = pipelines.enriched
    pipelines.limit_memory(LOAD_MEMORY)
    tables = sorted(pipeline.default_schema.data_table_names())
    write = _write_database if _is_database(path) else _write_folder
    rows = write(pipeline, tables, path)
    return Published(path, len(tables), rows)


def _write_database(pipeline: dlt.Pipeline, tables: list[str], path: str) -> int:
    import duckdb

    new = _beside(path, "new")
    dataset, name = pipeline.dataset(), dataset_name(ENRICH_NAME)
    schema = exp.to_identifier(name, quoted=True).sql(DIALECT)
    rows = 0
    with _removed_at_the_end(new):
        with duckdb.connect(new, config={"memory_limit": MEMORY}) as copy:
            copy.execute("set TimeZone = 'UTC'")
            copy.execute("set preserve_insertion_order = false")
            copy.execute(f"create schema {schema}")
            for table in tables:
                copy.register("portion", _reader(*_portions(pipeline, dataset, table)))
                quoted = exp.to_identifier(table, quoted=True).sql(DIALECT)
                copy.execute(f"create table {schema}.{quoted} as select * from portion")
                copy.unregister("portion")
                rows += _count(copy.execute(f"select count(*) from {schema}.{quoted}").fetchone())
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


def _write_folder(pipeline: dlt.Pipeline, tables: list[str], path: str) -> int:
    name = os.path.basename(path)
    moment = datetime.now(timezone.utc)
    version = f".{name}.{moment:%Y%m%dT%H%M%S%f}"
    parent = Path(path).parent
    link = parent / f".{name}.new"
    before = os.readlink(path) if os.path.islink(path) else None
    _remove_versions(parent, name, keep={before})
    dataset = pipeline.dataset()
    rows = 0
    try:
        (parent / version).mkdir()
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


def _beside(path: str, suffix: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{suffix}")


def _is_database(path: str) -> bool:
    return path.endswith(".duckdb")


def _may_replace(path: str) -> bool:
    """Tells whether nothing, an empty folder or a copy of ours is at `path`."""
    if not os.path.lexists(path):
        return True
    if _is_database(path):
        return os.path.isfile(path) and _has_mark(path)
    if os.path.islink(path):
        target = os.readlink(path)
        is_version = _versions(os.path.basename(path)).fullmatch(target) is not None
        return is_version and (not os.path.exists(path) or os.path.exists(os.path.join(path, MARK_FILE)))
    return os.path.isdir(path) and not os.listdir(path)


def _has_mark(path: str) -> bool:
    import duckdb

    try:
        with duckdb.connect(path, read_only=True) as copy:
            return (
                _count(copy.execute("select count(*) from duckdb_tables() where table_name = ?", [MARK]).fetchone()) > 0
            )
    except duckdb.Error as error:
        if not is_held(str(error)):
            return False
    # Somebody has it open for writing, which keeps others from opening it, but not from reading its bytes.
    twin = _beside(path, "twin")
    with _removed_at_the_end(twin):
        shutil.copyfile(path, twin)
        return _has_mark(twin)


@contextmanager
def _removed_at_the_end(path: str) -> Iterator[None]:
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
        if _versions(name).fullmatch(entry) and entry not in keep:
            shutil.rmtree(parent / entry, ignore_errors=True)


def _versions(name: str) -> re.Pattern[str]:
    return re.compile(rf"\.{re.escape(name)}\.\d{{8}}T\d{{12}}")


def _flush(path: str) -> None:
    """Puts a file, or the names in a folder, on the disk, so that a power cut leaves no empty copy behind."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _count(row: Any) -> int:
    return int(row[0]) if row else 0


def _refused(path: str, reason: str, advice: str) -> PipelineError:
    return PipelineError(CONFIGURATION, f"setting `publish_to`: `{path}`: {reason}. {advice}")
