"""Wrong clocks, another tenant, long readers: every table is as after an undisturbed run.

For wrong answers of servers, see `test_served_amiss.py`.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg2
import pytest

from sandbox.server import Sandbox
from tests.support.children import Ended
from tests.support.crash_world import SETTINGS, World, open_world
from tests.support.killing import kill_at, kill_at_step
from tests.support.places import RAW, Place
from tests.support.wrong_clock import hide_server_clock, plan_by_own_clock, set_clock

DAY_HOURS = 24.0
# 20:40 UTC.
EVENING = 20_500 * 24 * 3_600_000 + 74_400_000
# Error of the clock in hours, run by run; correct in the last run.
CLOCKS = {
    "days ahead": ("first", [40 * DAY_HOURS, 0]),
    "hours ahead": ("later", [6, 0]),
    "steps back": ("later", [40 * DAY_HOURS, 6, -3, -40 * DAY_HOURS, 0]),
}


@pytest.mark.parametrize(("state", "clocks"), CLOCKS.values(), ids=CLOCKS)
def test_wrong_clocks_leave_the_tables_exact(world: World, tally: Any, state: str, clocks: list[float]) -> None:
    where = world.place(state)
    for hours in clocks[:-1]:
        ended = world.run(where, (set_clock, hours))
        assert ended.code == 0 and "this machine's clock is" in ended.err, ended
        world.expect(where, state, tally)
        tally.add("attacks")
    world.clean_run(where)
    world.expect(where, state, tally)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def still_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Open a world at a fixed time: some late events are on the day at the edge of the retention."""
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with open_world(request.param, postgres, later=True, at=EVENING, days=SETTINGS["history_days"], seed=12) as opened:
        yield opened


@pytest.mark.parametrize(
    ("hours", "killed"),
    [(50, None), (40 * DAY_HOURS, "before the rows go"), (40 * DAY_HOURS, "before the load is through"), (50, 700)],
)
def test_ledger_with_future_windows_is_repaired_despite_a_kill(
    still_world: World, tally: Any, hours: float, killed: str | int | None
) -> None:
    """An older version with a clock ahead wrote windows in the future, and days marked as lost."""
    world = still_world
    where = world.place("later")
    ended = world.run(where, (set_clock, hours), (plan_by_own_clock,))
    assert ended.code == 0, ended
    now = datetime.fromtimestamp(world.sandbox.now_ms / 1000 + 600, timezone.utc)
    future = f"select count(*) from {RAW}.event_windows where window_end > cast('{now}' as timestamptz)"
    assert where.engine.rows(future)[0][0] > 0
    if killed is not None:
        stage = "pipelines.run.load:_remove_future_windows"
        if killed == "before the load is through":
            stage = "dlt.destinations.job_client_impl:SqlJobClientBase.complete_load"
        how = (kill_at_step, killed) if isinstance(killed, int) else (kill_at, stage, "before", 1)
        assert world.run(where, how).code == -signal.SIGKILL
    repaired = world.run(where)
    assert repaired.code == 0, repaired
    assert killed == "before the rows go" or "a clock ahead of Anaplan's had written" in repaired.err
    assert where.engine.rows(future) == [(0,)]
    world.expect(where, "later", tally)
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("attacks")


def test_slow_clock_without_correction_ends_the_run(world: World, tally: Any) -> None:
    where = world.place("later")
    before = where.tables()
    ended = world.run(where, (set_clock, -48), (hide_server_clock,))
    assert ended.code == 2 and "Set the clock, then run again. Nothing was recorded." in ended.err, ended
    same(tally, before, where.tables())
    world.clean_run(where)
    world.expect(where, "later", tally)
    tally.add("attacks")


@pytest.fixture(scope="module", params=[300, 6], ids=["many events", "few events"])
def other(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(events=request.param, days=4, users=40, seed=2, rate_limit=0, weekend=1.0) as running:
        yield running


ATTEMPTS = ["run", "load --since 2020-01-01", "run --accept-directory --full-refresh"]


@pytest.mark.parametrize("hidden", [None, "users", "events"])
def test_another_tenant_is_refused(world: World, tally: Any, other: Sandbox, hidden: str | None) -> None:
    where = world.place("later")
    before = where.tables()
    where.point_at(other.url)
    where.set("RUNTIME__REQUEST_MAX_ATTEMPTS", 1)
    if hidden:
        other.faults.add(f"{hidden}:500:*")
    try:
        for attempt in ATTEMPTS:
            ended = world.run(where, command=attempt)
            assert ended.code == 2 and "but the database holds tenant" in ended.err, (attempt, ended)
            same(tally, before, where.tables())
            tally.add("attacks")
        killed = world.run(where, (kill_at, "audit_source.tenant_guard:TenantGuard.check", "before", 1))
        assert killed.code == -signal.SIGKILL
        same(tally, before, where.tables())
    finally:
        other.faults.clear()
    where.point_at(world.sandbox.url)
    world.clean_run(where)
    world.expect(where, "later", tally)


@contextmanager
def reader(where: Place, lock: str = "access share") -> Iterator[int]:
    """Hold a transaction open that has read every table. Yields the number of its session."""
    connection = psycopg2.connect(where.engine.address, application_name="forgotten")
    try:
        with connection.cursor() as cursor:
            for table in tables_of(where):
                cursor.execute(f"lock table {table} in {lock} mode")
                cursor.execute(f"select count(*) from {table}")
        yield connection.info.backend_pid
    finally:
        connection.close()


@contextmanager
def busy_readers(where: Place) -> Iterator[None]:
    """Run three readers that read every table repeatedly, each time in a new transaction."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            with reader(where):
                over.wait(0.2)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def tables_of(where: Place) -> list[str]:
    rows = where.engine.rows(
        "select table_schema, table_name from information_schema.tables"
        " where table_schema like 'anaplan%' and table_type = 'BASE TABLE'"
    )
    return [f'"{schema}"."{table}"' for schema, table in rows]


KEPT_FROM = str((datetime.now(timezone.utc) - timedelta(days=2)).date())
COMMANDS = {
    "run": ["run"],
    "full refresh": ["run", "enrich --full-refresh"],
    "purge": ["run", f"purge --before {KEPT_FROM} --yes"],
}


@pytest.fixture(scope="module")
def purged(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Return the tables after an undisturbed run and purge."""
    where = world.place("later")
    for command in COMMANDS["purge"]:
        assert world.run(where, command=command).code == 0
    return without_purges(where)


@pytest.mark.parametrize("world", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("command", "lock"),
    [("run", "access share"), ("full refresh", "access share"), ("purge", "access share"), ("purge", "share")],
)
def test_long_readers_do_not_damage_the_tables(world: World, tally: Any, purged: Any, command: str, lock: str) -> None:
    where = world.place("later")
    *earlier, last = COMMANDS[command]
    for one in earlier:
        world.run(where, command=one)
    with reader(where, lock) as session:
        ends_in_time(world, where, last, session)
    with busy_readers(where):
        ends_in_time(world, where, last, None)
    if command == "purge":
        killed = world.run(where, (kill_at, "pipelines.run.purge:_delete_raw", "after", 1), command=last)
        assert killed.code == -signal.SIGKILL
    ended = world.run(where, command=last)
    assert (ended.code, ended.err) == (0, ""), ended
    if command == "purge":
        same(tally, purged, without_purges(where))
    else:
        world.expect(where, "later", tally)
    tally.add("attacks", 2)


def ends_in_time(world: World, where: Place, command: str, session: int | None) -> Ended:
    """Check that a run either finishes or names the blocking session."""
    began = time.monotonic()
    ended = world.run(where, command=command)
    assert time.monotonic() - began < 30
    assert ended.code in (0, 75), ended
    if ended.code and session:
        assert f"session {session} of " in ended.err and "(forgotten)" in ended.err, ended
    return ended


def without_purges(where: Place) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows for name, rows in where.tables().items() if name != f"{RAW}.purges"}


def same(tally: Any, expected: dict[str, list[tuple[Any, ...]]], found: dict[str, list[tuple[Any, ...]]]) -> None:
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        tally.rows(rows, found[name], name)
        assert found[name] == rows, name
