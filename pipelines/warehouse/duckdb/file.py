"""Opens the DuckDB file. While one process writes it, no other process can open it, and a reader blocks a writer."""

import logging
import os
import time
from typing import Any

import dlt

from pipelines.common.exit_codes import CONFIGURATION, LOCKED, PipelineError
from pipelines.common.files import tighten
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, dataset_name
from pipelines.warehouse.settings import seconds_to_wait

from .errors import holder, is_held, unusable

logger = logging.getLogger(__name__)

SETTING = "destination.duckdb.credentials"
DEFAULT_DATABASE = "audit_log.duckdb"
# Schemas that every DuckDB database has.
SCHEMAS = ("main", "information_schema", "pg_catalog", "system", "temp")
TRY_EVERY_SECONDS = 0.2
# A DuckDB file begins with three blocks of 4 KB. A shorter file was never opened.
HEADER_BYTES = 3 * 4096


def database_path() -> str:
    """Return the absolute path of the DuckDB file, from a plain path or a `duckdb:///` address."""
    configured = str(dlt.secrets.get(SETTING) or dlt.config.get(SETTING) or DEFAULT_DATABASE)
    return os.path.abspath(os.path.expanduser(configured.removeprefix("duckdb:///")))


def check_database_name(path: str) -> None:
    """Refuse names that DuckDB would confuse with a schema, and databases in memory.

    Raises:
        PipelineError: The name is taken, or is not a file.
    """
    name = os.path.basename(path)
    stem = os.path.splitext(name)[0].lower()
    datasets = [dataset_name(LOAD_NAME).lower(), dataset_name(ENRICH_NAME).lower()]
    taken = [*datasets, *(f"{one}_staging" for one in datasets), *SCHEMAS]
    if name.startswith(":"):
        raise PipelineError(
            CONFIGURATION, f"setting `[destination.duckdb] credentials`: `{name}` would be in memory only. Name a file."
        )
    if stem in taken:
        raise PipelineError(
            CONFIGURATION, f"database file `{path}`: `{stem}` is also the name of a schema. Rename the file."
        )


def open_for_writing(path: str, wait_seconds: float | None = None) -> Any:
    """Return a connection, after other programs have closed the file.

    Args:
        wait_seconds (float): How long to wait for them; by default `wait_for_readers_seconds`.

    Raises:
        PipelineError: A program still has the file open (75), or the file cannot be opened.
    """
    import duckdb

    seconds = seconds_to_wait() if wait_seconds is None else wait_seconds
    give_up_at = time.monotonic() + seconds
    announced = False
    _remove_unfinished(path)
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


def open_for_reading(path: str, wait_seconds: float) -> Any:
    """Return a read-only connection. Wait for a run that has the file open, at most `wait_seconds`.

    Raises:
        PipelineError: A run still has the file open (75), or the file cannot be opened.
    """
    import duckdb

    give_up_at = time.monotonic() + wait_seconds
    while True:
        try:
            return duckdb.connect(path, read_only=True)
        except duckdb.Error as error:
            reason = str(error)
        if not is_held(reason):
            raise unusable(path, reason)
        if time.monotonic() >= give_up_at:
            raise PipelineError(
                LOCKED,
                f"database file `{path}` is held by {holder(reason)}, still after {wait_seconds:g} s. Try again later.",
            )
        time.sleep(TRY_EVERY_SECONDS)


def _remove_unfinished(path: str) -> None:
    """Remove a file whose creation was cut short by a full disk or a kill: it has part of a header and no data."""
    if os.path.exists(path) and 0 < os.path.getsize(path) < HEADER_BYTES:
        with open(path, "rb") as file:
            is_unfinished = file.read(12)[8:] == b"DUCK"
        if is_unfinished:
            os.unlink(path)
