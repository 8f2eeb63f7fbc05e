"""Obstacles of a run are reported in one line and lose no data: the next run leaves the tables exact.

`tests/torture/test_all_obstacles.py` is the long version.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.children import Ended
from tests.support.crash_world import WITHOUT_DETAILS, World, error_lines, open_world
from tests.support.obstacles import HANDS, execute, wait_at
from tests.support.places import Place

# Everything once more.
AGAIN = "--until 2100-01-01"


@pytest.fixture(params=["duckdb", "postgres"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with open_world(request.param, postgres, settings=WITHOUT_DETAILS) as opened:
        yield opened


def refused(ended: Ended, code: int, *words: str) -> None:
    """Check that a run ended with one line that contains these words."""
    line, *others = error_lines(ended)
    assert ended.code == code and others == [] and line.startswith("audit: "), (ended.code, ended.err)
    assert all(word in line for word in words), line


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_manual_changes_in_the_warehouse_block_no_later_run(world: World) -> None:
    where = world.place("first")
    world.clean_run(where)
    undisturbed = where.tables()
    obstacle, undo = HANDS["a column of another type"]
    execute(where.engine, *obstacle)
    refused(world.run(where, command=f"run {AGAIN}"), 1, "destination: table `events`: ")
    execute(where.engine, *undo)
    where.lose_working_folder()
    world.clean_run(where)
    assert where.tables() == undisturbed
    # Rows that somebody deleted are noticed when all days are checked, and come back when asked for.
    # One from the middle: Anaplan may forget the oldest while the test runs, and the newest is fetched again anyway.
    execute(
        where.engine,
        "delete from anaplan_audit_raw.events where id = (select id from anaplan_audit_raw.events order by id"
        " limit 1 offset (select count(*) / 2 from anaplan_audit_raw.events))",
    )
    refused(world.run(where, command="check"), 6, "check no_loaded_event_is_missing: 1 wrong row")
    assert world.run(where, command=f"load {AGAIN}").code == 0
    world.clean_run(where)


@pytest.mark.usual_engine("duckdb")
def test_second_concurrent_run_ends_at_once(world: World, tmp_path: Path) -> None:
    first = world.place("first")
    second = Place(tmp_path / "another machine", first.url, first.engine, **first.settings)
    sign, go_on = tmp_path / "sign", tmp_path / "go on"
    running = first.start(
        "run",
        prepare=[
            *world.calls,
            (wait_at, "audit_source.events.decode_process:PageDecoder.decode", str(sign), str(go_on)),
        ],
    )
    while not sign.exists() and running.process.is_alive():
        time.sleep(0.01)
    refused(world.run(first), 75, "another run holds")
    refused(
        world.run(second),
        75,
        "is held open by" if world.kind == "duckdb" else "another run, on this machine or another",
    )
    # Its lock does not outlive it.
    running.process.kill()
    running.end()
    world.clean_run(second)
    if world.kind == "duckdb":
        import duckdb

        with duckdb.connect(first.engine.address, read_only=True):
            refused(world.run(first), 75, "is held open by")
    world.expect(second, "first")
