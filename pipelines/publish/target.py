"""Publishes a copy of the enriched dataset, which BI tools may keep open permanently.

A copy contains the raw table `event_windows` too, so that its readers see which days are complete.

A copy is written beside its target and replaces it by one rename: a reader opens the old or the new copy, never a part
of one. A copy that is open stays readable, because an open file outlives its name.

If `publish_to` ends in `.duckdb`, the copy is a DuckDB file with the tables in schemas named like the datasets. Else it
is a folder with a parquet file for each table: a symbolic link to the folder of one version, `.NAME.TIME`. The version
before it stays until the next publication, for readers that are between two files.
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
    Source,
    beside,
    count,
    removed_at_the_end,
    versions,
    write_database,
    write_folder,
)

# Memory of DuckDB while it copies into a file that it has attached: it reads and writes at the same time.
COPY_MEMORY = "250MB"
SETTING = f"pipelines.{ENRICH_NAME}.publish_to"


class Published(NamedTuple):
    """The copy that was published."""

    path: str
    tables: int
    rows: int

    def line(self) -> str:
        """Return the result in one line."""
        return f"{counted(self.tables, 'table')}, {counted(self.rows, 'row')} to {self.path}"


def publish_path() -> str | None:
    """Return the absolute path of the setting `publish_to`, None if it is not set.

    Raises:
        PipelineError: The path holds something that this pipeline did not write, or cannot be written.
    """
    return path_of(SETTING)


def path_of(setting: str) -> str | None:
    """Return the absolute path of a copy, by the full key of its setting, None if it is not set.

    Raises:
        PipelineError: As `publish_path`.
    """
    configured = str(dlt.config.get(setting) or "")
    if not configured:
        return None
    name, path = setting.rpartition(".")[2], absolute(configured)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise _refused(name, path, f"`{folder}` is not a writable folder", "Create it, or name another one.")
    if os.path.realpath(path) in map(os.path.realpath, engine().files()):
        raise _refused(name, path, "it is the database that the pipeline works in", "Name another file.")
    if is_database(path) and Path(path).stem in (dataset_name(LOAD_NAME), dataset_name(ENRICH_NAME)):
        raise _refused(name, path, f"`{Path(path).stem}` is also the name of a dataset", "Rename the file.")
    if not _may_replace(path):
        raise _refused(
            name, path, "what is there was not published by this pipeline", "Move it away, or name another path."
        )
    return path


def absolute(configured: str) -> str:
    """Return the absolute path of a configured one."""
    return os.path.abspath(os.path.expanduser(configured))


def publish(pipelines: Pipelines, path: str) -> Published:
    """Write every enriched table into a new copy, and replace the copy at `path` with it.

    An unfinished copy that a killed run left is removed first.
    """
    existing = pipelines.raw.default_schema.data_table_names()
    sources = [
        Source(pipelines.raw, [table for table in FROM_RAW if table in existing]),
        Source(pipelines.enriched, sorted(pipelines.enriched.default_schema.data_table_names())),
    ]
    attaches = is_database(path) and pipelines.engine.attaches_files
    pipelines.limit_memory(COPY_MEMORY if attaches else LOAD_MEMORY)
    if is_database(path):
        rows = write_database(sources, path, pipelines.database if attaches else None)
    else:
        rows = write_folder(sources, path)
    return Published(path, sum(len(source.tables) for source in sources), rows)


def is_database(path: str) -> bool:
    """Whether a copy at `path` is a DuckDB file; else it is a folder."""
    return path.endswith(".duckdb")


def _may_replace(path: str) -> bool:
    """Whether `path` holds nothing, an empty folder or a copy that this pipeline wrote."""
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
    # Another program has it open for writing. Nobody else can open it as a database, but its bytes can be read.
    twin = beside(path, "twin")
    with removed_at_the_end(twin):
        shutil.copyfile(path, twin)
        return _has_mark(twin)


def _refused(setting: str, path: str, reason: str, advice: str) -> PipelineError:
    return PipelineError(CONFIGURATION, f"setting `{setting}`: `{path}`: {reason}. {advice}")
