"""Sessions: by the id that is sent, else by silence; day by day, whatever the order in which events arrive."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support import scenario
from tests.support.model_warehouse import Warehouse
from tests.support.raw_rows import Row, at, event
from tests.support.scenario import ANN, BOB, FIREFOX, GHOST, SYSTEM
from tests.support.small_models import copy_models

pytestmark = pytest.mark.usual_engine("duckdb")

FIRST_ID = 971529164212789000
PYTHON = "python-requests/2.31"


def used(number: int, when: str | None, user: str | None = ANN, agent: str | None = FIREFOX, **more: Any) -> Row:
    return event(number, "USR-13", when, user_id=user, user_agent=agent, **more)


EVENTS = [
    # 30 minutes of silence are the same session, 31 are another. A program works beside the browser.
    used(1, "2026-03-02 08:00", ip_address="10.0.0.1", success=False),
    used(2, "2026-03-02 08:30", ip_address="10.0.0.2", object_id=scenario.PLAN),
    used(3, "2026-03-02 09:01"),
    used(4, "2026-03-02 08:10", agent=PYTHON),
    used(5, "2026-03-02 08:10", user=BOB, agent="unheard of"),
    # Over midnight: by silence, and with an id, whose first event names no client.
    used(6, "2026-03-02 23:50"),
    used(7, "2026-03-03 00:10"),
    used(8, "2026-03-02 20:00", agent=None, session_id="s1"),
    used(9, "2026-03-02 23:30", session_id="s1"),
    used(10, "2026-03-03 02:00", session_id="s1"),
    # The same id of two users; an id without a user; nobody, a system process and an event without a time.
    used(11, "2026-03-03 03:00", user=GHOST, session_id="s1"),
    used(12, "2026-03-03 04:00", user=None, session_id="s2"),
    used(13, "2026-03-03 05:00", user=None),
    used(14, "2026-03-03 06:00", user=SYSTEM),
    used(15, None),
]
COLUMNS = ("first_event_id", "event_day", "session_id", "user_id", "client", "use_kind", "event_count", "seconds")
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
EXPECTED = [
    (1, MONDAY, None, ANN, "Firefox", "human", 2, 1800),
    (3, MONDAY, None, ANN, "Firefox", "human", 1, 0),
    (4, MONDAY, None, ANN, "Python", "api", 1, 0),
    (5, MONDAY, None, BOB, "other", "other", 1, 0),
    (6, MONDAY, None, ANN, "Firefox", "human", 1, 0),
    (7, TUESDAY, None, ANN, "Firefox", "human", 1, 0),
    (8, MONDAY, "s1", ANN, "Firefox", "human", 2, 12600),
    (10, TUESDAY, "s1", ANN, "Firefox", "human", 1, 0),
    (11, TUESDAY, "s1", GHOST, "Firefox", "human", 1, 0),
    (12, TUESDAY, "s2", None, "Firefox", "human", 1, 0),
]


def sessions(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return sorted((number - FIRST_ID, *rest) for number, *rest in warehouse.rows("fct_sessions", *COLUMNS))


def test_sessions_follow_ids_and_silence(warehouse: Warehouse, tmp_path: Path) -> None:
    models = copy_models(tmp_path / "models", ("fct_events", "fct_sessions"))
    directory = {name: rows for name, rows in scenario.WORLD.items() if name != "events"}
    # Every other event comes late.
    warehouse.load(events=EVENTS[::2], **directory)
    warehouse.enrich(models)
    warehouse.load("2026-03-11 00:00", events=EVENTS)
    warehouse.enrich(models)
    assert sessions(warehouse) == EXPECTED
    columns = ("ip_address", "ip_address_count", "failure_count", "model_count", "user_name", "started_at", "ended_at")
    first = warehouse.row("fct_sessions", *columns, where=f"first_event_id = {FIRST_ID + 1}")
    assert first == ("10.0.0.1", 2, 1, 1, "Ann Lee", at("2026-03-02 08:00"), at("2026-03-02 08:30"))
    edges = warehouse.rows("fct_sessions", "first_event_id", "may_begin_earlier", "may_end_later")
    assert {(number - FIRST_ID, *marks) for number, *marks in edges if any(marks)} == {
        (6, False, True),
        (7, True, False),
        (8, False, True),
    }
    assert [one for one in warehouse.check(models) if not one.passed] == []
    # One late event makes two sessions one, and rewrites its day only.
    warehouse.load("2026-03-12 00:00", events=[used(16, "2026-03-02 08:45")])
    assert warehouse.enrich(models).days == [MONDAY]
    assert sessions(warehouse) == [(1, MONDAY, None, ANN, "Firefox", "human", 4, 3660), *EXPECTED[2:]]
    hourly = warehouse.rows("fct_sessions")
    warehouse.enrich(models, full_refresh=True)
    assert warehouse.rows("fct_sessions") == hourly
