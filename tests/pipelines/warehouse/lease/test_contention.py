"""Four processes want the lock of one destination at the same time: never do two of them hold it.

DuckLake needs extensions of DuckDB that `make test-ducklake` provides.
"""

import multiprocessing
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.lakes import lake
from tests.support.leases import contend
from tests.support.postgres import Postgres, for_dlt

PROCESSES = 4


def destination(kind: str, folder: Path, address: str) -> dict[str, str]:
    """Return the settings of a destination: PostgreSQL without its own lock, or a DuckLake by its catalogue."""
    if kind == "postgres":
        return {
            "PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE": kind,
            "DESTINATION__POSTGRES__CREDENTIALS": for_dlt(address),
        }
    return lake(kind.rpartition(" ")[2], folder, address)


def test_one_of_four_processes_holds_the_lease(postgres: Postgres, tmp_path: Path) -> None:
    assert_one_at_a_time(destination("postgres", tmp_path, postgres.new_database()), tmp_path, rounds=6)


@pytest.mark.usefixtures("extensions")
@pytest.mark.parametrize("kind", ["catalogue in postgres", "catalogue in sqlite", "catalogue in duckdb"])
def test_one_of_four_processes_holds_a_lake(postgres: Postgres, tmp_path: Path, kind: str) -> None:
    # Each connection reads the whole catalogue, which takes seconds.
    assert_one_at_a_time(destination(kind, tmp_path, postgres.new_database()), tmp_path, rounds=2)


def assert_one_at_a_time(settings: dict[str, str], folder: Path, rounds: int) -> None:
    noted = folder / "noted"
    noted.mkdir()
    # DuckLake itself cannot create a catalogue from two machines at once.
    run_together([{**os.environ, **settings, "DLT_DATA_DIR": str(folder / "first")}], noted, 1)
    machines = [f"machine{number}" for number in range(PROCESSES)]
    run_together([{**os.environ, **settings, "DLT_DATA_DIR": str(folder / one)} for one in machines], noted, rounds)
    counts = Counter(file.name.partition("-")[0] for file in noted.iterdir())
    assert set(counts) <= {"held", "refused"}, counts
    assert counts["held"] > 0 and sum(counts.values()) == 1 + PROCESSES * rounds


def run_together(environments: list[dict[str, str]], noted: Path, rounds: int) -> None:
    server = multiprocessing.get_context("forkserver")
    processes = [server.Process(target=contend, args=(one, str(noted), rounds)) for one in environments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
        assert process.exitcode == 0
