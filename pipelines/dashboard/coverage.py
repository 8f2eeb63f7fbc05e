"""Computes which days the log covers, from the windows of the raw dataset."""

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

COMPLETE, INCOMPLETE, GAP, EXPIRED, PURGED = "complete", "incomplete", "not loaded", "lost", "purged"
STATUSES = (COMPLETE, INCOMPLETE, GAP, EXPIRED, PURGED)
# Statuses of days on which nothing is missing.
AS_WANTED = (COMPLETE, PURGED)
DAY = timedelta(days=1)


def daily_coverage(windows: pd.DataFrame, until: date | None = None) -> pd.DataFrame:
    """Return event_day, status, hours (covered and verified), events: a row for each day from first to last window.

    A day is `complete` when verified windows cover all of it. The first day counts from the start of the log, the last
    one until the last run. `lost`: Anaplan no longer keeps it. `not loaded`: no window covers it. `purged`: it was
    removed on purpose.

    Args:
        until (date): Days after the last window up to this one are `not loaded`.
    """
    by_day: dict[pd.Timestamp, list[Any]] = {}
    # Plain rows are fast enough for thousands of days.
    for window in windows.itertuples(index=False):
        by_day.setdefault(window.window_day, []).append(window)
    rows = []
    if by_day:
        begin, end = windows["window_start"].min(), windows["window_end"].max()
        last_day = max(by_day)
        if until is not None and pd.Timestamp(until) > last_day:
            last_day = pd.Timestamp(until)
            end = last_day.tz_localize("UTC") + DAY
        for day in pd.date_range(min(by_day), last_day, freq="D"):
            first, last = max(day.tz_localize("UTC"), begin), min(day.tz_localize("UTC") + DAY, end)
            rows.append(_day(day, by_day.get(day, []), last - first))
    days = pd.DataFrame(rows, columns=["event_day", "status", "hours", "events"])
    return days.assign(event_day=pd.to_datetime(days["event_day"]))


def gaps(days: pd.DataFrame) -> int:
    """Return how many days of `daily_coverage` have something missing; purged days do not count."""
    return int((~days["status"].isin(AS_WANTED)).sum())


def _day(day: pd.Timestamp, windows: list[Any], expected: timedelta) -> tuple[datetime, str, float, int]:
    covered = _covered([window for window in windows if window.status == "complete"])
    events = sum(int(window.distinct_events) for window in windows if not pd.isna(window.distinct_events))
    found = {window.status for window in windows}
    if "purged" in found:
        status = PURGED
    elif "expired" in found:
        status = EXPIRED
    elif "incomplete" in found:
        status = INCOMPLETE
    else:
        status = COMPLETE if covered >= expected else GAP
    return day, status, covered / timedelta(hours=1), events


def _covered(windows: list[Any]) -> timedelta:
    """Return the time that `all` covers, else that of the least covered kind of event."""
    kinds: dict[str, list[tuple[datetime, datetime]]] = {}
    for window in windows:
        kinds.setdefault(window.event_type, []).append((window.window_start, window.window_end))
    chosen = [kinds["all"]] if "all" in kinds else list(kinds.values())
    return min(map(_union, chosen), default=timedelta())


def _union(spans: list[tuple[datetime, datetime]]) -> timedelta:
    total, reached = timedelta(), None
    for start, end in sorted(spans):
        begin = start if reached is None else max(start, reached)
        total += max(end - begin, timedelta())
        reached = end if reached is None else max(end, reached)
    return total
