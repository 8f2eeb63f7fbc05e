"""The planner covers all time for any schedule, and reports what is lost."""

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_source.events.plan import plan, plan_reload
from audit_source.events.spans import DAY_MS, MINUTE_MS, day_start, split_days, subtract
from audit_source.events.windows import (
    COMPLETE,
    EXPIRED,
    INCOMPLETE,
    Limits,
    Window,
    compact_ledger,
    join,
    record,
)

NOW = 20_000 * DAY_MS + 13 * 60 * MINUTE_MS
HISTORY = 30 * DAY_MS
HOUR = 60 * MINUTE_MS


def limits(now: int = NOW, overlap: int = HOUR, lag: int = MINUTE_MS, history: int = HISTORY) -> Limits:
    return Limits(now, history, overlap, lag)


def carried_out(ledger: list[Window], at: Limits) -> list[Window]:
    """Return the ledger after a run that completed every window."""
    todo = plan(compact_ledger(ledger, at), at)
    ledger = compact_ledger(ledger, at)
    for lost in todo.expired:
        ledger = record(ledger, lost)
    for group in todo.probe:
        for window in group:
            ledger = record(ledger, replace(window, checked_at=at.now))
    for start, end in todo.fetch:
        ledger = record(ledger, Window(start, end, COMPLETE, 0, 0, 0, at.now))
    return ledger


def covered(ledger: list[Window]) -> list[tuple]:
    return [(w.start, w.end) for w in ledger]


def test_first_run_requests_the_whole_history_in_one_day_windows():
    todo = plan([], limits())

    assert todo.fetch[0][0] == day_start(NOW - HISTORY)
    assert todo.fetch[-1][1] == NOW - MINUTE_MS
    assert all(end - start <= DAY_MS and day_start(start) == day_start(end - 1) for start, end in todo.fetch)
    assert [end for _, end in todo.fetch[:-1]] == [start for start, _ in todo.fetch[1:]]
    assert len(todo.fetch) <= 31 + 2 + 24
    assert todo.probe == todo.expired == []


def test_ninety_days_of_history_are_one_day_windows():
    todo = plan([], limits(history=90 * DAY_MS))

    assert todo.fetch[0][0] == day_start(NOW - 90 * DAY_MS)
    assert max(end - start for start, end in todo.fetch) == DAY_MS


def test_next_run_fetches_overlap_and_new_time_and_counts_the_rest():
    first = carried_out([], limits())
    later = limits(NOW + HOUR)

    todo = plan(compact_ledger(first, later), later)

    assert todo.fetch == [
        (NOW - MINUTE_MS - HOUR, NOW - MINUTE_MS),
        (NOW - MINUTE_MS, NOW + HOUR - MINUTE_MS),
    ]
    # Every retained day once, including the settled part of today.
    assert len(todo.probe) == 31
    assert todo.expired == []


def test_one_run_plans_no_window_twice():
    at = limits()
    assert plan(carried_out([], at), at) == ([], [], [])


def test_month_without_events_is_not_a_gap():
    ledger: list[Window] = []
    for day in range(60):
        ledger = carried_out(ledger, limits(NOW + day * DAY_MS))
    assert {w.status for w in ledger} == {COMPLETE}


def test_pause_beyond_the_retention_is_recorded_as_expired():
    ledger = carried_out([], limits())
    awake = limits(NOW + 40 * DAY_MS)

    todo = plan(compact_ledger(ledger, awake), awake)

    assert todo.expired[0].start == NOW - MINUTE_MS
    assert todo.expired[-1].end == awake.floor
    assert {w.status for w in todo.expired} == {EXPIRED}
    assert todo.fetch[0][0] == awake.floor
    assert plan(compact_ledger(carried_out(ledger, awake), awake), awake).expired == []


def test_longer_history_fetches_expired_windows_at_once_and_in_vain_once_a_day():
    awake = limits(NOW + 40 * DAY_MS)
    ledger = carried_out(carried_out([], limits()), awake)
    lost = [w for w in ledger if w.status == EXPIRED]
    longer = limits(awake.now + HOUR, history=90 * DAY_MS)

    spans = plan(ledger, longer).fetch

    assert min(spans)[0] == longer.floor
    assert subtract([w.span for w in lost], spans) == []
    # By the shorter history they are no more than a record.
    assert plan(ledger, limits(awake.now + HOUR)).fetch[0][0] >= awake.floor
    # A run that could not read them does not ask twice.
    failed = [replace(w, checked_at=longer.now) if w in lost else w for w in ledger]
    assert subtract([w.span for w in lost], plan(failed, longer).fetch) == [w.span for w in lost]
    in_vain = [replace(w, checked_at=longer.now, repeats=1) if w in lost else w for w in ledger]
    next_hour, next_day = longer.now + HOUR, longer.now + DAY_MS
    assert subtract([w.span for w in lost], plan(in_vain, limits(next_hour, history=90 * DAY_MS)).fetch) == [
        w.span for w in lost
    ]
    assert subtract([w.span for w in lost], plan(in_vain, limits(next_day, history=90 * DAY_MS)).fetch) == []


def test_incomplete_window_is_retried_until_it_expires():
    ledger = [replace(w, status=INCOMPLETE) if i == 20 else w for i, w in enumerate(carried_out([], limits()))]
    bad = ledger[20]

    assert (bad.start, bad.end) in plan(compact_ledger(ledger, limits(NOW + 1)), limits(NOW + 1)).fetch

    late = limits(bad.end + HISTORY)
    expired = plan(compact_ledger(ledger, late), late).expired
    assert replace(bad, status=EXPIRED, checked_at=late.now) in expired


def test_longer_history_fetches_the_time_before_the_first_window():
    ledger = carried_out([], limits())
    longer = limits(NOW + HOUR, history=90 * DAY_MS)

    assert plan(compact_ledger(ledger, longer), longer).fetch[0][0] == longer.floor


def test_reload_widens_to_whole_windows_and_stops_at_the_end_of_a_run():
    ledger = carried_out([], limits())
    at = limits(NOW + HOUR)
    day = day_start(NOW) - 5 * DAY_MS

    assert plan_reload(compact_ledger(ledger, at), at, day + HOUR, day + 2 * HOUR) == [(day, day + DAY_MS)]
    assert plan_reload(compact_ledger(ledger, at), at, day, None)[-1][1] == at.end


def test_reload_keeps_verified_windows_past_the_retention():
    ledger = carried_out([], limits())
    later = limits(NOW + 10 * DAY_MS)
    kept = compact_ledger(ledger, later)

    spans = plan_reload(kept, later, day_start(NOW) - 60 * DAY_MS, None)

    assert spans[0][0] == day_start(later.floor) + DAY_MS
    assert plan_reload([], later, 0, None)[0][0] == later.floor
    assert plan_reload(kept, later, 0, later.floor) == []


def test_joined_windows_count_an_event_on_their_edge_once():
    halves = [Window(0, 10, COMPLETE, 5, 5, 4, 1), Window(10, 20, COMPLETE, 3, 3, 3, 2)]
    assert join(halves) == Window(0, 20, COMPLETE, 7, 7, 7, 1)


def test_hours_at_the_edge_are_joined_when_their_day_expires():
    at = limits(NOW)
    day = day_start(at.floor) - DAY_MS
    hours = [Window(day + n * HOUR, day + (n + 1) * HOUR, COMPLETE, 1, 1, 1, NOW) for n in range(24)]
    newest = Window(at.end - HOUR, at.end, COMPLETE, 0, 0, 0, NOW)

    assert next((w.start, w.end, w.events_in_span) for w in compact_ledger([*hours, newest], at)) == (
        day,
        day + DAY_MS,
        24,
    )


@given(
    st.lists(st.integers(1, 45 * 24 * 60), min_size=1, max_size=25),
    st.integers(0, 36 * 60),
    st.sampled_from([1, 7, 30, 90]),
)
@settings(max_examples=150, deadline=None)
def test_any_schedule_covers_all_time_without_overlap(minutes_between, overlap_minutes, history_days):
    """Every instant since the start lies in exactly one window, or was pruned after the retention period."""
    now, ledger = NOW, []
    for minutes in minutes_between:
        now += minutes * MINUTE_MS
        at = limits(now, overlap_minutes * MINUTE_MS, MINUTE_MS, history_days * DAY_MS)
        ledger = carried_out(ledger, at)

        kept = covered(ledger)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(kept))
        assert subtract([(max(kept[0][0], at.floor), at.end)], kept) == []
        assert all(w.end <= at.floor for w in ledger if w.status == EXPIRED and w.checked_at == now)
        # The ledger keeps ninety days whatever the setting is, two of them in hours.
        assert len(ledger) <= 2 * 91 + 60 + 72


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8),
)
def test_subtract_equals_set_difference(spans, taken):
    def moments(pairs):
        return {moment for start, end in pairs for moment in range(start, end)}

    assert moments(subtract(spans, [pair for pair in taken if pair[0] < pair[1]])) == moments(spans) - moments(taken)


@given(st.integers(0, 5 * DAY_MS), st.integers(1, 5 * DAY_MS))
def test_split_days_covers_the_whole_span(start, length):
    parts = split_days([(start, start + length)])
    assert parts[0][0] == start and parts[-1][1] == start + length
    assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))
    assert all(day_start(a) == day_start(b - 1) for a, b in parts)
