"""Late events of a day that Anaplan is just deleting, whatever happened to the windows of that day before."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_source.events.ledger import Reload
from audit_source.events.retention_edge import partly_expired, parts_of
from audit_source.events.spans import DAY_MS, HOUR_MS, MINUTE_MS, day_start
from audit_source.events.windows import COMPLETE, EXPIRED, INCOMPLETE, Limits, Window, record
from tests.conftest import event
from tests.support.memory import Answer, FakeClient, Memory

HISTORY_DAYS = 5
NOW = 20_000 * DAY_MS + 9 * HOUR_MS + 20 * MINUTE_MS
# The day that is at the edge at the last run, two days after the first one.
EDGE = day_start(NOW) - 3 * DAY_MS
LATER = NOW + 2 * DAY_MS


class Log:
    """Holds an event for each hour, and answers as Anaplan does at a time."""

    def __init__(self) -> None:
        self.events = [event(number, NOW - number * HOUR_MS) for number in range(1, HISTORY_DAYS * 24)]
        self.now, self.kept_days = NOW, HISTORY_DAYS
        self.fails: Callable[[dict[str, Any]], bool] = lambda _: False

    def answer(self, params: dict[str, Any]) -> Answer:
        if self.fails(params):
            return Answer(b"no JSON")
        start = max(params["dateFrom"], self.now - self.kept_days * DAY_MS)
        found = [sent for sent in self.events if start <= sent["eventDate"] < params["dateTo"]]
        page = found[params["offset"] :][: params["limit"]]
        return Answer(json.dumps({"response": page, "meta": {"paging": {"totalSize": len(found)}}}).encode())

    def add_late(self, at: int) -> int:
        self.events.append(event(len(self.events) + 10_000, at))
        return self.events[-1]["id"]


def loaded(log: Log, memory: Memory, now: int) -> Any:
    log.now = now
    return memory.load(FakeClient(log.answer), "", now)


def of_edge(memory: Memory) -> list[Window]:
    return [window for window in memory.windows if day_start(window.start) == EDGE]


@pytest.fixture(params=[True, False], ids=["counts", "no counts"])
def memory(request: pytest.FixtureRequest) -> Memory:
    return Memory(history_days=HISTORY_DAYS, overlap_minutes=60, counts_events=request.param)


def test_late_event_is_found_after_a_pause_of_days(memory: Memory) -> None:
    log = Log()
    loaded(log, memory, NOW)
    late = log.add_late(EDGE + 20 * HOUR_MS)

    run = loaded(log, memory, LATER)

    assert late in memory.rows
    assert not run.incomplete and {window.status for window in of_edge(memory)} == {COMPLETE}
    counted = sum(window.events_in_span for window in of_edge(memory))
    assert counted == (25 if memory.counts_events else 16), "25 were loaded, and 16 of them can still be counted"
    # From then on, each hour is compared by itself.
    late = log.add_late(EDGE + 22 * HOUR_MS)
    loaded(log, memory, LATER + HOUR_MS)
    assert late in memory.rows


def test_late_event_is_found_in_a_ledger_of_a_clock_that_was_ahead(memory: Memory) -> None:
    log = Log()
    loaded(log, memory, NOW - DAY_MS)
    # By a clock 50 hours ahead, the day of the edge had expired long ago, so its hours were joined.
    memory.load(FakeClient(log.answer), "", NOW + 50 * HOUR_MS)
    day = day_start(NOW) - HISTORY_DAYS * DAY_MS
    assert (day, day + DAY_MS) in [window.span for window in memory.windows]
    late = log.add_late(day + 20 * HOUR_MS)

    run = loaded(log, memory, NOW)

    assert late in memory.rows and not run.incomplete and not run.expired


def test_second_late_event_of_the_expiring_day_is_found(memory: Memory) -> None:
    """The first one makes the retained hours one window again, which begins before the retention an hour later."""
    log = Log()
    for hours in range(0, 49, 12):
        loaded(log, memory, NOW + hours * HOUR_MS)
    for hour in (1, 2):
        late = log.add_late(EDGE + 22 * HOUR_MS)
        loaded(log, memory, LATER + hour * HOUR_MS)
        assert late in memory.rows


def test_event_stored_while_the_next_day_is_divided_into_hours_is_loaded(memory: Memory) -> None:
    log = Log()
    loaded(log, memory, NOW)
    late: list[int] = []

    def store_after_the_total_of_the_day(params: dict[str, Any]) -> bool:
        is_hour = params["dateTo"] - params["dateFrom"] == HOUR_MS
        if not late and is_hour and params["dateFrom"] >= EDGE + DAY_MS:
            late.append(log.add_late(EDGE + DAY_MS + 20 * HOUR_MS))
        return False

    log.fails = store_after_the_total_of_the_day
    run = loaded(log, memory, LATER)

    assert late and late[0] in memory.rows and run.late_events == 1
    assert sum(window.events_in_span for window in memory.windows if window.start >= EDGE + DAY_MS) == 58


def test_reload_includes_the_retained_hours_of_the_expiring_day(memory: Memory) -> None:
    memory.settings["late_event_scan"] = False
    log = Log()
    loaded(log, memory, NOW)
    late = log.add_late(EDGE + 20 * HOUR_MS)
    loaded(log, memory, LATER)
    assert late not in memory.rows

    memory.load(FakeClient(log.answer), "", LATER + 1, reload=Reload(EDGE, None))

    assert late in memory.rows


def test_day_that_was_never_verified_has_expired_up_to_the_edge(memory: Memory) -> None:
    log = Log()
    log.fails = lambda params: params["dateFrom"] < EDGE + DAY_MS and params["dateTo"] > EDGE
    loaded(log, memory, NOW)
    assert {window.status for window in of_edge(memory)} == {INCOMPLETE}
    log.fails = lambda _: False

    run = loaded(log, memory, LATER)

    assert [(window.start, window.end) for window in run.expired] == [(EDGE, EDGE + 9 * HOUR_MS)]
    assert {window.status for window in of_edge(memory) if window.start >= EDGE + 9 * HOUR_MS} == {COMPLETE}
    held = {sent["id"] for sent in log.events if sent["eventDate"] >= LATER - HISTORY_DAYS * DAY_MS}
    assert held <= memory.rows.keys()


def test_parts_keep_the_sum_of_a_window() -> None:
    limits = Limits(NOW, HISTORY_DAYS * DAY_MS, HOUR_MS, MINUTE_MS)
    day = day_start(limits.floor)
    whole = Window(day, day + DAY_MS, COMPLETE, 30, 30, 30, 7)
    ((window, spans),) = partly_expired([whole], limits)

    parts = parts_of(window, spans, [3, *[1] * 15])

    assert spans[:2] == [(day, day + 9 * HOUR_MS), (day + 9 * HOUR_MS, day + 10 * HOUR_MS)]
    assert [part.events_in_span for part in parts] == [15, *[1] * 15], (
        "events that the destination lost are not forgotten"
    )
    ledger = [whole]
    for part in parts:
        ledger = record(ledger, part)
    assert ledger == parts and partly_expired(ledger, limits) == []
    assert partly_expired([Window(*whole.span, EXPIRED)], limits) == []


@pytest.mark.parametrize("kept_days", [HISTORY_DAYS, 30])
def test_expired_events_are_loaded_after_all_if_anaplan_kept_them(memory: Memory, kept_days: int) -> None:
    log = Log()
    loaded(log, memory, NOW)
    missed = [log.add_late(NOW + day * DAY_MS) for day in range(1, 9)]
    log.kept_days = kept_days
    awake = loaded(log, memory, NOW + 9 * DAY_MS)
    assert awake.expired and not set(missed[:3]) & set(memory.rows)

    memory.settings["history_days"] = 30
    longer = loaded(log, memory, NOW + 9 * DAY_MS + HOUR_MS)

    is_kept = kept_days > HISTORY_DAYS
    lost = [window for window in memory.windows if window.status == EXPIRED]
    assert set(missed) <= set(memory.rows) if is_kept else not set(missed[:3]) & set(memory.rows)
    # An empty answer does not turn lost days into verified ones.
    assert [w.span for w in lost] == ([] if is_kept else [w.span for w in awake.expired])
    assert not longer.expired and not longer.incomplete
    # Nor does it empty the days that were verified before.
    assert sum(window.events_in_span for window in memory.windows) == len(memory.rows)
    # The next hour asks for no lost day again.
    asked: list[int] = []
    log.fails = lambda params: asked.append(params["dateFrom"]) or params["limit"] == 0
    loaded(log, memory, NOW + 9 * DAY_MS + 2 * HOUR_MS)
    assert asked and not {window.start for window in lost} & {*asked}


@pytest.mark.parametrize("stays", [0, 3], ids=["all events of a day", "one of its events"])
def test_events_that_move_from_the_oldest_day_are_counted_where_they_are(memory: Memory, stays: int) -> None:
    """The oldest day shrinks as it does where Anaplan deletes days, but another day holds as many more."""
    log = Log()
    oldest = day_start(NOW) - 2 * DAY_MS
    log.events = [sent for sent in log.events if sent["eventDate"] >= oldest + DAY_MS]
    moves, *others = [event(500 + number, oldest + number * HOUR_MS) for number in range(1 + stays)]
    log.events += [moves, *others]
    loaded(log, memory, NOW)
    moves["eventDate"] += DAY_MS

    run = loaded(log, memory, NOW + HOUR_MS)

    assert not run.incomplete and memory.rows[moves["id"]]["event_date"].timestamp() * 1000 == moves["eventDate"]
    for day in (oldest, oldest + DAY_MS):
        counted = sum(window.events_in_span for window in memory.windows if day_start(window.start) == day)
        assert counted == sum(day_start(sent["eventDate"]) == day for sent in log.events)


def test_day_that_expires_early_keeps_what_was_verified(memory: Memory) -> None:
    """Anaplan may count its retention in other days. A day of which a part is gone is not fetched again."""
    log = Log()
    log.events = [sent for sent in log.events if sent["eventDate"] >= day_start(NOW) - 4 * DAY_MS]
    loaded(log, memory, NOW)
    log.kept_days = HISTORY_DAYS - 1

    run = loaded(log, memory, NOW + 2 * HOUR_MS)

    assert not run.incomplete
    assert sum(window.events_in_span for window in memory.windows) == len(memory.rows) == len(log.events)


def test_event_that_moves_between_days_is_found_while_older_days_are_deleted(memory: Memory) -> None:
    memory.settings["history_days"] = 30
    log = Log()
    loaded(log, memory, NOW)
    log.kept_days = 3
    day = day_start(NOW) - 2 * DAY_MS
    moves = next(sent for sent in log.events if day_start(sent["eventDate"]) == day)
    moves["eventDate"] += DAY_MS

    loaded(log, memory, NOW + HOUR_MS)

    for start in (day, day + DAY_MS):
        counted = sum(window.events_in_span for window in memory.windows if day_start(window.start) == start)
        assert counted == sum(day_start(sent["eventDate"]) == start for sent in log.events)


@pytest.mark.parametrize("since", [NOW - HOUR_MS, 0], ids=["older days can be counted", "nothing older can be read"])
def test_expired_window_that_cannot_be_read_is_fetched_again(memory: Memory, since: int) -> None:
    log = Log()
    loaded(log, memory, NOW)
    missed = log.add_late(NOW + DAY_MS)
    loaded(log, memory, NOW + 9 * DAY_MS)
    memory.settings["history_days"] = log.kept_days = 30
    log.fails = lambda params: since < params["dateFrom"] < NOW + 2 * DAY_MS

    failed = loaded(log, memory, NOW + 9 * DAY_MS + HOUR_MS)

    assert failed.incomplete and missed not in memory.rows
    log.fails = lambda _: False
    loaded(log, memory, NOW + 9 * DAY_MS + 2 * HOUR_MS)
    assert missed in memory.rows
