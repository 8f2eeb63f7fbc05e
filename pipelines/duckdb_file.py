"""Opens the DuckDB file: while one process writes no other may have it open, and a reader keeps a writer out."""

import os
import time
from collections.abc import Iterable
from typing import Any

import click
import dlt

from .exit_codes import CONFIGURATION, FAILED, LOCKED, PipelineError
from .file_mode import tighten

DEFAULT_WAIT_SECONDS = 60.0
TRY_EVERY_SECONDS = 0.2
# A DuckDB file begins with three blocks of 4 KB; whatever is shorter was never opened.
HEADER_BYTES = 3 * 4096
# Words of DuckDB's for a file whose content makes no sense.
_DAMAGE = (
    "Corrupt database file",
    "computed checksum",
    "Could not read enough bytes",
    "Serialization Error",
    "Failure while replaying WAL",
    "Failed to load metadata pointer",
    "Failed to deserialize",
    "INTERNAL Error",
)
# Of these, the ones that a statement can meet in a file that opened: blocks are read when their rows are asked for.
_DAMAGE_IN_BLOCKS = _DAMAGE[:3]
WAIT_SETTING = "pipelines.anaplan_audit.wait_for_readers_seconds"


def open_for_writing(path: str) -> Any:
    """Returns the connection, after other programs have let go of the file; `wait_for_readers_seconds` at most.

    Raises:
        PipelineError: A program still holds the file (75), or it cannot be opened.
    """
    import duckdb

    seconds = seconds_to_wait()
    give_up_at = time.monotonic() + seconds
    announced = False
    _remove_stillborn(path)
    tighten(path)
    while True:
        try:
            return duckdb.connect(path)
        except duckdb.IOException as error:
            reason = str(error)
        except duckdb.Error as error:
            raise unusable(path, str(error)) from None
        if not is_held(reason):
            raise unusable(path, reason)
        if time.monotonic() >= give_up_at:
            waited = f", still after {seconds:g} s" if seconds else ""
            raise PipelineError(
                LOCKED,
                f"database file `{path}` is held open by {holder(reason)}{waited}. Close it, then run again; "
                "what stays open should read a copy (setting `publish_to`).",
            )
        if not announced:
            click.echo(f"audit: waiting up to {seconds:g} s for {holder(reason)} to close `{path}`.", err=True)
            announced = True
        time.sleep(TRY_EVERY_SECONDS)


def _remove_stillborn(path: str) -> None:
    """Removes a file whose making broke off, by a full disk or a kill: it has the beginning of a header and no data."""
    if os.path.exists(path) and 0 < os.path.getsize(path) < HEADER_BYTES:
        with open(path, "rb") as file:
            stillborn = file.read(12)[8:] == b"DUCK"
        if stillborn:
            os.unlink(path)


def is_held(reason: str) -> bool:
    """Whether another process has the file open, by DuckDB's message."""
    named = "Could not set lock" in reason or "being used by another process" in reason
    return named and not _no_locks(reason)


def _no_locks(reason: str) -> bool:
    """Whether the file system gives no locks at all, as some NFS and SMB mounts do: nothing to wait for."""
    return "lock" in reason and any(
        text in reason for text in ("not supported", "No locks available", "Function not implemented")
    )


def holder(reason: str) -> str:
    """Returns the program and its PID as DuckDB's message names them, shortened to the program's name."""
    named = reason.partition("Conflicting lock is held in ")[2].partition(". ")[0].strip()
    program, _, pid = named.partition(" (PID ")
    return f"{os.path.basename(program)} (PID {pid}" if pid else named or "another program"


def seconds_to_wait() -> float:
    configured: Any = dlt.config.get(WAIT_SETTING)
    try:
        seconds = DEFAULT_WAIT_SECONDS if configured is None else float(configured)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= 24 * 3600:
        raise PipelineError(
            CONFIGURATION, f"setting `wait_for_readers_seconds`: `{configured}` is out of range. Use 0 to 86400."
        )
    return seconds


def damage_found(errors: Iterable[BaseException]) -> PipelineError | None:
    """Return the error for a database file in which a statement has met damage; None for other errors."""
    from .destination import database_path, destination_type

    for error in errors:
        of_duckdb = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb")
        if of_duckdb and destination_type() == "duckdb" and any(sign in str(error) for sign in _DAMAGE_IN_BLOCKS):
            return unusable(database_path(), str(error))
    return None


def unusable(path: str, reason: str) -> PipelineError:
    """Return the error for a file that cannot be opened and that no other process holds; all commands say the same."""
    first = reason.splitlines()[0]
    # DuckDB quotes the path, which may hold any of the words that are looked for.
    reason = reason.replace(path, "")
    if _no_locks(reason):
        return PipelineError(
            CONFIGURATION,
            f"database file `{path}`: its file system gives no locks ({first}). Put the file on a local disk, or mount "
            "the share with locks.",
        )
    if any(sign in reason for sign in _DAMAGE):
        return PipelineError(
            FAILED,
            f"database file `{path}` is damaged ({first}). Set it and `{path}.wal` aside, restore the last copy, then "
            "run `load --since` for what Anaplan still keeps. `enrich --full-refresh` is enough where only enriched "
            "tables are hit.",
        )
    if "not a valid DuckDB" in reason or "magic bytes" in reason:
        return PipelineError(CONFIGURATION, f"database file `{path}` is no DuckDB database. Name another file.")
    if "Could not write" in reason:
        return PipelineError(FAILED, f"database file `{path}`: {reason.splitlines()[0]}. Make room, then run again.")
    return PipelineError(
        CONFIGURATION, f"database file `{path}` cannot be opened ({reason.splitlines()[0]}). Check path and rights."
    )
