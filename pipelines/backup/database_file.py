"""Back up, restore and compact a DuckDB file. An interrupted command never harms the file that it began with."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, NamedTuple

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import LOAD_NAME, dataset_name
from pipelines.publish.writer import beside, quoted, removed_at_the_end
from pipelines.warehouse.engine import engine
from pipelines.warehouse.locks import machine_lock

from .rewrite import counts_of, rewrite


class Copied(NamedTuple):
    """What was copied: the number of tables and rows, and the size of the file."""

    tables: int
    rows: int
    size: int


class Compacted(NamedTuple):
    """The size of the database file before and after."""

    before: int
    after: int


def backup_file(target: str, force: bool) -> Copied:
    """Copy the database file, while no run holds it, and compare the rows of every table.

    Raises:
        PipelineError: There is no database file, a run holds it, or `target` exists and `force` is not set.
        OSError: The disk is full, or `target` cannot be written. An existing backup is unchanged.
    """
    source = _database_file()
    target = os.path.abspath(os.path.expanduser(target))
    if _is_same(source, target):
        raise PipelineError(CONFIGURATION, f"`{target}` is the database itself. Name another file.")
    if os.path.lexists(target) and not force:
        raise PipelineError(CONFIGURATION, f"file `{target}` exists. Name another one, or give --force to replace it.")
    with machine_lock(LOAD_NAME), removed_at_the_end(new := beside(target, "new")):
        with _held(source) as connection:
            copied = _copy(connection, source, new)
        os.replace(new, target)
        flush_folder(target)
    return copied


def restore_file(source: str) -> tuple[Copied, str | None]:
    """Put a backup in the place of the database file. A file that is there is kept under another name.

    Returns:
        Tuple[Copied, Optional[str]]: What was copied, and where the file before it is now.

    Raises:
        PipelineError: The backup cannot be opened or is of other datasets, or a run holds the database file.
        OSError: The disk is full. The database file is unchanged.
    """
    target = _database_file(must_exist=False)
    source = os.path.abspath(os.path.expanduser(source))
    if _is_same(source, target):
        raise PipelineError(CONFIGURATION, f"`{source}` is the database itself. Name a backup.")
    with machine_lock(LOAD_NAME), removed_at_the_end(new := beside(target, "new")):
        with _read(source) as connection:
            copied = _copy(connection, source, new)
        kept = keep_before(target)
        os.replace(new, target)
        flush_folder(target)
    return copied, kept


def compact_file() -> Compacted:
    """Rewrite the database file without the space that deleted and rewritten rows left.

    Raises:
        PipelineError: There is no database file, or a run or another program holds it.
        OSError: The disk is full. The file is unchanged.
    """
    path = _database_file()
    with machine_lock(LOAD_NAME):
        before = os.path.getsize(path)
        rewrite(path)
    return Compacted(before, os.path.getsize(path))


def keep_before(path: str) -> str | None:
    """Give a database file a second name, so that it survives when a new file takes its place."""
    if not os.path.exists(path):
        return None
    stem, suffix = os.path.splitext(path)
    kept = f"{stem}-before-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}{suffix}"
    try:
        os.link(path, kept)
    except OSError:
        # A file system without hard links.
        os.rename(path, kept)
    if os.path.exists(f"{path}.wal"):
        # DuckDB would replay it into the new file.
        os.replace(f"{path}.wal", f"{kept}.wal")
    return kept


def flush_folder(path: str) -> None:
    """Write the names in the folder of a file to the disk."""
    number = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _database_file(*, must_exist: bool = True) -> str:
    used = engine()
    used.check_settings()
    path = used.database_file()
    if path is None:
        raise PipelineError(
            CONFIGURATION,
            f"destination `{used.name}` has no database file. Use the tools of the server; `backup DIR` writes a "
            "Parquet archive of the raw tables from any destination.",
        )
    if must_exist and not os.path.exists(path):
        raise PipelineError(CONFIGURATION, f"there is no database file `{path}` yet.")
    return path


def _is_same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _copy(connection: Any, source: str, new: str) -> Copied:
    """Copy a database file byte by byte while its connection keeps others from writing, and count the rows of both."""
    folder = os.path.dirname(new)
    if not os.path.isdir(folder):
        raise PipelineError(CONFIGURATION, f"folder `{folder}` does not exist. Create it first.")
    wanted = _counts(connection, source)
    shutil.copyfile(source, new)
    if os.path.exists(f"{source}.wal"):
        shutil.copyfile(f"{source}.wal", f"{new}.wal")
    with _held(new) as connection:
        found = _counts(connection, new)
        if found != wanted:
            raise OSError(0, "the copy and the database have different row counts", source)
    with open(new, "rb+") as file:
        os.fsync(file.fileno())
    return Copied(len(wanted), sum(rows for _, _, rows in wanted), os.path.getsize(new))


@contextmanager
def _held(path: str) -> Iterator[Any]:
    """Hold a database file, so that no other process can write it. Its log becomes part of it."""
    from pipelines.warehouse.duckdb.file import open_for_writing

    connection = open_for_writing(path)
    try:
        connection.execute("checkpoint")
        yield connection
    finally:
        connection.close()


@contextmanager
def _read(path: str) -> Iterator[Any]:
    """Open a backup, which may be on a medium that cannot be written."""
    from pipelines.warehouse.duckdb.file import open_for_reading

    connection = open_for_reading(path, 0.0)
    try:
        yield connection
    finally:
        connection.close()


def _counts(connection: Any, path: str) -> list[tuple[str, str, int]]:
    (name,) = connection.execute("select current_database()").fetchone()
    counts = counts_of(connection, name)
    if not any(schema == dataset_name(LOAD_NAME) for schema, _, _ in counts):
        raise PipelineError(CONFIGURATION, f"`{path}` has no dataset {quoted(dataset_name(LOAD_NAME))}.")
    return counts
