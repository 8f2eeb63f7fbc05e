"""Probes: how many events Anaplan holds for spans that were loaded before."""

import random
from collections import deque
from concurrent.futures import Future

from dlt.common import logger

from ..errors import BadAnswerError, UnreachableError
from ..retry import MOST_UNANSWERED
from .decode import Page
from .page_requests import PageRefused, PageRequest, PageRequests
from .spans import Span
from .window_fetch import LeaveOut


def probe_totals(requests: PageRequests, event_type: str, spans: list[Span], leave_out: LeaveOut) -> list[int | None]:
    """Return how many events Anaplan holds for each span. One request per span returns a single event and the total.

    None is a total that could not be read: `leave_out` gets the reason, and the next run probes again. Days that fail
    must not delay the others. If nothing answers, the remaining days are not requested.
    """
    found: dict[Span, int | None] = dict.fromkeys(spans)
    probes = deque((span, requests.send(PageRequest(event_type, span, 0, 1))) for span in spans)
    unanswered = 0
    while probes and unanswered < 2 * MOST_UNANSWERED:
        span, future = probes.popleft()
        try:
            found[span] = _total_of(future)
            unanswered = 0
        except UnreachableError as problem:
            unanswered += 1
            leave_out(problem)
            if unanswered == MOST_UNANSWERED:
                # Requests in flight are kept.
                left = {one: None if other.cancel() else other for one, other in probes}
                probes = deque(
                    (one, left[one] or requests.send(PageRequest(event_type, one, 0, 1)))
                    for one in in_random_order(list(left))
                )
    for _, future in probes:
        future.cancel()
    return [found[span] for span in spans]


def in_random_order(spans: list[Span]) -> list[Span]:
    """Return the newest span first, then the others in random order.

    The same days may fail for weeks. In a fixed order, the days after them would never be reached.
    """
    ordered = sorted(spans, reverse=True)
    return ordered[:1] + random.sample(ordered[1:], len(ordered[1:]))


def _total_of(probe: "Future[Page]") -> int | None:
    try:
        page = probe.result()
    except (PageRefused, BadAnswerError) as problem:
        logger.info(f"The total of a past window could not be read. {problem}")
        return None
    return page.arrived if page.total is None else page.total
