"""The sandbox's clock. Retention, token expiry and the arrival of events follow it, not the machine's clock."""

from __future__ import annotations

import time
from datetime import datetime, timezone

SECOND = 1_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


class Clock:
    """Milliseconds since 1970 (UTC): real time, real time with an offset, or stopped."""

    def __init__(self, frozen_ms: int | None = None) -> None:
        self._frozen = frozen_ms
        self._offset = 0

    def now(self) -> int:
        return self._frozen if self._frozen is not None else time.time_ns() // 1_000_000 + self._offset

    def set(self, ms: int | None = None, offset_ms: int = 0) -> None:
        """Stop the clock at `ms`; without `ms` it runs `offset_ms` ahead of real time."""
        self._frozen, self._offset = ms, offset_ms

    def advance(self, ms: int) -> None:
        if self._frozen is not None:
            self._frozen += ms
        else:
            self._offset += ms

    @property
    def is_frozen(self) -> bool:
        return self._frozen is not None


def day_of(ms: int) -> int:
    """Return the number of the UTC day since 1970."""
    return ms // DAY


def day_name(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, tz=timezone.utc).date().isoformat()


def weekday_of(day: int) -> int:
    """Return the weekday, 0 for Monday; 1 January 1970 was a Thursday."""
    return (day + 3) % 7
