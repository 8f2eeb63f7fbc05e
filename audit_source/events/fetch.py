"""A span of time -> verified Arrow tables: pages are fetched in parallel, and compared with what Anaplan reports."""

from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait

import pyarrow as pa

from ..errors import BadAnswerError, UnreachableError
from ..retry import WINDOW_ATTEMPTS
from ..settings import AuditSettings
from ..signed_client import SignedClient
from .decode import Page
from .decode_process import PageDecoder
from .page_requests import PageRefused, PageRequest, PageRequests
from .spans import DAY_MS, MINUTE_MS, Span
from .totals import probe_totals
from .window_fetch import LeaveOut, PendingPage, WindowFetch
from .window_queue import Fetched, WindowQueue
from .windows import Window

RECENT_MS = DAY_MS


class _TooLarge(Exception):
    """The window holds more events than one load should: it is fetched as two."""


class EventFetcher:
    """Fetches windows of one event type, in order, `parallel_requests` pages at a time.

    A few times as many pages are requested, so memory holds a few pages, whatever the size of a window. When a load has
    enough events, the pages requested ahead are kept for the next load.
    """

    def __init__(self, client: SignedClient, audit_url: str, settings: AuditSettings, decoder: PageDecoder) -> None:
        self._requests = PageRequests(client, audit_url, settings, decoder)
        self._events_per_load = settings.events_per_load
        self._recent_from = 0

    def close(self, wait: bool = True) -> None:
        """End the threads and the second process, after the requests in flight if `wait`."""
        self._requests.close(wait)

    def totals(self, event_type: str, spans: list[Span], leave_out: LeaveOut) -> list[int | None]:
        """Return how many events Anaplan holds for each span; see `probe_totals`."""
        return probe_totals(self._requests, event_type, spans, leave_out)

    def fetch(
        self,
        event_type: str,
        spans: list[Span],
        checked_at: int,
        leave_out: LeaveOut,
        before: Mapping[Span, Window] | None = None,
    ) -> Iterator[Fetched]:
        """Yield the tables of each span, then its window: `complete`, or `incomplete` after every attempt.

        A table may be yielded again if its window had to be fetched again: merge on `id`. A span with more events than
        one load should have is fetched as two.

        A window that fails is yielded as `incomplete`, and `leave_out` gets the reason: the others must not wait until
        they expire, and the ledger must show the failure. If Anaplan does not answer at all, the remaining windows are
        yielded as `incomplete` without a request.

        Args:
            checked_at (int): Epoch ms.
            before (Mapping[Span, Window]): The ledger. An incomplete window with the same numbers is not tried again.
        """
        queue = WindowQueue(event_type, spans, leave_out, checked_at)
        before = before or {}
        self._recent_from = checked_at - RECENT_MS
        try:
            while queue.waiting or queue.started:
                yield from self._advance(queue, before)
        except GeneratorExit:
            self._keep_ahead(queue)
            raise
        finally:
            queue.withdraw_all()

    def _advance(self, queue: WindowQueue, before: Mapping[Span, Window]) -> Iterator[Fetched]:
        """Take the next page of the oldest window, and settle the window if that was its last page."""
        fetch = self._next_fetch(queue)
        try:
            table = self._take_page(queue, fetch)
            if table is not None:
                yield table, None
            if fetch.pending or fetch.has_more_pages:
                return
            window = fetch.verify(queue.checked_at, before.get(fetch.span))
        except _TooLarge:
            queue.divide(fetch)
        except PageRefused:
            # No limit of attempts: each time the page is smaller, down to the smallest.
            queue.try_again(fetch)
        except (BadAnswerError, UnreachableError) as problem:
            if isinstance(problem, UnreachableError) or fetch.attempt >= WINDOW_ATTEMPTS:
                yield from queue.give_up(problem)
            else:
                queue.try_again(fetch)
        else:
            if window is None:
                queue.try_again(fetch)
            else:
                yield None, queue.finish(window)

    def _next_fetch(self, queue: WindowQueue) -> WindowFetch:
        """Return the oldest window once its next page has arrived. Meanwhile, send what may be sent."""
        in_flight = self._send_pages(queue)
        oldest = queue.started[0]
        while not (page := oldest.pending[0].page).done():
            if 0 < oldest.page_step < self._requests.page_size:
                # The page before it was cut short: this one shows the real page size.
                wait([page])
                break
            wait(in_flight, return_when=FIRST_COMPLETED)
            in_flight = self._send_pages(queue)
        return oldest

    def _send_pages(self, queue: WindowQueue) -> "list[Future[Page]]":
        """Request pages of the oldest window first, then of the next ones, so that no thread is idle.

        Pages that wait for the ones before them take up room, but the oldest window may always request one.

        Returns:
            List[Future[Page]]: The requests in flight.
        """
        pending = [one.page for fetch in queue.started for one in fetch.pending]
        in_flight, held = [page for page in pending if not page.done()], len(pending)
        for each in queue.started:
            self._look_ahead(each)
        while True:
            oldest = queue.started[0] if queue.started and queue.started[0].has_more_pages else None
            has_room = len(in_flight) < self._requests.most_in_flight and held < self._requests.most_held
            if not has_room and (oldest is None or oldest.pending):
                return in_flight
            fetch = next((one for one in queue.started if one.has_more_pages), None)
            fetch = fetch or queue.begin_next(self._recent_from)
            if fetch is None:
                return in_flight
            self._request_next(queue.event_type, fetch)
            in_flight.append(fetch.pending[-1].page)
            held += 1

    def _request_next(self, event_type: str, fetch: WindowFetch) -> None:
        request = PageRequest(event_type, fetch.span, fetch.next_offset, self._requests.page_size)
        send = self._requests.send_or_take_kept if fetch.attempt == 1 else self._requests.send
        fetch.pending.append(PendingPage(request.offset, send(request)))
        fetch.next_offset += fetch.page_step or request.limit

    def _look_ahead(self, fetch: WindowFetch) -> None:
        """Learn from the first page of a window which pages follow, before it is taken.

        An unusual page is left until then.
        """
        if fetch.end_offset is not None or not fetch.pending:
            return
        first = fetch.pending[0].page
        if not first.done() or first.cancelled() or first.exception() is not None:
            return
        page = first.result()
        whole = page.total is not None and page.arrived == min(page.total, self._requests.page_size) > 0
        if whole and not self._is_too_large(fetch.span, page.total):
            fetch.learn_from_first_page(page)

    def _take_page(self, queue: WindowQueue, fetch: WindowFetch) -> pa.Table | None:
        offset, future = fetch.pending.popleft()
        page = future.result()
        if fetch.end_offset is None and self._is_too_large(fetch.span, page.total):
            raise _TooLarge
        page_size = self._requests.page_size
        fetch.take(offset, page, page_size)
        missing = fetch.missing_offset(offset, page)
        if missing is not None:
            # The server cut the page short: the rest is requested before anything after it.
            rest = self._requests.send(PageRequest(queue.event_type, fetch.span, missing, page_size))
            fetch.pending.appendleft(PendingPage(missing, rest))
        return page.events

    def _is_too_large(self, span: Span, total: int | None) -> bool:
        most = self._events_per_load
        return most is not None and total is not None and total > most and span[1] - span[0] >= 2 * MINUTE_MS

    def _keep_ahead(self, queue: WindowQueue) -> None:
        """Keep the pages that were requested ahead, for the next load."""
        self._requests.keep(
            (PageRequest(queue.event_type, fetch.span, one.offset, self._requests.page_size), one.page)
            for fetch in queue.started
            if fetch.attempt == 1
            for one in fetch.pending
        )
        queue.started.clear()
