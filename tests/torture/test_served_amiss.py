"""Events that break a parser, days without an answer, false totals: everything else is still loaded."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import event
from tests.support.crash_world import World
from tests.support.hostile_values import nested
from tests.support.killing import kill_at
from tests.support.places import ENRICHED, RAW, Place
from tests.support.plain_server import PlainServer
from tests.support.truth import compare_events, compare_list, compare_windows

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW = int(time.time() * 1000)
TODAY = NOW - NOW % DAY_MS
DAYS = 5
SETTINGS = {"history_days": DAYS, "page_size": 20, "events_per_load": 100}
USERS = [{"id": f"u{n}", "firstName": f"Name {n}", "lastName": "L", "email": f"{n}@example.com"} for n in range(5)]


def good_events() -> list[dict[str, Any]]:
    """Return an event every 25 minutes over the whole retention."""
    return [event(n, moment) for n, moment in enumerate(range(TODAY - (DAYS - 1) * DAY_MS, NOW - 180_000, 1_500_000))]


@pytest.fixture
def server() -> Iterator[PlainServer]:
    with PlainServer(good_events(), {"users": USERS}) as running:
        yield running


@pytest.fixture
def where(world: World, server: PlainServer) -> Place:
    made = world.place_at(server.url, **SETTINGS)
    made.set("SOURCES__AUDIT_SOURCE__CREDENTIALS__PASSWORD", "secret")
    made.set("RUNTIME__REQUEST_TIMEOUT", "0.4")
    made.set("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")
    return made


def check_whole(where: Place, server: PlainServer, tally: Any) -> None:
    """Check that every event and user is loaded, and every event is in the ledger and enriched."""
    tally.check(compare_events(server.events, where.engine))
    tally.check(compare_windows(server.events, where.engine))
    tally.check(compare_list("users", USERS, where.engine))
    enriched = where.engine.rows(f"select event_id from {ENRICHED}.fct_events")
    tally.rows([(sent["id"],) for sent in server.events], enriched)


# A field, and the part of it that the row must contain.
POISON = {
    "nested 3,000 deep": (f'"additionalAttributes": {nested(3_000)}', "{"),
    "nested in an unknown field": (f'"shape": {"[" * 5_000 + "]" * 5_000}', "[" * 99),
    "a number of 5,000 digits": (f'"additionalAttributes": {{"x": {"7" * 5_000}}}', "7" * 5_000),
    "a code of 5,000 digits": (f'"eventTypeId": {"8" * 5_000}', "8" * 5_000),
    "beyond any float": ('"additionalAttributes": {"x": 1e400, "modelId": -1e999}', "1e400"),
    "half a surrogate pair": (
        '"message": "left \\ud83d right", "additionalAttributes": {"\\udc00": "\\ud800"}',
        "left",
    ),
    "NUL": ('"message": "left \\u0000 right", "additionalAttributes": {"\\u0000": "\\u0000"}', "left"),
    "types all wrong": ('"userId": 5, "success": "perhaps", "tenantId": [1], "checksum": 1.5', "perhaps"),
}


@pytest.mark.parametrize("killed", [False, True])
def test_malformed_events_do_not_affect_the_others(
    world: World, tally: Any, server: PlainServer, where: Place, killed: bool
) -> None:
    poisoned = []
    for n, (field, _) in enumerate(POISON.values()):
        moment = TODAY - (n % 3) * DAY_MS - 7_000_000
        poisoned.append((moment, f"{json.dumps(event(10_000 + n, moment))[:-1]}, {field}}}"))

    def between(start: int, end: int) -> list[Any]:
        found = [(sent["eventDate"], sent) for sent in server.events] + poisoned
        return [sent for moment, sent in sorted(found, key=lambda one: one[0]) if start <= moment < end]

    server.select = between
    if killed:
        died = world.run(where, (kill_at, "audit_source.events.stream:unseen_rows", "after", 2))
        assert died.code == -signal.SIGKILL
    for late in (0, 1):
        if late:
            server.events.append(event(20_000 + late, TODAY - 2 * DAY_MS))
        ended = world.run(where)
        assert (ended.code, ended.err) == (0, ""), ended
        tally.check(
            compare_events(server.events, where.engine, f"id not between {2**60 + 10_000} and {2**60 + 19_999}")
        )
        ids = [2**60 + 10_000 + n for n in range(len(POISON))]
        for schema, table, key in ((RAW, "events", "id"), (ENRICHED, "fct_events", "event_id")):
            expected = [(sent["id"],) for sent in server.events] + [(one,) for one in ids]
            tally.rows(expected, where.engine.rows(f"select {key} from {schema}.{table}"), table)
    columns = "event_type_id, message, cast(additional_attributes as text), cast(raw_record as text), shape"
    for one, (name, (_, kept)) in zip(ids, POISON.items(), strict=True):
        ((row),) = where.engine.rows(f"select {columns} from {RAW}.events where id = {one}")
        assert any(kept in (value or "") for value in row), name
    assert where.engine.rows(f"select count(*) from {RAW}.event_windows where status <> 'complete'") == [(0,)]
    tally.add("attacks")


def refusing(answer: int, *days: int) -> Callable[[int, int], int | None]:
    """Return a rule that refuses every window of days that are this many days ago."""
    begins = [TODAY - day * DAY_MS for day in days]
    return lambda start, end: answer if any(start < day + DAY_MS and end > day for day in begins) else None


def grow(server: PlainServer, number: int) -> set[int]:
    """Add a late event to each of three past days. Return their ids."""
    late = [event(1000 * number + day, TODAY - day * DAY_MS + HOUR_MS - number) for day in (1, 2, 3)]
    server.events = sorted([*server.events, *late], key=lambda sent: sent["eventDate"])
    return {sent["id"] for sent in late}


def check_others_are_loaded(
    where: Place, server: PlainServer, tally: Any, days: tuple[int, ...], new: set[int]
) -> None:
    """Check that everything is loaded except new events on days without an answer."""
    hidden = {TODAY - day * DAY_MS for day in days}
    expected = [
        (sent["id"],)
        for sent in server.events
        if sent["eventDate"] - sent["eventDate"] % DAY_MS not in hidden or sent["id"] not in new
    ]
    tally.rows(expected, where.engine.rows(f"select id from {RAW}.events"))
    tally.rows(expected, where.engine.rows(f"select event_id from {ENRICHED}.fct_events"))


# The answer of the failing days, and how many days ago they are.
FAILING_DAYS = {"500": (500, (2,)), "429": (429, (2,)), "hangs": (0, (2,)), "the oldest": (500, (2, 3, 4))}


@pytest.mark.parametrize(("answer", "days"), FAILING_DAYS.values(), ids=FAILING_DAYS)
def test_failing_old_days_block_no_other_day(
    world: World, tally: Any, server: PlainServer, where: Place, answer: int, days: tuple[int, ...]
) -> None:
    new = {sent["id"] for sent in server.events}
    for number in (1, 2):
        server.shape["refuse"] = refusing(answer, *days)
        ended = world.run(where)
        assert ended.code in (4, 5), ended
        check_others_are_loaded(where, server, tally, days, new)
        del server.shape["refuse"]
        world.clean_run(where)
        check_whole(where, server, tally)
        # In the second run, loaded days grow, both failing days and others.
        new = grow(server, number)
        tally.add("attacks")


@pytest.mark.parametrize("days", [(2, 3, 4), (0, 2, 4), (0, 2, 3, 4)], ids=str)
def test_failing_days_in_the_first_run_block_no_other_day(
    world: World, tally: Any, server: PlainServer, where: Place, days: tuple[int, ...]
) -> None:
    server.shape["refuse"] = refusing(500, *days)
    died = world.run(where, (kill_at, "audit_source.events.ledger:Ledger.note", "before", 2))
    assert died.code == -signal.SIGKILL
    ended = world.run(where)
    assert ended.code in (4, 5), ended
    check_others_are_loaded(where, server, tally, days, {sent["id"] for sent in server.events})
    del server.shape["refuse"]
    world.clean_run(where)
    check_whole(where, server, tally)
    tally.add("attacks")


LIES: dict[str, Callable[[int], int]] = {
    "one less": lambda total: total - 1,
    "one more": lambda total: total + 1,
    "minus one": lambda total: -1,
    "none": lambda total: 0,
    "half": lambda total: total // 2,
    "at most a page": lambda total: min(total, 20),
}


# `event` adds its number to 2**60, and late events have numbers from 1000.
HELD_BEFORE = f"id < {2**60 + 1000}"


@pytest.mark.parametrize("lie", LIES)
def test_false_totals_lose_no_event(world: World, tally: Any, server: PlainServer, where: Place, lie: str) -> None:
    server.shape["told"] = LIES[lie]
    ended = world.run(where)
    assert ended.code in (0, 5), ended
    # Everything that arrives is loaded, once.
    tally.check(compare_events(server.events, where.engine))
    # A false total of a loaded day can hide late events, and nothing else.
    new = grow(server, 1)
    ended = world.run(where, command="load")
    assert ended.code in (0, 5), ended
    tally.check(compare_events([sent for sent in server.events if sent["id"] not in new], where.engine, HELD_BEFORE))
    del server.shape["told"]
    world.clean_run(where)
    check_whole(where, server, tally)
    tally.add("attacks")
