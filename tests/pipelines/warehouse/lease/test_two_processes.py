"""Two real processes on one database: one loads, and the other is refused until the lease has expired.

PostgreSQL with its own lock switched off: its transactions interleave as those of a warehouse do.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from pipelines.common.exit_codes import LEASE_LOST, LOCKED
from tests.support.children import Child
from tests.support.crash_world import WITHOUT_DETAILS, World, error_lines, open_world
from tests.support.dlt_functions import SQL_JOB
from tests.support.leases import CHECK, LEASES, await_stop, go_on, let_an_hour_pass, stop_at, take_the_lease
from tests.support.places import Place
from tests.support.postgres import Postgres

TAKE = (take_the_lease,)


@pytest.fixture(scope="module")
def world(postgres: Postgres) -> Iterator[World]:
    with open_world("postgres", postgres, settings=WITHOUT_DETAILS) as opened:
        yield opened


class Machine:
    """A machine with its own folder and machine lock; several have one database."""

    def __init__(self, world: World, place: Place, name: str) -> None:
        self._world = world
        self._place = Place(place.folder / name, world.sandbox.url, place.engine, **place.settings)

    def start(self, *prepare: tuple, command: str = "run") -> Child:
        return self._place.start(command, prepare=[*self._world.calls, TAKE, *prepare])

    def run(self, *prepare: tuple, command: str = "run") -> tuple[int, list[str]]:
        ended = self.start(*prepare, command=command).end()
        return ended.code, error_lines(ended)


def age_leases(place: Place, seconds: int = 3_600) -> None:
    """Let every row of the lease be older, as if time had passed in the destination."""
    with psycopg2.connect(place.engine.address) as connection, connection.cursor() as cursor:
        cursor.execute(f"update {LEASES} set claimed_at = claimed_at - interval '{seconds} seconds'")


def leases(place: Place) -> int:
    return int(place.engine.rows(f"select count(*) from {LEASES}")[0][0])


@pytest.mark.long
def test_second_machine_is_refused_while_the_first_one_runs(world: World) -> None:
    place = world.place("first")
    first, second = Machine(world, place, "first"), Machine(world, place, "second")
    running = first.start((stop_at, CHECK, 20))
    await_stop(running)
    code, lines = second.run()
    assert code == LOCKED
    assert lines[0].startswith(f"audit: another run, process {running.process.pid} on machine `"), lines
    assert "writes dataset `anaplan_audit_raw`. Wait for it to end." in lines[0] and len(lines) == 1
    go_on(running)
    ended = running.end()
    assert (ended.code, error_lines(ended)) == (0, [])
    assert leases(place) == 0
    assert second.run() == (0, [])
    world.expect(place, "first")


@pytest.mark.long
def test_killed_owner_keeps_others_away_until_its_lease_expires(world: World) -> None:
    place = world.place("first")
    first, second = Machine(world, place, "first"), Machine(world, place, "second")
    killed = first.start((stop_at, f"{SQL_JOB}:SqlJobClientBase.complete_load", 1))
    await_stop(killed)
    killed.process.kill()
    assert killed.end().code == -signal.SIGKILL
    assert leases(place) == 1
    assert second.run()[0] == LOCKED
    age_leases(place, 600)
    assert second.run()[0] == LOCKED
    assert leases(place) == 1
    age_leases(place, 300)
    assert second.run() == (0, [])
    assert leases(place) == 0
    world.expect(place, "first")


# Where a run stands still: at its n-th look at the lease, or before a call that writes next.
STOPS = [
    (CHECK, 5),
    (CHECK, 25),
    ("dlt.pipeline.pipeline:Pipeline.normalize", 1),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", 2),
    ("pipelines.warehouse.statement_load:StatementLoad.apply", 1),
    ("pipelines.warehouse.statement_load:StatementLoad.apply", 2),
]
USUAL = (f"{SQL_JOB}:SqlJobClientBase.complete_load", 1)
CASES = [USUAL, *(pytest.param(stop, marks=pytest.mark.variant) for stop in STOPS)]


@pytest.mark.long
@pytest.mark.parametrize("stop", CASES, ids=lambda stop: " ".join(map(str, stop)).rpartition(":")[2])
def test_run_that_slept_too_long_writes_nothing_more(world: World, tmp_path: Path, stop: tuple[str, int]) -> None:
    place = world.place("first")
    first, second = Machine(world, place, "first"), Machine(world, place, "second")
    hour = tmp_path / "an hour has passed"
    sleeping = first.start((let_an_hour_pass, str(hour)), (stop_at, *stop))
    await_stop(sleeping)
    age_leases(place)
    assert second.run() == (0, [])
    hour.touch()
    go_on(sleeping)
    ended = sleeping.end()
    assert ended.code == LEASE_LOST, ended
    lines = [line for line in error_lines(ended) if line.startswith("audit:")]
    assert len(lines) == 1 and lines[0].startswith("audit: another run took over, because this one stood"), lines
    assert leases(place) == 0
    world.expect(place, "first")
    assert second.run() == (0, [])
    world.expect(place, "first")
