"""The audit log: days generated on demand, windows over them, and pages of windows."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from math import gcd
from random import Random
from typing import Any

import msgspec

from ..settings import Settings
from .catalogue import prefix_of, prefix_of_type
from .clock import DAY, Clock, day_of
from .company import Company
from .day import HELD_BACK, Day, Selection
from .events import DayMaker


class Window:
    """The visible events of a time span, numbered from 0 in the order in which they are served."""

    def __init__(self, selections: list[Selection], order: str, shuffle: Random) -> None:
        self.selections = selections
        self.ends = list(accumulate(map(len, selections)))
        self.total = self.ends[-1] if self.ends else 0
        self.order = order
        if order == "random":
            self._factor, self._shift = _permutation(self.total, shuffle)

    def page(self, offset: int, count: int) -> list[memoryview]:
        """Return the JSON of the events from `offset`, ready to join: commas between events, none at the end."""
        pieces = self._pieces(offset, count)
        if pieces:
            pieces[-1] = pieces[-1][:-1]
        return pieces

    def _pieces(self, offset: int, count: int) -> list[memoryview]:
        start, stop = max(0, min(offset, self.total)), max(0, min(offset + count, self.total))
        if self.order == "asc":
            return self._run(start, stop)
        if self.order == "desc":
            return [self._one(self.total - 1 - i) for i in range(start, stop)]
        return [self._one((i * self._factor + self._shift) % self.total) for i in range(start, stop)]

    def _run(self, start: int, stop: int) -> list[memoryview]:
        pieces: list[memoryview] = []
        begin = 0
        for selection, end in zip(self.selections, self.ends, strict=True):
            if begin < stop and end > start:
                pieces += selection.pieces(max(0, start - begin), stop - begin)
            begin = end
        return pieces

    def _one(self, number: int) -> memoryview:
        which = bisect_right(self.ends, number)
        return self.selections[which].one(number - (self.ends[which - 1] if which else 0))


def _permutation(total: int, rng: Random) -> tuple[int, int]:
    """Return factor and shift of i -> (factor * i + shift) mod total, which visits every number once."""
    if total < 2:
        return 1, 0
    factor = rng.randrange(total // 3, total) | 1
    while gcd(factor, total) > 1:
        factor += 2
    return factor, rng.randrange(total)


class Store:
    """All events of the tenant. Thread-safe: tests add events while the server answers."""

    def __init__(self, company: Company, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        # A copy: later changes of settings must not change the company or its events.
        self._maker = DayMaker(company, replace(settings))
        self._began = clock.now()
        self._days: dict[int, Day] = {}
        self._lock = threading.RLock()
        self._last_id = 1 << 61
        self._shuffles = Random(f"{settings.seed}/unstable")

    def _day(self, number: int) -> Day:
        if number not in self._days:
            self._days[number] = Day(self._maker.make(number))
        return self._days[number]

    def warm(self) -> int:
        """Generate every day that a client can request now. Returns the number of visible events."""
        return self.window(0, self.clock.now() + 1).total

    def oldest(self, now: int) -> int:
        """Return the start of the log (ms): the retention, but at most `days` before the sandbox started.

        If the clock is set to before the start, the log ends at that time and still covers `days`.
        """
        history = min(self._began, now) - self._maker.settings.days * DAY
        return max(now - int(self.settings.retention_days * DAY), history)

    def window(self, start: int, end: int, event_type: str | None = None) -> Window:
        """Return the events with start <= eventDate < end that are visible now."""
        now, prefix = self.clock.now(), prefix_of_type(event_type)
        with self._lock:
            selections = list(self._select(start, end, now, prefix))
            order = self.settings.order
            shuffle = Random(f"{self.settings.seed}/{start}/{end}/{prefix}")
            if self.settings.unstable_order:
                order, shuffle = "random", self._shuffles
            return Window(selections, order, shuffle)

    def _select(self, start: int, end: int, now: int, prefix: str | None) -> Iterator[Selection]:
        start = max(start, self.oldest(now))
        end = min(end, now + 1)
        for number in range(day_of(start), day_of(end - 1) + 1):
            yield from self._day(number).select(start, end, now, prefix)

    def truth(self, event_type: str | None = None) -> list[dict[str, Any]]:
        """Return all events visible now, ordered by eventDate."""
        with self._lock:
            now = self.clock.now()
            log = Window(list(self._select(0, now + 1, now, prefix_of_type(event_type))), "asc", Random(0))
            return list(msgspec.json.decode(b"".join((b"[", *log.page(0, log.total), b"]"))))

    def add(self, events: Iterable[dict[str, Any]], visible_from: int | None = None) -> list[Any]:
        """Add events unchanged, encoded as JSON. Returns their ids.

        An event without `id` gets one. An event whose eventDate is not a number counts as of now. It is visible
        from `visible_from`, by default from its createdDate.
        """
        now = self.clock.now()
        ids, by_day = [], dict[int, list[tuple[int, int, str, bytes]]]()
        with self._lock:
            for event in events:
                if "id" not in event:
                    self._last_id += 1
                    event = {"id": self._last_id, **event}
                ids.append(event["id"])
                when = _moment(event.get("eventDate"), now)
                seen = _moment(event.get("createdDate"), when) if visible_from is None else visible_from
                record = (when, seen, prefix_of(event.get("eventTypeId")), msgspec.json.encode(event) + b",")
                by_day.setdefault(day_of(when), []).append(record)
            for number, records in by_day.items():
                self._day(number).merge(records)
        return ids

    def hold_back(self, events: Iterable[dict[str, Any]]) -> list[Any]:
        """Add events that stay hidden until `release`."""
        return self.add(events, HELD_BACK)

    def release(self) -> int:
        with self._lock:
            return sum(day.release(self.clock.now()) for day in self._days.values())

    def last_sign_in(self, user_id: str) -> int | None:
        """Return the time (ms) of the newest sign-in that the log still holds."""
        now = self.clock.now()
        with self._lock:
            for number in range(day_of(now), day_of(self.oldest(now)) - 1, -1):
                moments = [when for when in self._day(number).sign_ins.get(user_id, ()) if when <= now]
                if moments:
                    return max(moments)
        return None


def _moment(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
