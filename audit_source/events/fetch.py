"""A span of time -> verified Arrow tables: pages fetched side by side, counted against what Anaplan reports."""

import random
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger

from ..client import SignedClient
from ..errors import AuditSourceError, BadAnswerError, UnreachableError
from ..settings import AuditSettings
from .decode import Page
from .decode_process import PageDecoder
from .windows import COMPLETE, DAY_MS, INCOMPLETE, MINUTE_MS, Span, Window, day_start, halves

# How often a window is fetched in one run before it is left to the next.
MOST_ATTEMPTS = 4
# So many windows in a row without an answer, and the others are tried in another order: if as many of them get none
# either, Anaplan is down.
MOST_UNANSWERED = 3
SMALLEST_PAGE = 100
RECENT_MS = DAY_MS
DOCUMENTED_PAGE_LIMIT = 10_000

# Event type, span, offset, limit.
_Asked = tuple[str, Span, int, int]
# Pages to load, or the verified window they came from.
Fetched = tuple[pa.Table | None, Window | None]
LeaveOut = Callable[[AuditSourceError], None]


class _Refused(Exception):
    """The page size was refused: the window begins anew with a smaller one."""


class _TooLarge(Exception):
    """The window holds more events than one load should: it is fetched as two."""


@dataclass
class _Job:
    """One attempt at a window: what has been asked, and what has arrived."""

    span: Span
    # Only recent windows are fetched again as an overlap, where a change of content has to be noticed.
    is_recent: bool = False
    attempt: int = 1
    pending: deque[tuple[int, "Future[Page]"]] = field(default_factory=deque)
    next_offset: int = 0
    step: int = 0
    totals: list[int | None] = field(default_factory=list)
    # The offset up to which pages are known to exist; None until the first page has told.
    until: int | None = None
    ids: list[pa.Array] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    arrived: int = 0
    inside: int = 0
    digest: int = 0

    @property
    def may_ask(self) -> bool:
        return self.next_offset == 0 if self.until is None else self.next_offset < self.until


class EventFetcher:
    """Fetches windows of one event type, in order, `parallel_requests` pages at a time.

    A few times as many are asked for, so memory holds a few pages whatever the size of a window. Those that have been
    asked for when a load has enough are kept for the next load, and arrive while the database writes this one.
    """

    def __init__(self, client: SignedClient, audit_url: str, settings: AuditSettings, decoder: PageDecoder) -> None:
        self._client, self._settings, self._decoder = client, settings, decoder
        self._url = f"{audit_url}/audit/api/1/events"
        self._page_size = settings.page_size
        self._threads: ThreadPoolExecutor | None = None
        self._ahead: dict[_Asked, Future[Page]] = {}
        self._recent_from = 0

    def close(self, wait: bool = True) -> None:
        """Ends the threads; `wait` for the requests that are under way, which an interrupted run does not."""
        self._ahead.clear()
        if self._threads is not None:
            # The next request starts new ones.
            self._threads.shutdown(wait=wait, cancel_futures=True)
            self._threads = None
        self._decoder.close(wait)

    def totals(self, event_type: str, spans: list[Span], leave_out: LeaveOut) -> list[int | None]:
        """Return how many events Anaplan has for each span, by one request for a single event each.

        None stands for a total that could not be had: `leave_out` gets the reason, and the next run asks again. Days
        that fail must not hold up the rest; where nothing answers, the remaining ones are not asked.
        """
        found: dict[Span, int | None] = dict.fromkeys(spans)
        asked = deque((span, self._request((event_type, span, 0, 1))) for span in spans)
        unanswered = 0
        while asked and unanswered < 2 * MOST_UNANSWERED:
            span, future = asked.popleft()
            try:
                found[span] = _total_of(future)
                unanswered = 0
            except UnreachableError as problem:
                unanswered += 1
                leave_out(problem)
                if unanswered == MOST_UNANSWERED:
                    # What is under way already is waited for.
                    left = {one: None if other.cancel() else other for one, other in asked}
                    asked = deque(
                        (one, left[one] or self._request((event_type, one, 0, 1))) for one in spread(list(left))
                    )
        for _, future in asked:
            future.cancel()
        return [found[span] for span in spans]

    def fetch(
        self,
        event_type: str,
        spans: list[Span],
        checked_at: int,
        leave_out: LeaveOut,
        before: Mapping[Span, Window] | None = None,
    ) -> Iterator[Fetched]:
        """Yield the tables of each span, and after them its window: `complete`, or `incomplete` after every attempt.

        A table may come again when its window had to be fetched again: merge on `id`. A span that holds more
        events than one load should is fetched as two.

        A window that fails is yielded as `incomplete` and `leave_out` gets the reason: the others must not wait until
        Anaplan forgets them, and what fails must stand in the ledger. Where Anaplan does not answer at all, the windows
        that are left are yielded as `incomplete` without a request.

        Args:
            before (Mapping[Span, Window]): The ledger: an incomplete window that comes out the same is not repeated.
        """
        waiting = deque(spans)
        jobs: deque[_Job] = deque()
        before = before or {}
        unanswered = 0
        self._recent_from = checked_at - RECENT_MS
        try:
            while waiting or jobs:
                job = self._next_job(event_type, jobs, waiting)
                try:
                    table = self._take_page(event_type, job)
                    if table is not None:
                        yield table, None
                    if job.pending or job.may_ask:
                        continue
                    window = self._verify(job, checked_at, before.get(job.span))
                except _TooLarge:
                    spans_begun = [*halves(job.span), *(other.span for other in list(jobs)[1:])]
                    waiting.extendleft(reversed(spans_begun))
                    self._withdraw(jobs)
                    continue
                except _Refused:
                    # However often: each time the page is smaller, down to the smallest.
                    window = None
                except (BadAnswerError, UnreachableError) as problem:
                    window = None
                    if isinstance(problem, UnreachableError) or job.attempt >= MOST_ATTEMPTS:
                        unanswered += isinstance(problem, UnreachableError)
                        self._withdraw(deque([jobs.popleft()]))
                        leave_out(problem)
                        yield None, Window(*job.span, INCOMPLETE, checked_at=checked_at)
                        if unanswered == MOST_UNANSWERED:
                            waiting = self._spread(jobs, waiting)
                        elif unanswered == 2 * MOST_UNANSWERED:
                            yield from self._give_up(jobs, waiting, checked_at)
                        continue
                jobs.popleft()
                if window is not None:
                    unanswered = 0
                    yield None, window
                else:
                    self._withdraw(deque([job]))
                    jobs.appendleft(_Job(job.span, job.is_recent, job.attempt + 1))
        except GeneratorExit:
            self._keep(event_type, jobs)
            raise
        finally:
            self._withdraw(jobs)

    def _spread(self, jobs: deque[_Job], waiting: deque[Span]) -> deque[Span]:
        """Return what is left to fetch in another order: several in a row got no answer."""
        left = [*(job.span for job in jobs), *waiting]
        self._withdraw(jobs)
        return deque(spread(left))

    def _give_up(self, jobs: deque[_Job], waiting: deque[Span], checked_at: int) -> Iterator[Fetched]:
        """Yield every window that is left as incomplete."""
        left = sorted([*(job.span for job in jobs), *waiting])
        self._withdraw(jobs)
        waiting.clear()
        for span in left:
            yield None, Window(*span, INCOMPLETE, checked_at=checked_at)

    def _next_job(self, event_type: str, jobs: deque[_Job], waiting: deque[Span]) -> _Job:
        """Returns the oldest window when its next page has arrived; until then there may be more to be asked."""
        under_way = self._ask(event_type, jobs, waiting)
        while not (page := jobs[0].pending[0][1]).done():
            if 0 < jobs[0].step < self._page_size:
                # The page before it was cut: this one tells by which steps to ask.
                wait([page])
                break
            wait(under_way, return_when=FIRST_COMPLETED)
            under_way = self._ask(event_type, jobs, waiting)
        return jobs[0]

    def _ask(self, event_type: str, jobs: deque[_Job], waiting: deque[Span]) -> "list[Future[Page]]":
        """Sends requests: pages of the oldest window first, then of the next ones, so that no thread has to wait.

        Pages that have arrived and wait for the ones before them take up room; the oldest window may always ask one.

        Returns:
            The requests that are under way.
        """
        pending = [future for job in jobs for _, future in job.pending]
        under_way, kept = [future for future in pending if not future.done()], len(pending)
        most = self._settings.parallel_requests
        room = 3 * most + self._decoder.pages_ahead
        for each in jobs:
            self._look_ahead(each)
        while True:
            oldest = jobs[0] if jobs and jobs[0].may_ask else None
            has_room = len(under_way) < 2 * most and kept < room
            if not has_room and (oldest is None or oldest.pending):
                return under_way
            job = next((job for job in jobs if job.may_ask), None)
            if job is None:
                if not waiting:
                    return under_way
                span = waiting.popleft()
                job = _Job(span, span[1] > self._recent_from)
                jobs.append(job)
            self._submit(event_type, job, job.next_offset)
            job.next_offset += job.step or self._page_size
            under_way.append(job.pending[-1][1])
            kept += 1

    def _look_ahead(self, job: _Job) -> None:
        """Learns from the first page of a window, before its turn has come, which pages follow.

        Whatever is unusual about the page is left until then.
        """
        if job.until is not None or not job.pending:
            return
        _, first = job.pending[0]
        if not first.done() or first.cancelled() or first.exception() is not None:
            return
        page = first.result()
        whole = page.total is not None and page.arrived == min(page.total, self._page_size) > 0
        if whole and not self._is_too_large(job.span, page.total):
            job.next_offset = job.step = page.arrived
            job.until = page.total

    def _submit(self, event_type: str, job: _Job, offset: int) -> None:
        asked = (event_type, job.span, offset, self._page_size)
        kept = self._ahead.pop(asked, None) if job.attempt == 1 else None
        job.pending.append((offset, kept or self._request(asked)))

    def _request(self, asked: _Asked) -> "Future[Page]":
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._settings.parallel_requests, thread_name_prefix="anaplan")
        return self._threads.submit(self._page, *asked)

    def _take_page(self, event_type: str, job: _Job) -> pa.Table | None:
        offset, future = job.pending.popleft()
        page = future.result()
        if job.until is None:
            if self._is_too_large(job.span, page.total):
                raise _TooLarge
            job.next_offset = 0
        # Believe what arrived: a server may cut every page, or by accident only the first.
        job.step = max(job.step, page.arrived)
        job.next_offset = max(job.next_offset, offset + page.arrived)
        job.totals.append(page.total)
        job.until = self._known_size(job, offset, page)
        following = job.pending[0][0] if job.pending else job.next_offset
        if page.arrived and offset + page.arrived < min(following, job.until):
            # The server cut the page: what is missing of it is asked for before anything after it.
            rest = self._request((event_type, job.span, offset + page.arrived, self._page_size))
            job.pending.appendleft((offset + page.arrived, rest))
        if page.events is not None:
            # A copy: a column of the page would keep all of the page in memory until the window is through.
            job.ids.append(pc.unique(page.events["id"]))
            job.arrived += page.arrived
            job.inside += _count_inside(page.events, job.span)
            if job.is_recent:
                job.digest += digest_of(page.events)
        return page.events

    def _known_size(self, job: _Job, offset: int, page: Page) -> int:
        """Returns the offset up to which to ask: never past an empty page, however many events are said to follow.

        Without `meta` that is one page more, until one brings nothing new.
        """
        if page.total is not None:
            end = offset + page.arrived
            says_more = (page.next_offset or 0) >= end and page.arrived >= self._page_size
            if page.arrived and (end > page.total or (end == page.total and says_more)):
                # More than there should be, or a full page that names another one: believe the rows, not the total.
                return end + 1
            return page.total if page.arrived else min(offset, page.total)
        new = set(page.events["id"].to_pylist() if page.events is not None else ()) - job.seen
        job.seen |= new
        return max(job.until or 0, offset + page.arrived + 1 if new else 0)

    def _verify(self, job: _Job, checked_at: int, before: Window | None) -> Window | None:
        """Return the window if the count is right, the same as before, or this was the last attempt; else None."""
        distinct = pc.count_distinct(pa.chunked_array(job.ids, pa.int64())).as_py()
        told = [total for total in job.totals if total is not None]
        right = not told or (told[0] == told[-1] == distinct)
        if not right:
            logger.info(
                f"Window {job.span}, attempt {job.attempt}: {distinct} arrived, {told[0]} to {told[-1]} reported."
            )
            repeats = _repeats(before, told[-1], distinct)
            if job.attempt < MOST_ATTEMPTS and not repeats:
                return None
        # An event that came twice, or one at the very end that belongs to the next window, counts once.
        inside = max(0, distinct - (job.arrived - job.inside))
        return Window(
            *job.span,
            COMPLETE if right else INCOMPLETE,
            reported=told[-1] if told else distinct,
            distinct=distinct,
            inside=inside,
            checked_at=checked_at,
            repeats=0 if right else repeats,
            digest=job.digest,
        )

    def _is_too_large(self, span: Span, total: int | None) -> bool:
        most = self._settings.events_per_load
        return most is not None and total is not None and total > most and span[1] - span[0] >= 2 * MINUTE_MS

    def _keep(self, event_type: str, jobs: deque[_Job]) -> None:
        """Keeps the first pages of windows that were asked for ahead."""
        self._ahead = {
            (event_type, job.span, offset, self._page_size): future
            for job in jobs
            if job.attempt == 1
            for offset, future in job.pending
        }
        jobs.clear()

    def _withdraw(self, jobs: deque[_Job]) -> None:
        for job in jobs:
            for _, future in job.pending:
                future.cancel()
        jobs.clear()

    def _page(self, event_type: str, span: Span, offset: int, limit: int) -> Page:
        params: dict[str, Any] = {
            "type": event_type,
            "dateFrom": span[0],
            "dateTo": span[1],
            "limit": limit,
            "offset": offset,
        }
        asked = f"GET {self._url} (events {offset} to {offset + limit} of {span[0]} to {span[1]} ms)"
        # In one expression: a page is too large to be kept while the next step waits.
        return self._decoder.decode(self._body(params, asked), span[0], asked)

    def _body(self, params: dict[str, Any], asked: str) -> bytes:
        response = self._client.get(self._url, params)
        if response.status_code == 204:
            self._shrink_pages(params["limit"], asked)
        return response.content

    def _shrink_pages(self, refused: int, asked: str) -> None:
        """Halves the page: Anaplan answers 204 and nothing else when a limit is too large for it."""
        if refused <= SMALLEST_PAGE:
            raise BadAnswerError(asked, "HTTP 204 and no page, even of the smallest size", "Run again later.")
        smaller = DOCUMENTED_PAGE_LIMIT if refused > DOCUMENTED_PAGE_LIMIT else max(refused // 2, SMALLEST_PAGE)
        self._page_size = min(self._page_size, smaller)
        raise _Refused


def spread(spans: list[Span]) -> list[Span]:
    """Return the newest span first, then the others in an order of chance.

    The days that fail may be the same for weeks. In a fixed order the days after them would never be reached.
    """
    ordered = sorted(spans, reverse=True)
    return ordered[:1] + random.sample(ordered[1:], len(ordered[1:]))


def _repeats(before: Window | None, reported: int, distinct: int) -> int:
    """Return how many runs in a row found the same wrong numbers, this one included; 0 for the first."""
    if before is None or before.status != INCOMPLETE:
        return 0
    return before.repeats + 1 if (before.reported, before.distinct) == (reported, distinct) else 0


def _total_of(asked: "Future[Page]") -> int | None:
    try:
        page = asked.result()
    except (_Refused, BadAnswerError) as problem:
        logger.info(f"A past window could not be asked about. {problem}")
        return None
    return page.arrived if page.total is None else page.total


def digest_of(events: pa.Table) -> int:
    """Return a sum over the contents of events that does not depend on their order."""
    texts = [pc.coalesce(events[field.name].cast(pa.string()), "") for field in events.schema]
    return sum(map(zlib.crc32, map(str.encode, pc.binary_join_element_wise(*texts, "\x1f").to_pylist())))


def _count_inside(events: pa.Table, span: Span) -> int:
    """Count the events that the day of the span will hold because of it.

    One that is dated outside the span is kept under its own day. One without a date counts where it is kept under the
    day of the span.
    """
    moments, day = events["event_date"], date.fromtimestamp(0) + timedelta(milliseconds=day_start(span[0]))
    start, end = (pa.scalar(edge, pa.timestamp("ms", "UTC")) for edge in span)
    within = pc.and_(pc.greater_equal(moments, start), pc.less(moments, end))
    undated = pc.and_(pc.is_null(moments), pc.equal(events["event_day"], pa.scalar(day, pa.date32())))
    return int(pc.sum(pc.or_kleene(within, undated)).as_py() or 0)
