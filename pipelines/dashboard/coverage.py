"""Which days the log covers, told from the windows of the raw dataset."""

from datetime import datetime, timedelta

import pandas as pd

COMPLETE, INCOMPLETE, GAP, EXPIRED, PURGED = "complete", "incomplete", "not loaded", "lost", "purged"
STATUSES = (COMPLETE, INCOMPLETE, GAP, EXPIRED, PURGED)
# Nothing is missing there that should be there.
AS_WANTED = (COMPLETE, PURGED)
DAY = timedelta(days=1)


def daily_coverage(windows: pd.DataFrame) -> pd.DataFrame:
    """Returns event_day, status, hours (covered and verified), events, for each day from the first window to the last.

    A day is `complete` when verified windows cover all of it; of the first and the last day, the part since the
    log begins, or until the last run. `lost` is what Anaplan has forgotten, `not loaded` what no window covers,
    `purged` what was removed on purpose.
    """
    if windows.empty:
        return pd.DataFrame({"event_day": pd.to_datetime([]), "status": [], "hours": [], "events": []})
    begin, end = windows["window_start"].min(), windows["window_end"].max()
    by_day = dict(iter(windows.groupby("window_day")))
    rows = []
    for day in pd.date_range(windows["window_day"].min(), windows["window_day"].max(), freq="D"):
        first, last = max(day.tz_localize("UTC"), begin), min(day.tz_localize("UTC") + DAY, end)
        rows.append(_day(day, by_day.get(day, windows.iloc[:0]), last - first))
    return pd.DataFrame(rows, columns=["event_day", "status", "hours", "events"])


def gaps(days: pd.DataFrame) -> int:
    """Returns how many days of `daily_coverage` lack something; what was removed on purpose is not lacking."""
    return int((~days["status"].isin(AS_WANTED)).sum())


def _day(day: datetime, windows: pd.DataFrame, expected: timedelta) -> tuple[datetime, str, float, int]:
    verified = windows[windows["status"] == "complete"]
    covered = _covered(verified)
    events = int(windows["distinct_events"].fillna(0).sum())
    if (windows["status"] == "purged").any():
        status = PURGED
    elif (windows["status"] == "expired").any():
        status = EXPIRED
    elif (windows["status"] == "incomplete").any():
        status = INCOMPLETE
    else:
        status = COMPLETE if covered >= expected else GAP
    return day, status, covered / timedelta(hours=1), events


def _covered(windows: pd.DataFrame) -> timedelta:
    """The least covered kind of event counts, unless windows of all kinds are there."""
    kinds = windows[windows["event_type"] == "all"] if (windows["event_type"] == "all").any() else windows
    return min((_union(part) for _, part in kinds.groupby("event_type")), default=timedelta())


def _union(windows: pd.DataFrame) -> timedelta:
    total, reached = timedelta(), None
    for start, end in sorted(zip(windows["window_start"], windows["window_end"], strict=True)):
        begin = start if reached is None else max(start, reached)
        total += max(end - begin, timedelta())
        reached = end if reached is None else max(end, reached)
    return total
