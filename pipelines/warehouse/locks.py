"""One run at a time: a file lock for the machine, and on PostgreSQL a lock in the database for every machine."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dlt
from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock, Timeout

from pipelines.common.exit_codes import CONFIGURATION, LOCKED, PipelineError


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Lets one run at a time through. The kernel frees the lock of a process that was killed.

    Raises:
        PipelineError: Another run holds it, or the folder cannot be written.
    """
    folder = get_dlt_pipelines_dir()
    path = os.path.join(folder, f"{name}.lock")
    with ExitStack() as held:
        try:
            os.makedirs(folder, exist_ok=True)
            held.enter_context(FileLock(path, timeout=0))
        except Timeout:
            raise PipelineError(
                LOCKED,
                f"another run holds `{path}`. Wait for it to end; to load several tenants side by side, "
                "give each its own DLT_DATA_DIR.",
            ) from None
        except PermissionError as error:
            raise PipelineError(
                CONFIGURATION, f"folder `{folder}`: {error.strerror}. Set DLT_DATA_DIR to a folder that can be written."
            ) from None
        yield


@contextmanager
def warehouse_lock(pipeline: dlt.Pipeline, *datasets: str) -> Iterator[None]:
    """Keeps other machines from these datasets of a PostgreSQL database; every other destination is let through.

    The lock belongs to a connection of its own, which the server closes when the process dies.

    Raises:
        PipelineError: Another run holds it.
    """
    if not pipeline.destination.destination_type.endswith(".postgres"):
        yield
        return
    with pipeline.sql_client() as client:
        # It is idle for the whole run, which some servers do not like.
        client.execute_sql(
            "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout')"
        )
        for dataset in datasets:
            rows = client.execute_sql("SELECT pg_try_advisory_lock(%s)", _key(dataset))
            if not rows or not rows[0][0]:
                raise PipelineError(
                    LOCKED, f"another run, on this machine or another, writes dataset `{dataset}`. Wait for it to end."
                )
        yield


def _key(dataset: str) -> int:
    """Returns the number of the lock, which is one for all who use the database, other programs too."""
    return int.from_bytes(hashlib.sha256(f"anaplan_audit:{dataset}".encode()).digest()[:8], "big", signed=True)
