"""Until when the shown data is complete, by the rules of the command `status`."""

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any

import pandas as pd

from pipelines.monitoring.status import freshness, is_acknowledged

from .acknowledgements import acknowledged
from .cached import ask
from .coverage import daily_coverage, gaps
from .data_access import RAW, NothingLoaded
from .filters import Filters
from .options import options
from .queries import log


def read_freshness(now: datetime | None = None) -> dict[str, Any]:
    """Return the key `freshness` of the status, of the data that the pages show."""
    covered, incomplete = _rows(log.covered()), _rows(log.incomplete())
    if incomplete:
        known = {(row.kind, row.subject) for row in acknowledged().itertuples()}
        covered += [row for row in incomplete if is_acknowledged(row, known)]
    return freshness(covered, options.max_age, now or datetime.now(timezone.utc))


def coverage(filters: Filters) -> pd.DataFrame:
    """Return the coverage of each day of the period.

    Raises:
        NothingLoaded: There are no windows.
    """
    return daily_coverage(ask(log.windows(filters), RAW))


def days_with_gaps(filters: Filters) -> int:
    """Return how many days of the period are not complete; 0 without windows."""
    try:
        return gaps(coverage(filters))
    except NothingLoaded:
        return 0


def coverage_until_today(filters: Filters) -> pd.DataFrame:
    """Return the same, and the days that are missing since, if the data is stale and the period ends with the log."""
    today = datetime.now(timezone.utc).date()
    ends_with_log = filters.log_ends is not None and filters.last >= filters.log_ends
    if not (ends_with_log and read_freshness()["stale"]) or filters.last >= today:
        return coverage(filters)
    return daily_coverage(ask(log.windows(replace(filters, last=_rounded(today))), RAW), today)


def _rounded(today: date) -> date:
    # The result is cached by its query, so the query must not change with each day.
    return date(today.year, 12, 31)


def _rows(query: Any) -> list[dict[str, Any]]:
    try:
        frame = ask(query, RAW)
    except NothingLoaded:
        return []
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
