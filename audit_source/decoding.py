"""Where pages are decoded: in the thread that fetched them, or in a process of its own while there are many."""

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor

from .pages import Page, decode_generic, decode_typed
from .records import NewColumns

# A process takes about a second to start: what an hourly run brings is decoded before that.
WORTH_A_PROCESS_BYTES = 16_000_000


class PageDecoder:
    """JSON bodies -> pages, for all threads.

    Decoding holds Python's global lock, so threads gain nothing from doing it side by side, and each takes several
    times the size of a page: one at a time here, or one in another process, which leaves this one to the database.
    """

    def __init__(self, new_columns: NewColumns, make_executor: Callable[[], Executor] | None = None) -> None:
        self._new_columns, self._make_executor = new_columns, make_executor
        self._executor: Executor | None = None
        self._turn = threading.Lock()
        self._decoded_bytes = 0

    def decode(self, body: bytes, window_start: int, asked: str) -> Page:
        """Returns the page of a body; see `decode_page`.

        Raises:
            BadAnswerError: The body is no page of events.
        """
        page = self._decode_elsewhere(body, window_start)
        if page is None:
            with self._turn:
                page = decode_typed(body, window_start)
                page = page or decode_generic(body, window_start, asked, self._new_columns)
        return page

    def close(self, wait: bool = True) -> None:
        """Ends the other process; `wait` for the page that it is at."""
        if self._executor is not None:
            self._executor.shutdown(wait=wait, cancel_futures=True)
            self._executor = None

    def _decode_elsewhere(self, body: bytes, window_start: int) -> Page | None:
        with self._turn:
            self._decoded_bytes += len(body)
            if self._make_executor is None or self._decoded_bytes < WORTH_A_PROCESS_BYTES:
                return None
            executor = self._executor = self._executor or self._make_executor()
        try:
            return executor.submit(decode_typed, body, window_start).result()
        except BrokenExecutor:
            # The process was killed, for want of memory perhaps: what it did can be done here.
            self._make_executor = None
            return None
