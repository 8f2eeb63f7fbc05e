"""Arithmetic over spans of time: half-open pairs of epoch ms (UTC)."""

from collections.abc import Iterable
from itertools import pairwise

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Span = tuple[int, int]


def halves(span: Span) -> list[Span]:
    """Return a span as two of equal length."""
    middle = (span[0] + span[1]) // 2
    return [(span[0], middle), (middle, span[1])]


def subtract(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Return the parts of `spans` that are in none of `taken`, in order."""
    left = sorted(spans)
    for start, end in taken:
        left = [
            part
            for span in left
            for part in ((span[0], min(span[1], start)), (max(span[0], end), span[1]))
            if part[0] < part[1]
        ]
    return left


def merge_adjoining(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, with those that touch or overlap merged."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def split_at(spans: Iterable[Span], moment: int) -> list[Span]:
    """Return spans cut at a moment."""
    return [
        part
        for start, end in spans
        for part in ((start, min(moment, end)), (max(start, moment), end))
        if part[0] < part[1]
    ]


def split_days(spans: Iterable[Span]) -> list[Span]:
    """Return spans cut at every UTC midnight."""
    return [
        (max(start, day), min(end, day + DAY_MS))
        for start, end in spans
        for day in range(day_start(start), end, DAY_MS)
    ]


def split_hours(start: int, end: int) -> list[Span]:
    """Return a span cut at every full hour."""
    edges = [start, *range(start - start % HOUR_MS + HOUR_MS, end, HOUR_MS), end]
    return list(pairwise(edges))


def day_start(moment: int) -> int:
    """Return the UTC midnight at or before a moment."""
    return moment - moment % DAY_MS


def day_end(moment: int) -> int:
    """Return the UTC midnight after a moment."""
    return day_start(moment) + DAY_MS
