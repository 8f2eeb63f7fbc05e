"""Opens the DuckDB file: while one process writes no other may have it open, and a reader keeps a writer out."""

import logging
import os
import time
from typing import Any

import dlt

from pipelines.common.duckdb_errors import holder, is_held, unusable
from pipelines.common.exit_codes import CONFIGURATION, LOCKED, PipelineError
from pipelines.common.files import tighten

logger = logging.getLogger(__name__)

DEFAULT_WAIT_SECONDS = 60.0
TRY_EVERY_SECONDS = 0.2
# A DuckDB file begins with three blocks of 4 KB; whatever is shorter was never opened.
HEADER_BYTES = 3 * 4096
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
            logger.warning("waiting up to %g s for %s to close `%s`.", seconds, holder(reason), path)
            announced = True
        time.sleep(TRY_EVERY_SECONDS)


def _remove_stillborn(path: str) -> None:
    """Removes a file whose making broke off, by a full disk or a kill: it has the beginning of a header and no data."""
    if os.path.exists(path) and 0 < os.path.getsize(path) < HEADER_BYTES:
        with open(path, "rb") as file:
            stillborn = file.read(12)[8:] == b"DUCK"
        if stillborn:
            os.unlink(path)


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
