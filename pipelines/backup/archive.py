"""An archive of the raw tables: a folder for each table with Parquet files, one for each month of a large table.

`manifest.json` holds dlt's schema, and the number of rows and the digest of each file. It is written last, so that a
folder without it is not an archive. A new archive replaces an old one by a rename.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import LOAD_NAME
from pipelines.publish.writer import beside
from pipelines.warehouse.locks import machine_lock
from pipelines.warehouse.reader import no_tables, open_destination

from .database_file import Copied, flush_folder
from .digest import Digest, digest_of
from .raw_tables import RawTable, raw_schema, tables_of

MANIFEST = "manifest.json"
VERSION = 1


def write_archive(target: str, force: bool, wait: float) -> Copied:
    """Write all raw tables into a folder, read every file again, and compare.

    Raises:
        PipelineError: Nothing was loaded yet, a run holds the database, or the folder exists and is no archive.
        OSError: The disk is full. An existing archive is unchanged.
    """
    target = os.path.abspath(os.path.expanduser(target))
    _check_target(target, force)
    new = Path(beside(target, "new"))
    with machine_lock(LOAD_NAME), _new_folder(new), open_destination(wait) as destination:
        schema = raw_schema(destination) if destination is not None else None
        if schema is None:
            raise no_tables()
        files = {name: digest for table in tables_of(destination, schema) for name, digest in _write(table, new)}
        for name, digest in files.items():
            if _read_again(new / name) != digest:
                raise OSError(0, "the file differs from the table", name)
        _write_manifest(new, schema, files)
        _replace(new, target)
    size = sum(path.stat().st_size for path in Path(target).rglob("*.parquet"))
    return Copied(len({name.partition("/")[0] for name in files}), sum(one.rows for one in files.values()), size)


def read_manifest(folder: str) -> tuple[dlt.Schema, dict[str, Digest]]:
    """Return dlt's schema, and the digest of each file of an archive.

    Raises:
        PipelineError: The folder is no archive, or was written by a newer version.
    """
    try:
        manifest = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise PipelineError(CONFIGURATION, f"folder `{folder}` is no archive: it has no {MANIFEST}.") from None
    if manifest["version"] != VERSION:
        raise PipelineError(CONFIGURATION, f"archive `{folder}`: a newer version of this program wrote it. Upgrade.")
    digests = {name: Digest(one["rows"], one["hash"]) for name, one in manifest["files"].items()}
    return dlt.Schema.from_dict(manifest["schema"]), digests


def write_part(table: RawTable, part: str, path: Path) -> Digest:
    """Write the rows of a part of a table into a Parquet file, and return their digest."""
    digest = Digest()
    with pq.ParquetWriter(path, table.arrow, compression="zstd") as writer:
        for chunk in table.rows(part):
            writer.write_table(chunk)
            digest += digest_of(chunk)
    return digest


def _write(table: RawTable, folder: Path) -> Iterator[tuple[str, Digest]]:
    (folder / table.name).mkdir()
    for part in table.parts():
        name = f"{table.name}/{part}.parquet"
        yield name, write_part(table, part, folder / name)


def _read_again(path: Path) -> Digest:
    digest = Digest()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            digest += digest_of(pa.Table.from_batches([batch]))
    return digest


def _write_manifest(folder: Path, schema: dlt.Schema, files: dict[str, Digest]) -> None:
    document: dict[str, Any] = {
        "version": VERSION,
        "files": {name: digest._asdict() for name, digest in files.items()},
        "schema": schema.to_dict(),
    }
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(document, file, default=str)
        file.flush()
        os.fsync(file.fileno())


def _check_target(target: str, force: bool) -> None:
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise PipelineError(CONFIGURATION, f"folder `{folder}` does not exist. Create it first.")
    if not os.path.lexists(target) or (os.path.isdir(target) and not os.listdir(target)):
        return
    if not os.path.exists(os.path.join(target, MANIFEST)):
        raise PipelineError(CONFIGURATION, f"`{target}` exists and is no archive. Name another folder.")
    if not force:
        raise PipelineError(CONFIGURATION, f"archive `{target}` exists. Name another folder, or give --force.")


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    # A killed command may have left it.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace(new: Path, target: str) -> None:
    """Put the new folder in the place of an old one. A folder cannot be replaced by one rename unless it is empty."""
    old = Path(beside(target, "old"))
    shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(target):
        os.rename(target, old)
    os.rename(new, target)
    flush_folder(target)
    shutil.rmtree(old, ignore_errors=True)
