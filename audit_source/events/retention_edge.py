"""Windows at the edge of the retention, as pure functions: a total of a window that has partly expired proves nothing.

Divided into hours, the retained part of a day can still be compared with what Anaplan reports.
"""

from dataclasses import replace

from .spans import HOUR_MS, Span, split_hours
from .windows import COMPLETE, INCOMPLETE, Limits, Window


def partly_expired(ledger: list[Window], limits: Limits) -> list[tuple[Window, list[Span]]]:
    """Return the windows that have partly expired, each with its expired part and its retained hours.

    Runs normally divide a day before it expires. It is still whole after a pause of days, or when it was fetched again.
    """
    kept_from = limits.floor - limits.floor % HOUR_MS
    found = []
    for window in ledger:
        is_partly_expired = window.start < limits.floor and window.end > kept_from + HOUR_MS
        if is_partly_expired and window.status in (COMPLETE, INCOMPLETE) and window.checked_at < limits.now:
            expired = [(window.start, kept_from)] if window.start < kept_from else []
            found.append((window, [*expired, *split_hours(max(window.start, kept_from), window.end)]))
    return found


def parts_of(window: Window, spans: list[Span], counts: list[int] | None) -> list[Window]:
    """Return a window divided into adjoining spans. Its events that are in no count belong to the first span.

    Args:
        counts (List[int]): The loaded events of each span. If they are unknown, every part but the first is incomplete:
            its total can be compared with nothing, so it is fetched again.
    """
    is_verified = window.status == COMPLETE
    if counts is None:
        parts = [replace(window, events_in_span=0, reported=None, distinct=None)] * len(spans)
        parts[1:] = [replace(part, status=INCOMPLETE) for part in parts[1:]]
    else:
        counts = [max(counts[0], window.events_in_span - sum(counts[1:])), *counts[1:]]
        parts = [
            replace(window, events_in_span=count, reported=count if is_verified else None, distinct=count)
            for count in counts
        ]
    return [
        replace(part, start=start, end=end, probed=None, digest=0)
        for part, (start, end) in zip(parts, spans, strict=True)
    ]
