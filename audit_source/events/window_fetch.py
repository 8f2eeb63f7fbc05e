"""One attempt at a window: which pages to request next, what has arrived, and whether it adds up."""

import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger

from ..errors import AuditSourceError
from ..retry import WINDOW_ATTEMPTS
from .decode import Page
from .spans import Span, day_start
from .windows import COMPLETE, INCOMPLETE, Window

# Called with the reason why something was left out of a load.
LeaveOut = Callable[[AuditSourceError], None]


class PendingPage(NamedTuple):
    """A requested page, and the offset that it begins at."""

    offset: int
    page: "Future[Page]"


@dataclass
class WindowFetch:
    """The state of one attempt at a window.

    Attributes:
        is_recent (bool): Whether the overlap of the next run includes the window; its digest shows changes.
        pending (Deque[PendingPage]): Requested pages that were not taken yet, in order.
        page_step (int): Events per page that the server really returns. 0 until the first page.
        end_offset (int): Offset up to which pages exist. None until the first page.
        totals (List[int]): `totalSize` of every page, None for a page without.
    """

    span: Span
    is_recent: bool = False
    attempt: int = 1
    pending: deque[PendingPage] = field(default_factory=deque)
    next_offset: int = 0
    page_step: int = 0
    end_offset: int | None = None
    totals: list[int | None] = field(default_factory=list)
    arrived: int = 0
    events_in_span: int = 0
    digest: int = 0
    _ids: list[pa.Array] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    @property
    def has_more_pages(self) -> bool:
        """Whether there is a page left to request."""
        return self.next_offset == 0 if self.end_offset is None else self.next_offset < self.end_offset

    def again(self) -> "WindowFetch":
        """Return the next attempt at the window."""
        return WindowFetch(self.span, self.is_recent, self.attempt + 1)

    def learn_from_first_page(self, page: Page) -> None:
        """Note how many pages follow a complete first page, before it is taken."""
        self.next_offset = self.page_step = page.arrived
        self.end_offset = page.total

    def take(self, offset: int, page: Page, page_size: int) -> None:
        """Count a page that has arrived. `page_size` is the size that was requested."""
        if self.end_offset is None:
            self.next_offset = 0
        # Use the size that arrived: a server may cut every page, or only the first.
        self.page_step = max(self.page_step, page.arrived)
        self.next_offset = max(self.next_offset, offset + page.arrived)
        self.totals.append(page.total)
        self.end_offset = self._end_after(offset, page, page_size)
        if page.events is not None:
            # `unique` copies. A column of the page would keep the whole page in memory until the window is done.
            self._ids.append(pc.unique(page.events["id"]))
            self.arrived += page.arrived
            self.events_in_span += count_in_span(page.events, self.span)
            if self.is_recent:
                self.digest += digest_of(page.events)

    def missing_offset(self, offset: int, page: Page) -> int | None:
        """Return where the rest of a page begins that the server cut short. None if nothing is missing."""
        end = offset + page.arrived
        following = self.pending[0].offset if self.pending else self.next_offset
        return end if page.arrived and end < min(following, self.end_offset or 0) else None

    def verify(self, checked_at: int, before: Window | None) -> Window | None:
        """Return the window, or None if it must be tried again.

        It is final if its count is right, if the last run found the same wrong count, or after the last attempt.

        Args:
            checked_at (int): Epoch ms.
            before (Window): The window in the ledger.
        """
        distinct = pc.count_distinct(pa.chunked_array(self._ids, pa.int64())).as_py()
        totals = [total for total in self.totals if total is not None]
        # Without a total there is nothing to compare with.
        is_right = not totals or (totals[0] == totals[-1] == distinct)
        repeats = 0
        if not is_right:
            logger.info(
                f"Window {self.span}, attempt {self.attempt}: {distinct} events arrived, "
                f"{totals[0]} to {totals[-1]} were reported."
            )
            repeats = _earlier_repeats(before, totals[-1], distinct)
            if self.attempt < WINDOW_ATTEMPTS and not repeats:
                return None
        return Window(
            *self.span,
            COMPLETE if is_right else INCOMPLETE,
            reported=totals[-1] if totals else distinct,
            distinct=distinct,
            # An event that arrived twice, or at the exact end, which belongs to the next window, counts once.
            events_in_span=max(0, distinct - (self.arrived - self.events_in_span)),
            checked_at=checked_at,
            repeats=repeats,
            digest=self.digest,
        )

    def withdraw(self) -> None:
        """Cancel the requests that were not sent yet."""
        for one in self.pending:
            one.page.cancel()

    def _end_after(self, offset: int, page: Page, page_size: int) -> int:
        """Return the offset up to which to request pages: never past an empty page, whatever the total says.

        Without a total, that is one page more, until a page brings nothing new.
        """
        end = offset + page.arrived
        if page.total is not None:
            if page.arrived and (end > page.total or (end == page.total and page.arrived >= page_size)):
                # More rows than the total, or a full page at its end: the total may be the size of the page.
                return end + 1
            return page.total if page.arrived else min(offset, page.total)
        new = set(page.events["id"].to_pylist() if page.events is not None else ()) - self._seen
        self._seen |= new
        return max(self.end_offset or 0, end + 1 if new else 0)


def _earlier_repeats(before: Window | None, reported: int, distinct: int) -> int:
    """Return how many runs in a row before this one found the same wrong numbers."""
    if before is None or before.status != INCOMPLETE:
        return 0
    return before.repeats + 1 if (before.reported, before.distinct) == (reported, distinct) else 0


def digest_of(events: pa.Table) -> int:
    """Return a sum over the contents of events that does not depend on their order."""
    texts = [pc.coalesce(events[column.name].cast(pa.string()), "") for column in events.schema]
    return sum(map(zlib.crc32, map(str.encode, pc.binary_join_element_wise(*texts, "\x1f").to_pylist())))


def count_in_span(events: pa.Table, span: Span) -> int:
    """Return how many events of a page are stored under the day of the span.

    An event dated outside the span is stored under its own day. An event without a date counts if it is stored under
    the day of the span.
    """
    moments, day = events["event_date"], date(1970, 1, 1) + timedelta(milliseconds=day_start(span[0]))
    start, end = (pa.scalar(edge, pa.timestamp("ms", "UTC")) for edge in span)
    within = pc.and_(pc.greater_equal(moments, start), pc.less(moments, end))
    undated = pc.and_(pc.is_null(moments), pc.equal(events["event_day"], pa.scalar(day, pa.date32())))
    return int(pc.sum(pc.or_kleene(within, undated)).as_py() or 0)
