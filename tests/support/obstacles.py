"""External obstacles of a run: manual changes in the warehouse, a full disk, a database that goes away."""

import contextlib
import functools
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import Engine
from tests.support.killing import act_at
from tests.support.places import ENRICHED, RAW
from tests.support.postgres import stop_immediately

# Manual changes in the warehouse, and how to undo them.
HANDS = {
    "a column of another type": (
        [
            f"alter table {RAW}.events rename column message to message_kept",
            f"alter table {RAW}.events add column message bigint",
        ],
        [
            f"alter table {RAW}.events drop column message",
            f"alter table {RAW}.events rename column message_kept to message",
        ],
    ),
    "a view in the place of a table": (
        [
            f"alter table {RAW}.event_days rename to event_days_kept",
            f"create view {RAW}.event_days as select distinct event_day, loaded_at from {RAW}.event_days_kept",
        ],
        [f"drop view {RAW}.event_days", f"alter table {RAW}.event_days_kept rename to event_days"],
    ),
    "an enriched column of another type": (
        [
            f"alter table {ENRICHED}.fct_events rename column message to message_kept",
            f"alter table {ENRICHED}.fct_events add column message bigint",
        ],
        [
            f"alter table {ENRICHED}.fct_events drop column message",
            f"alter table {ENRICHED}.fct_events rename column message_kept to message",
        ],
    ),
}
# Changes that the next run repairs itself, without loss.
DROPPED = {
    "an enriched table": [f"drop table {ENRICHED}.fct_events"],
    "a column of an enriched table": [f"alter table {ENRICHED}.users_a_day drop column events"],
    "the enriched dataset": [f"drop schema {ENRICHED} cascade"],
    "the ledger's table": [f"drop table {RAW}.event_windows"],
}


def execute(engine: Engine, *statements: str) -> None:
    """Run statements one by one."""
    if engine.kind == "duckdb":
        import duckdb

        with duckdb.connect(engine.address) as file:
            for statement in statements:
                file.execute(statement)
        return
    import psycopg2

    connection = psycopg2.connect(engine.address)
    connection.autocommit = True
    for statement in statements:
        connection.cursor().execute(statement)
    connection.close()


def limit_files(size: int) -> None:
    """Limit every file of this process to `size` bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def cut_connections(address: str, function: str, when: str, number: int) -> None:
    """Make the server end every connection to a database at a call of a function."""

    def cut() -> None:
        import psycopg2

        connection = psycopg2.connect(address)
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        connection.close()

    act_at(function, when, number, cut)


def stop_immediately_at(process_file: str, function: str, when: str, number: int) -> None:
    """Stop the PostgreSQL server without a checkpoint at a call of a function."""
    act_at(function, when, number, functools.partial(stop_immediately, process_file))


def wait_at(function: str, sign: str, go_on: str) -> None:
    """Stop before the first call of a function: write the file `sign`, and continue once `go_on` exists."""

    def wait() -> None:
        Path(sign).touch()
        while not os.path.exists(go_on):
            time.sleep(0.01)

    act_at(function, "before", 1, wait)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: float) -> Iterator[None]:
    """Mount a disk of a few megabytes. Needs root."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder: Path, megabytes: float) -> None:
    subprocess.run(["mount", "-o", f"remount,size={int(megabytes * 1024)}k", str(folder)], check=True)
