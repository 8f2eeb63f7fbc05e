"""Publishes the enriched dataset: a copy in a place of its own, which BI tools may keep open for ever.

The raw table `event_windows` goes along, so that whoever reads a copy can tell which days are whole.

A copy is written beside its place and takes it by one rename, so whoever opens it finds the old one or the new one,
whole. What is open stays readable as it was: an open file outlives its name.

`publish_to` ending in `.duckdb` is a DuckDB file with the tables in schemas named like the datasets. Anything else is
a folder with a parquet file for each table: a symbolic link to a folder of that version, `.NAME.MOMENT`. The version
before stays until the next publication, for a reader that was between two files.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import dlt

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, dataset_name
from pipelines.common.wording import counted
from pipelines.warehouse.duckdb.errors import is_held
from pipelines.warehouse.engine import engine
from pipelines.warehouse.pipelines import LOAD_MEMORY, Pipelines

from .writer import (
    FROM_RAW,
    MARK,
    MARK_FILE,
    beside,
    count,
    removed_at_the_end,
    versions,
    write_database,
    write_folder,
)

SETTING = f"pipelines.{ENRICH_NAME}.publish_to"


class Published(NamedTuple):
    """What was published, and where."""

    path: str
    tables: int
    rows: int

    def line(self) -> str:
        return f"{counted(self.tables, 'table')}, {counted(self.rows, 'row')} to {self.path}"


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
    if os.path.realpath(path) in map(os.path.realpath, engine().files()):
        raise _refused(path, "it is the database that the pipeline works in", "Name another file.")
    if is_database(path) and Path(path).stem in (dataset_name(LOAD_NAME), dataset_name(ENRICH_NAME)):
        raise _refused(path, f"`{Path(path).stem}` is also the name of a dataset", "Name the file otherwise.")
    if not _may_replace(path):
        raise _refused(path, "what is there was not published by this pipeline", "Move it away, or name another path.")
    return path


def publish(pipelines: Pipelines, path: str) -> Published:
    """Writes every enriched table into a new copy and puts it in the place of the one at `path`.

    A copy that a killed run left half written is removed first.
    """
    pipelines.limit_memory(LOAD_MEMORY)
    there = pipelines.raw.default_schema.data_table_names()
    owners = [
        (pipelines.raw, [table for table in FROM_RAW if table in there]),
        (pipelines.enriched, sorted(pipelines.enriched.default_schema.data_table_names())),
    ]
    write = write_database if is_database(path) else write_folder
    rows = write(owners, path)
    return Published(path, sum(len(tables) for _, tables in owners), rows)


def is_database(path: str) -> bool:
    """Tells whether a copy at `path` is a DuckDB file, and not a folder."""
    return path.endswith(".duckdb")


def _may_replace(path: str) -> bool:
    """Tells whether nothing, an empty folder or a copy of ours is at `path`."""
    if not os.path.lexists(path):
        return True
    if is_database(path):
        return os.path.isfile(path) and _has_mark(path)
    if os.path.islink(path):
        target = os.readlink(path)
        is_version = versions(os.path.basename(path)).fullmatch(target) is not None
        return is_version and (not os.path.exists(path) or os.path.exists(os.path.join(path, MARK_FILE)))
    return os.path.isdir(path) and not os.listdir(path)


def _has_mark(path: str) -> bool:
    import duckdb

    try:
        with duckdb.connect(path, read_only=True) as copy:
            return (
                count(copy.execute("select count(*) from duckdb_tables() where table_name = ?", [MARK]).fetchone()) > 0
            )
    except duckdb.Error as error:
        if not is_held(str(error)):
            return False
    # Somebody has it open for writing, which keeps others from opening it, but not from reading its bytes.
    twin = beside(path, "twin")
    with removed_at_the_end(twin):
        shutil.copyfile(path, twin)
        return _has_mark(twin)


def _refused(path: str, reason: str, advice: str) -> PipelineError:
    return PipelineError(CONFIGURATION, f"setting `publish_to`: `{path}`: {reason}. {advice}")
