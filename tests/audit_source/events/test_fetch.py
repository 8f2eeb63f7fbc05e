"""A window and its pages, against a service that changes during the read or reports wrong numbers."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from audit_source.errors import AuditSourceError, BadAnswerError, UnreachableError
from audit_source.events.decode_process import PageDecoder
from audit_source.events.fetch import EventFetcher
from audit_source.events.window_fetch import count_in_span
from audit_source.events.windows import COMPLETE, DAY_MS, INCOMPLETE, MINUTE_MS, Window
from audit_source.records import NewColumns
from audit_source.settings import AuditSettings
from tests.conftest import event
from tests.support.memory import Answer, FakeClient, Memory

SPAN = (20_000 * DAY_MS, 20_001 * DAY_MS)
EVENTS = [event(number, SPAN[0] + number) for number in range(100)]

Reply = Callable[[int, dict[str, Any]], Answer]


def page(found: list[dict[str, Any]], params: dict[str, Any], total: int | None = None, cap: int = 1000) -> Answer:
    shown = found[params["offset"] :][: min(params["limit"], cap)]
    told = {"paging": {"totalSize": len(found) if total is None else total}}
    return Answer(json.dumps({"response": shown, "meta": told}).encode())


def fetched(reply: Reply, parallel: int = 1, page_size: int = 10) -> tuple[set[int], list[Window], FakeClient]:
    """Return the ids that arrived, the windows, and the client; `reply` gets the number of the request."""
    client = FakeClient(lambda params: reply(len(client.requests), params))
    fetcher = EventFetcher(
        client, "", AuditSettings(page_size=page_size, parallel_requests=parallel), PageDecoder(NewColumns())
    )  # type: ignore[arg-type]
    ids: set[int] = set()
    windows = []
    for table, window in fetcher.fetch("all", [SPAN], 1, fail):
        if table is not None:
            ids |= set(table["id"].to_pylist())
        elif window is not None:
            windows.append(window)
    fetcher.close()
    return ids, windows, client


def fail(error: AuditSourceError) -> None:
    raise error


def ids_of(events: list[dict[str, Any]]) -> set[int]:
    return {sent["id"] for sent in events}


def test_event_deleted_mid_read_hides_no_other_event() -> None:
    """Later events move up by one: the number that arrives equals the last page's total, and yet one event is missing."""
    ids, windows, _ = fetched(lambda number, params: page(EVENTS if number < 3 else EVENTS[1:], params))
    assert ids == ids_of(EVENTS)
    assert [(window.status, window.distinct) for window in windows] == [(COMPLETE, 99)]


def test_event_added_mid_read_is_fetched() -> None:
    ids, windows, _ = fetched(lambda number, params: page(EVENTS[1:] if number < 3 else EVENTS, params))
    assert ids == ids_of(EVENTS)
    assert [(window.status, window.distinct) for window in windows] == [(COMPLETE, 100)]


def test_truncated_first_page_does_not_reduce_the_page_size() -> None:
    ids, windows, client = fetched(
        lambda number, params: page(EVENTS, params, cap=1 if number == 1 else 1000), parallel=4
    )
    assert ids == ids_of(EVENTS)
    assert windows[0].status == COMPLETE
    assert len(client.requests) < 20


def test_offsets_follow_the_received_page_size() -> None:
    ids, windows, client = fetched(lambda number, params: page(EVENTS, params, cap=5), page_size=50)
    assert ids == ids_of(EVENTS)
    assert windows[0].status == COMPLETE
    assert len(client.requests) <= 22


def test_truncated_page_is_completed_at_once() -> None:
    ids, windows, client = fetched(
        lambda number, params: page(EVENTS, params, cap=4 if number % 3 == 0 else 1000), parallel=3
    )
    assert ids == ids_of(EVENTS)
    assert windows[0].status == COMPLETE
    # Ten pages, and the rest of every third page. A second attempt at the whole window would be twenty.
    assert len(client.requests) <= 17


def test_slow_page_does_not_block_requests_for_the_next_window() -> None:
    later = (SPAN[1], SPAN[1] + DAY_MS)
    asked = threading.Event()
    in_time = []

    def reply(params: dict[str, Any]) -> Answer:
        found = [event(number, params["dateFrom"] + number) for number in range(20)]
        if (params["dateFrom"], params["offset"]) == (later[0], 10):
            asked.set()
        elif (params["dateFrom"], params["offset"]) == (SPAN[0], 0):
            in_time.append(asked.wait(timeout=10))
        return page(found, params)

    settings = AuditSettings(page_size=10, parallel_requests=2)
    fetcher = EventFetcher(FakeClient(reply), "", settings, PageDecoder(NewColumns()))  # type: ignore[arg-type]
    windows = [window for _, window in fetcher.fetch("all", [SPAN, later], 1, fail) if window is not None]
    fetcher.close()
    assert [(window.start, window.status, window.distinct) for window in windows] == [
        (SPAN[0], COMPLETE, 20),
        (later[0], COMPLETE, 20),
    ]
    assert in_time == [True]


def test_implausible_total_requests_a_limited_number_of_pages() -> None:
    ids, windows, client = fetched(lambda number, params: page(EVENTS, params, total=10**9), parallel=4)
    assert ids == ids_of(EVENTS)
    assert [(window.status, window.distinct, window.reported) for window in windows] == [(INCOMPLETE, 100, 10**9)]
    # Four attempts at ten pages, each with the pages requested ahead.
    assert len(client.requests) <= 4 * (10 + 3 * 4 + 1)


def test_rejected_page_size_is_halved_permanently() -> None:
    def reply(number: int, params: dict[str, Any]) -> Answer:
        return Answer(b"", 204) if params["limit"] > 3_000 else page(EVENTS, params)

    ids, windows, client = fetched(reply, page_size=15_000)
    assert ids == ids_of(EVENTS)
    assert windows[0].status == COMPLETE
    assert [params["limit"] for params in client.requests] == [15_000, 10_000, 5_000, 2_500]


def test_every_event_of_a_split_window_is_in_one_of_its_halves() -> None:
    dense = [event(number, SPAN[0] + 100_000 + number * 7_000) for number in range(300)]
    client = FakeClient(
        lambda params: page(
            [sent for sent in dense if params["dateFrom"] <= sent["eventDate"] < params["dateTo"]], params
        )
    )
    settings = AuditSettings(page_size=50, parallel_requests=3, events_per_load=20)
    fetcher = EventFetcher(client, "", settings, PageDecoder(NewColumns()))  # type: ignore[arg-type]
    parts = list(fetcher.fetch("all", [SPAN], 1, fail))
    fetcher.close()
    windows = sorted((window for _, window in parts if window is not None), key=lambda window: window.start)
    assert {number for table, _ in parts if table is not None for number in table["id"].to_pylist()} == ids_of(dense)
    assert (windows[0].start, windows[-1].end) == SPAN
    assert all(first.end == second.start for first, second in itertools.pairwise(windows))
    assert sum(window.events_in_span for window in windows) == 300
    # No window holds more events than a load should, except one that is too short to be split.
    assert all(window.events_in_span <= 20 or window.end - window.start < 2 * MINUTE_MS for window in windows)


def test_pages_without_a_total_end_at_the_first_page_without_new_events() -> None:
    """The service returns the same page for every offset, so pagination must end."""

    def reply(number: int, _: dict[str, Any]) -> Answer:
        assert number < 50, "asked for ever"
        return Answer(json.dumps({"response": EVENTS[:10]}).encode())

    ids, windows, client = fetched(reply)
    assert ids == ids_of(EVENTS[:10]) and len(client.requests) < 10
    assert windows[0].status == COMPLETE


@pytest.mark.parametrize("wanted", [True, False])
def test_past_days_are_counted_only_if_requested(wanted: bool) -> None:
    memory = Memory(history_days=3, late_event_scan=wanted)
    client = FakeClient(lambda params: page([], params))
    memory.load(client, "", SPAN[1])
    client.requests.clear()
    memory.load(client, "", SPAN[1] + 60 * MINUTE_MS)
    assert any(params["limit"] == 1 for params in client.requests) == wanted


def days(number: int) -> list[tuple[int, int]]:
    return [(SPAN[0] + day * DAY_MS, SPAN[1] + day * DAY_MS) for day in range(number)]


@pytest.mark.parametrize("broken", [{0}, {1, 2}, {3}])
@pytest.mark.parametrize("kind", [UnreachableError, BadAnswerError])
def test_failed_windows_do_not_affect_other_windows(broken: set[int], kind: type[AuditSourceError]) -> None:
    spans, told = days(4), []

    def reply(params: dict[str, Any]) -> Answer:
        if params["dateFrom"] in {spans[day][0] for day in broken}:
            raise kind("GET events", "nothing of use", "Run again.")
        return page([event(1, params["dateFrom"])], params)

    fetcher = EventFetcher(FakeClient(reply), "", AuditSettings(), PageDecoder(NewColumns()))  # type: ignore[arg-type]
    windows = [window for _, window in fetcher.fetch("all", spans, 1, told.append) if window is not None]
    fetcher.close()
    found = {window.start: (window.status, window.distinct) for window in windows}
    assert found == {
        start: (INCOMPLETE, None) if day in broken else (COMPLETE, 1) for day, (start, _) in enumerate(spans)
    }
    assert [type(error) for error in told] == [kind] * len(broken)


def fetched_windows(spans: list[tuple[int, int]], broken: set[int]) -> tuple[dict[int, str], list[str], list[int]]:
    """Return the status of each window by day, the reported errors, and the requested days."""
    told, asked = [], []

    def reply(params: dict[str, Any]) -> Answer:
        day = (params["dateFrom"] - SPAN[0]) // DAY_MS
        asked.append(day)
        if day in broken:
            raise UnreachableError("GET events", f"nothing of day {day}", "Run again.")
        return page([event(1, params["dateFrom"])], params)

    fetcher = EventFetcher(FakeClient(reply), "", AuditSettings(parallel_requests=1), PageDecoder(NewColumns()))  # type: ignore[arg-type]
    found = list(fetcher.fetch("all", spans, 1, lambda error: told.append(str(error))))
    fetcher.close()
    windows = [window for _, window in found if window is not None]
    assert len({window.start for window in windows}) == len(windows)
    return {(window.start - SPAN[0]) // DAY_MS: window.status for window in windows}, told, asked


@pytest.mark.parametrize(
    "broken", [{0, 1, 2}, {0, 1, 2, 3, 4}, {4, 5, 6}, {0, 2, 3, 4, 8}, {0, 1, 2, 9}, {0, 1, 2, 8, 9}]
)
def test_consecutive_failed_days_are_recorded_and_block_no_other_day(broken: set[int]) -> None:
    statuses, told, _ = fetched_windows(days(10), broken)
    assert statuses == {day: INCOMPLETE if day in broken else COMPLETE for day in range(10)}
    assert len(told) == len(broken)


def test_outage_stops_requests_after_a_few_days() -> None:
    statuses, told, asked = fetched_windows(days(20), set(range(20)))
    assert statuses == dict.fromkeys(range(20), INCOMPLETE)
    # Three old days, the newest and two random ones, plus the pages requested ahead.
    assert len(told) == 6 and "day 19" in told[3] and set(asked) < set(range(20))


@pytest.mark.parametrize("broken", [{0, 1, 2}, {0, 1, 2, 8, 9}, {3, 4, 5, 6}, set(range(20))])
def test_days_without_a_total_do_not_hide_other_days(broken: set[int]) -> None:
    spans = days(20)
    told: list[AuditSourceError] = []

    def reply(params: dict[str, Any]) -> Answer:
        day = (params["dateFrom"] - SPAN[0]) // DAY_MS
        if day in broken:
            raise UnreachableError("GET events", f"nothing of day {day}", "Run again.")
        return page([event(1, params["dateFrom"])], params)

    fetcher = EventFetcher(FakeClient(reply), "", AuditSettings(parallel_requests=1), PageDecoder(NewColumns()))  # type: ignore[arg-type]
    assert fetcher.totals("all", spans, told.append) == [None if day in broken else 1 for day in range(20)]
    fetcher.close()
    assert len(told) == (6 if len(broken) == 20 else len(broken))


def test_page_size_is_halved_until_accepted() -> None:
    """More often than a window is fetched again: a rejected page size is not a failed attempt."""

    def reply(number: int, params: dict[str, Any]) -> Answer:
        return page(EVENTS, params) if params["limit"] <= 100 else Answer(b"", 204)

    ids, windows, _ = fetched(reply, page_size=10_000)
    assert ids == ids_of(EVENTS)
    assert [(window.status, window.distinct) for window in windows] == [(COMPLETE, 100)]


LIES = {
    "too low": lambda total: total - 70,
    "far too low": lambda total: 3,
    "negative": lambda total: -1,
    "a full page exactly": lambda total: 100,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@pytest.mark.parametrize("names_next", [True, False])
def test_too_low_total_does_not_end_pagination(lie: Callable[[int], int], names_next: bool) -> None:
    sent = [event(number, SPAN[0] + number) for number in range(250)]

    def reply(params: dict[str, Any]) -> Answer:
        offset, rows = params["offset"], sent[params["offset"] : params["offset"] + params["limit"]]
        paging = {"totalSize": lie(len(sent)), "offSet": offset}
        if names_next and offset + len(rows) < len(sent):
            paging["nextOffset"] = offset + len(rows)
        return Answer(json.dumps({"meta": {"paging": paging}, "response": rows}).encode())

    fetcher = EventFetcher(FakeClient(reply), "", AuditSettings(page_size=100), PageDecoder(NewColumns()))  # type: ignore[arg-type]
    found = list(fetcher.fetch("all", [SPAN], 1, lambda error: None))
    fetcher.close()
    ids = {number for table, _ in found if table is not None for number in table["id"].to_pylist()}
    (window,) = [window for _, window in found if window is not None]
    assert ids == ids_of(sent)
    assert (window.status, window.distinct) == (INCOMPLETE, 250)


def test_permanently_wrong_window_is_fetched_once_per_run() -> None:
    asked: list[int] = []

    def reply(params: dict[str, Any]) -> Answer:
        asked.append(params["offset"])
        body = {"meta": {"paging": {"totalSize": 2, "offSet": 0}}, "response": [event(1, SPAN[0])]}
        return Answer(json.dumps(body if params["offset"] == 0 else {**body, "response": []}).encode())

    fetcher = EventFetcher(FakeClient(reply), "", AuditSettings(), PageDecoder(NewColumns()))  # type: ignore[arg-type]
    (first,) = [window for _, window in fetcher.fetch("all", [SPAN], 1, lambda error: None) if window is not None]
    many = len(asked)
    (again,) = [
        window for _, window in fetcher.fetch("all", [SPAN], 2, lambda error: None, {SPAN: first}) if window is not None
    ]
    fetcher.close()
    assert (first.status, first.repeats, again.status, again.repeats) == (INCOMPLETE, 0, INCOMPLETE, 1)
    assert len(asked) - many <= many / 3


def test_failed_count_of_one_day_blocks_no_other_day() -> None:
    told: list[AuditSourceError] = []

    def reply(params: dict[str, Any]) -> Answer:
        if params["dateFrom"] == days(5)[2][0]:
            raise UnreachableError("GET events", "HTTP 500 after every try", "Run again.")
        return page([event(1, params["dateFrom"])], params)

    fetcher = EventFetcher(FakeClient(reply), "", AuditSettings(), PageDecoder(NewColumns()))  # type: ignore[arg-type]
    assert fetcher.totals("all", days(5), told.append) == [1, 1, None, 1, 1]
    assert len(told) == 1
    fetcher.close()


def test_only_events_dated_within_their_window_count_for_its_day() -> None:
    """Events dated null, 1970, far in the future or moved are stored under their own day."""
    start = SPAN[0]
    dates = [start, start + 1, None, 0, start + 400 * DAY_MS, start - 1, SPAN[1]]
    sent = [event(number, start, eventDate=date) for number, date in enumerate(dates)]
    sent[2]["createdDate"] = start + DAY_MS
    fetcher = EventFetcher(
        FakeClient(lambda params: page(sent, params)), "", AuditSettings(), PageDecoder(NewColumns())
    )  # type: ignore[arg-type]
    (window,) = [one for _, one in fetcher.fetch("all", [SPAN], 1, lambda error: None) if one is not None]
    fetcher.close()
    assert (window.status, window.distinct, window.events_in_span) == (COMPLETE, len(dates), 2)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_undated_events_count_for_their_utc_day_in_any_time_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        day = date(2026, 5, 4)
        start = int(datetime(2026, 5, 4, tzinfo=timezone.utc).timestamp() * 1000)
        events = pa.table(
            {
                "event_date": pa.array([None] * 3, pa.timestamp("ms", "UTC")),
                "event_day": pa.array([day, day - timedelta(days=1), day - timedelta(days=1)], pa.date32()),
            }
        )
        assert count_in_span(events, (start, start + 1000)) == 1
    finally:
        monkeypatch.undo()
        time.tzset()
