"""Manual changes in the warehouse, full disks, lost databases: each is reported, and the next run repairs everything."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.children import Ended
from tests.support.crash_world import World, error_lines
from tests.support.dlt_functions import OF_ENGINE, SQL_JOB
from tests.support.obstacles import (
    DROPPED,
    HANDS,
    cut_connections,
    enlarge,
    execute,
    limit_files,
    small_disk,
    stop_immediately_at,
)
from tests.support.places import place
from tests.support.postgres import Postgres

COPY, COMMIT = OF_ENGINE["postgres"]["COPY"], OF_ENGINE["postgres"]["COMMIT"]
WRITE = "pipelines.warehouse.statement_load:StatementLoad._apply"
CUTS = [
    (COPY, "before", 2),
    (COPY, "after", 3),
    (COMMIT, "before", 3),
    (COMMIT, "after", 3),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "before", 1),
    (WRITE, "before", 1),
    (WRITE, "after", 3),
]


# One of each kind of moment: rows, a commit, dlt's record of loads, models.
STOPS = [CUTS[0], CUTS[3], CUTS[4], CUTS[5]]


def is_said(ended: Ended) -> None:
    """Check that a run failed and reported it in one line, without a traceback."""
    assert ended.code == 1 and error_lines(ended)[-1].startswith("audit: ") and "Traceback" not in ended.err, ended


@pytest.mark.parametrize("hand", HANDS)
def test_manual_change_that_fails_a_run_blocks_no_later_run(world: World, tally: Any, hand: str) -> None:
    where = world.place("later")
    obstacle, undo = HANDS[hand]
    execute(where.engine, *obstacle)
    ended = world.run(where)
    # PostgreSQL can write through a view as simple as this one.
    if ended.code != 0:
        is_said(ended)
    execute(where.engine, *undo)
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("obstacles")


@pytest.mark.parametrize("what", DROPPED)
def test_dropped_objects_are_created_again(world: World, tally: Any, what: str) -> None:
    where = world.place("later")
    execute(where.engine, *DROPPED[what])
    assert world.run(where).code == 0
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("obstacles")


def test_new_machine_continues_where_another_one_ended(world: World, tally: Any) -> None:
    where = world.place("later")
    shutil.rmtree(where.folder / "dlt", ignore_errors=True)
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("obstacles")


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: " ".join(map(str, cut)).rpartition(":")[2])
@pytest.mark.parametrize("world", ["postgres"], indirect=True)
def test_run_after_a_closed_connection_recovers(world: World, tally: Any, cut: tuple[str, str, int]) -> None:
    where = world.place("later")
    ended = world.run(where, (cut_connections, where.engine.address, *cut))
    if ended.code != 0:
        is_said(ended)
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("obstacles")


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: " ".join(map(str, stop)).rpartition(":")[2])
@pytest.mark.parametrize("world", ["postgres"], indirect=True)
def test_run_after_a_server_crash_recovers(
    world: World, postgres: Postgres, tally: Any, stop: tuple[str, str, int]
) -> None:
    """The server stops without a checkpoint, as by `pg_ctl stop -m immediate` or a machine failure."""
    where = world.place("later")
    try:
        is_said(world.run(where, (stop_immediately_at, str(postgres.process_file), *stop)))
        # Only the server is missing.
        is_said(world.run(where))
    finally:
        postgres.start()
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("obstacles")


@pytest.mark.parametrize("world", ["duckdb"], indirect=True)
@pytest.mark.parametrize("size", [4_000, 20_000, 60_000, 150_000])
def test_run_after_a_file_size_limit_recovers(world: World, tally: Any, size: int) -> None:
    where = world.place("first")
    is_said(world.run(where, (limit_files, size)))
    world.clean_run(where)
    world.expect(where, "first", tally)
    tally.add("obstacles")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")
@pytest.mark.parametrize("world", ["duckdb"], indirect=True)
@pytest.mark.parametrize("full", ["database", "working folder"])
@pytest.mark.parametrize("megabytes", [0.15, 0.3])
def test_run_after_a_full_disk_recovers(world: World, tally: Any, tmp_path: Path, full: str, megabytes: float) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, megabytes):
        where = world.place("first")
        if full == "database":
            where = place("duckdb", disk, where.url, None, **where.settings)
            where.folder = tmp_path
            where.set("DLT_DATA_DIR", tmp_path / "dlt")
        else:
            where.set("DLT_DATA_DIR", disk)
        is_said(world.run(where))
        enlarge(disk, 100)
        world.clean_run(where)
        world.expect(where, "first", tally)
        tally.add("obstacles")
