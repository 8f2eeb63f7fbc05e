"""What DuckDB's error texts mean: the file is held, damaged, or no database."""

import os
from collections.abc import Iterable

from pipelines.common.exit_codes import CONFIGURATION, FAILED, PipelineError

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


def damage_found(errors: Iterable[BaseException], path: str) -> PipelineError | None:
    """Return the error for a database file in which a statement has met damage; None for other errors."""
    for error in errors:
        of_duckdb = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb")
        if of_duckdb and any(sign in str(error) for sign in _DAMAGE_IN_BLOCKS):
            return unusable(path, str(error))
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
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return PipelineError(
            CONFIGURATION, f"database file `{path}`: there is no folder `{folder}`. Make it, or name another file."
        )
    if "Could not write" in reason:
        return PipelineError(FAILED, f"database file `{path}`: {reason.splitlines()[0]}. Make room, then run again.")
    return PipelineError(
        CONFIGURATION, f"database file `{path}` cannot be opened ({reason.splitlines()[0]}). Check path and rights."
    )
