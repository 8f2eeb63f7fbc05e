"""What DuckDB's error messages mean: the file is locked, damaged, or not a database.

DuckDB raises one exception type for all of these, so only the text tells them apart. Seen in DuckDB 1.5; the tests in
`tests/pipelines/common/test_files.py` and `tests/pipelines/warehouse/test_duckdb_errors.py` make DuckDB raise them.
"""

import os
from collections.abc import Iterable

from pipelines.common.exit_codes import CONFIGURATION, FAILED, PipelineError

# Texts of DuckDB for a file with invalid content.
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
# Those that a statement can raise on a file that opened: blocks are read when their rows are requested.
_DAMAGE_IN_BLOCKS = _DAMAGE[:3]


def is_held(reason: str) -> bool:
    """Whether DuckDB's message says that another process has the file open."""
    is_named = "Could not set lock" in reason or "being used by another process" in reason
    return is_named and not _has_no_locks(reason)


def _has_no_locks(reason: str) -> bool:
    """Whether the file system has no locks at all, as on some NFS and SMB mounts. Waiting is useless then."""
    return "lock" in reason and any(
        text in reason for text in ("not supported", "No locks available", "Function not implemented")
    )


def holder(reason: str) -> str:
    """Return the program and its PID from DuckDB's message; of the program's path only the name."""
    named = reason.partition("Conflicting lock is held in ")[2].partition(". ")[0].strip()
    program, _, pid = named.partition(" (PID ")
    return f"{os.path.basename(program)} (PID {pid}" if pid else named or "another program"


def damage_found(errors: Iterable[BaseException], path: str) -> PipelineError | None:
    """Return the error for a database file in which a statement has found damage; None for other errors."""
    for error in errors:
        of_duckdb = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb")
        if of_duckdb and any(sign in str(error) for sign in _DAMAGE_IN_BLOCKS):
            return unusable(path, str(error))
    return None


def unusable(path: str, reason: str) -> PipelineError:
    """Return the error for a file that cannot be opened although no other process has it open, for all commands."""
    first = reason.splitlines()[0]
    # DuckDB quotes the path, which may contain any of these texts.
    reason = reason.replace(path, "")
    if _has_no_locks(reason):
        return PipelineError(
            CONFIGURATION,
            f"database file `{path}`: its file system has no locks ({first}). Put the file on a local disk, or mount "
            "the share with locks.",
        )
    if any(sign in reason for sign in _DAMAGE):
        return PipelineError(
            FAILED,
            f"database file `{path}` is damaged ({first}). Move it and `{path}.wal` away, restore the last copy, then "
            "run `load --since` for what Anaplan still keeps. `enrich --full-refresh` is enough where only enriched "
            "tables are damaged.",
        )
    if "not a valid DuckDB" in reason or "magic bytes" in reason:
        return PipelineError(CONFIGURATION, f"database file `{path}` is not a DuckDB database. Name another file.")
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return PipelineError(
            CONFIGURATION, f"database file `{path}`: folder `{folder}` does not exist. Create it, or name another file."
        )
    if "Could not write" in reason:
        return PipelineError(FAILED, f"database file `{path}`: {first}. Free some space, then run again.")
    return PipelineError(CONFIGURATION, f"database file `{path}` cannot be opened ({first}). Check path and rights.")


def lacks_column(errors: Iterable[BaseException]) -> bool:
    """Whether one of the errors says that a query names a column which its tables do not have."""
    import duckdb

    return any(isinstance(error, duckdb.BinderException) for error in errors)
