"""Days are complete, incomplete or lost according to their windows."""

from datetime import date

import pandas as pd

from pipelines.dashboard.coverage import daily_coverage, gaps
from tests.support.hostile_log import WINDOWS, day_window, window
from tests.support.raw_rows import Row


def days(rows: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(WINDOWS[0]))
    frame["window_day"] = pd.to_datetime(frame["window_day"])
    return daily_coverage(frame)


def coverage(rows: list[Row]) -> list[tuple[int, str, float]]:
    return [(day.day, status, hours) for day, status, hours, _ in days(rows).itertuples(index=False)]


def test_days_are_classified_by_their_windows() -> None:
    assert coverage(WINDOWS) == [
        (1, "complete", 24.0),
        (2, "complete", 24.0),
        (3, "not loaded", 12.0),
        (4, "complete", 24.0),
        (5, "incomplete", 0.0),
        (6, "lost", 0.0),
        (7, "complete", 8.0),
    ]


def test_a_day_without_any_window_is_a_gap() -> None:
    assert coverage([day_window(1), day_window(3)])[1] == (2, "not loaded", 0.0)


def test_overlapping_windows_do_not_cover_twice() -> None:
    halves = [
        window("2026-03-01", "2026-03-01 00:00", "2026-03-01 12:00"),
        window("2026-03-01", "2026-03-01 06:00", "2026-03-01 12:00"),
        day_window(2),
    ]
    assert coverage(halves)[0] == (1, "not loaded", 12.0)


def test_least_covered_event_type_decides() -> None:
    kinds = [day_window(1) | {"event_type": "user_activity"}, day_window(2)]
    kinds.append(window("2026-03-01", "2026-03-01 00:00", "2026-03-01 06:00") | {"event_type": "access_control"})
    assert coverage(kinds)[0] == (1, "not loaded", 6.0)


def test_without_windows_there_are_no_days() -> None:
    assert coverage([]) == []


def test_days_after_the_last_window_are_gaps_up_to_the_given_day() -> None:
    frame = pd.DataFrame(WINDOWS, columns=list(WINDOWS[0]))
    frame["window_day"] = pd.to_datetime(frame["window_day"])
    found = daily_coverage(frame, date(2026, 3, 9))
    assert [(row.event_day.day, row.status) for row in found.itertuples()][6:] == [
        (7, "not loaded"),
        (8, "not loaded"),
        (9, "not loaded"),
    ]


def test_purged_days_are_not_gaps() -> None:
    assert gaps(days(WINDOWS)) == 3
    assert coverage([day_window(1, "purged"), day_window(2)])[0][:2] == (1, "purged")
    assert gaps(days([day_window(1, "purged"), day_window(2)])) == 0
    assert gaps(days([])) == 0
