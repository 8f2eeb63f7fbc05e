"""Requests for pages of the audit log, sent by a pool of threads and decoded there."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from ..errors import BadAnswerError
from ..settings import AuditSettings
from ..signed_client import SignedClient
from .decode import Page
from .decode_process import PageDecoder
from .spans import Span

SMALLEST_PAGE = 100
DOCUMENTED_PAGE_LIMIT = 10_000


class PageRequest(NamedTuple):
    """The parameters of one request."""

    event_type: str
    span: Span
    offset: int
    limit: int


class PageRefused(Exception):
    """Anaplan refused the page size. The window must be fetched again with a smaller one."""


class PageRequests:
    """Sends requests, `parallel_requests` at a time, and keeps those sent ahead for the next load.

    Args:
        client (SignedClient): Sends them.
        audit_url (str): Base URL of the audit service.
        settings (AuditSettings): `page_size` and `parallel_requests`.
        decoder (PageDecoder): Decodes the answers.
    """

    def __init__(self, client: SignedClient, audit_url: str, settings: AuditSettings, decoder: PageDecoder) -> None:
        self._client, self._decoder = client, decoder
        self._url = f"{audit_url}/audit/api/1/events"
        self._parallel = settings.parallel_requests
        self._threads: ThreadPoolExecutor | None = None
        self._ahead: dict[PageRequest, Future[Page]] = {}
        # Becomes smaller when Anaplan refuses it.
        self.page_size = settings.page_size

    @property
    def most_in_flight(self) -> int:
        """Requests that keep every thread busy."""
        return 2 * self._parallel

    @property
    def most_held(self) -> int:
        """Pages in flight, or waiting for the ones before them: they bound the memory."""
        return 3 * self._parallel + self._decoder.pages_ahead

    def send(self, request: PageRequest) -> "Future[Page]":
        """Send a request."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._parallel, thread_name_prefix="anaplan")
        return self._threads.submit(self._page, request)

    def send_or_take_kept(self, request: PageRequest) -> "Future[Page]":
        """Return the page of the same request that `keep` has kept, else send it."""
        return self._ahead.pop(request, None) or self.send(request)

    def keep(self, sent: Iterable[tuple[PageRequest, "Future[Page]"]]) -> None:
        """Keep pages for the next load. They arrive while the database writes this one."""
        self._ahead = dict(sent)

    def close(self, wait: bool = True) -> None:
        """End the threads and the decoder, after the requests in flight if `wait`. A later request starts new ones."""
        self._ahead.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=wait, cancel_futures=True)
            self._threads = None
        self._decoder.close(wait)

    def _page(self, request: PageRequest) -> Page:
        start, end = request.span
        last = request.offset + request.limit
        operation = f"GET {self._url} (events {request.offset} to {last} of {start} to {end} ms)"
        # One expression: no variable may hold a page, which is large, while the next step waits.
        return self._decoder.decode(self._body(request, operation), start, operation)

    def _body(self, request: PageRequest, operation: str) -> bytes:
        params: dict[str, Any] = {
            "type": request.event_type,
            "dateFrom": request.span[0],
            "dateTo": request.span[1],
            "limit": request.limit,
            "offset": request.offset,
        }
        response = self._client.get(self._url, params)
        if response.status_code == 204:
            self._shrink_pages(request.limit, operation)
        return response.content

    def _shrink_pages(self, refused: int, operation: str) -> None:
        """Halve the page size: Anaplan answers 204, without a body, if a page is too large for it."""
        if refused <= SMALLEST_PAGE:
            raise BadAnswerError(operation, "HTTP 204 and no page, even of the smallest size", "Run again later.")
        smaller = DOCUMENTED_PAGE_LIMIT if refused > DOCUMENTED_PAGE_LIMIT else max(refused // 2, SMALLEST_PAGE)
        self.page_size = min(self.page_size, smaller)
        raise PageRefused
