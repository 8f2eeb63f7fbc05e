"""One UTC day of the audit log as one buffer of JSON, with an index to cut pages from it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from .events import PROMPT, DayEvents

# `visible from` of an event that is held back until `release`.
HELD_BACK = 2**62


class Day:
    """Changed only by `merge` and `release`. Positions count in order of eventDate."""

    def __init__(self, made: DayEvents) -> None:
        self.sign_ins = made.sign_ins
        self._fill(made.dates, made.visible, made.prefixes, made.pieces)

    def _fill(self, dates: array[int], visible: array[int], prefixes: list[str], pieces: list[bytes]) -> None:
        self.dates, self.visible, self.prefixes = dates, visible, prefixes
        # Views into the buffer, so that a page of megabytes is copied only once, into the answer.
        self.view = memoryview(b"".join(pieces))
        self.offsets = array("q", accumulate(map(len, pieces), initial=0))
        by_prefix: dict[str, array[int]] = {}
        for position, prefix in enumerate(prefixes):
            by_prefix.setdefault(prefix, array("i")).append(position)
        self.by_prefix = by_prefix
        self.late = [i for i in range(len(dates)) if visible[i] - dates[i] > PROMPT]

    def piece(self, position: int) -> memoryview:
        """Return one event as JSON with a trailing comma."""
        return self.view[self.offsets[position] : self.offsets[position + 1]]

    def hidden(self, low: int, high: int, now: int) -> list[int]:
        """Return the positions in [low, high) that are not visible yet, in order."""
        found = [i for i in self.late[bisect_left(self.late, low) :] if i < high and self.visible[i] > now]
        recent = max(low, bisect_left(self.dates, now - PROMPT))
        for i in range(recent, high):
            if self.visible[i] > now and self.visible[i] - self.dates[i] <= PROMPT:
                insort(found, i)
        return found

    def select(self, start: int, end: int, now: int, prefix: str | None) -> list[Selection]:
        """Return the visible events of [start, end), all or those of one prefix, as runs between hidden events."""
        low = bisect_left(self.dates, start)
        # Future events stay hidden, whatever their createdDate.
        high = max(low, bisect_left(self.dates, min(end, now + 1)))
        positions: Sequence[int] = range(low, high)
        if prefix is not None:
            index = self.by_prefix.get(prefix, array("i"))
            positions = index[bisect_left(index, low) : bisect_left(index, high)]
        runs, begin = [], 0
        for unseen in self.hidden(low, high, now):
            at = bisect_left(positions, unseen)
            if at < len(positions) and positions[at] == unseen:
                runs.append(Selection(self, positions[begin:at]))
                begin = at + 1
        runs.append(Selection(self, positions[begin:]))
        return [run for run in runs if len(run)]

    def merge(self, records: list[tuple[int, int, str, bytes]]) -> None:
        """Add (eventDate, visible from, prefix, JSON with comma); rows of equal dates keep their order."""
        pieces = map(bytes, map(self.piece, range(len(self.dates))))
        rows = list(zip(self.dates, self.visible, self.prefixes, pieces, strict=True))
        rows += records
        rows.sort(key=lambda row: row[0])
        dates, visible = array("q", [row[0] for row in rows]), array("q", [row[1] for row in rows])
        self._fill(dates, visible, [row[2] for row in rows], [row[3] for row in rows])

    def release(self, now: int) -> int:
        """Make held-back events visible from `now`, and return their number."""
        held_back = [i for i in self.late if self.visible[i] == HELD_BACK]
        for i in held_back:
            self.visible[i] = now
        return len(held_back)


@dataclass
class Selection:
    """A selection of positions of one day."""

    day: Day
    positions: Sequence[int]

    def __len__(self) -> int:
        return len(self.positions)

    def pieces(self, start: int, stop: int) -> list[memoryview]:
        """Return events start to stop (exclusive); neighbours in the buffer form one piece."""
        chosen = self.positions[start:stop]
        if isinstance(chosen, range) and len(chosen):
            return [self.day.view[self.day.offsets[chosen[0]] : self.day.offsets[chosen[-1] + 1]]]
        return [self.day.piece(position) for position in chosen]

    def one(self, index: int) -> memoryview:
        return self.day.piece(self.positions[index])
