"""Where pages are decoded: in the thread that fetched them, or in a process of its own while there are many."""

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from typing import NamedTuple

import pyarrow as pa

from ..records import NewColumns
from .decode import Page, decode_generic, decode_typed

# A process takes about a second to start: what an hourly run brings is decoded before that.
WORTH_A_PROCESS_BYTES = 16_000_000
# What the process gets through while a database takes a load. Its pages wait on the disk.
PAGES_WAITING = 20
TABLE = ".arrow"


class DecodingProcess(NamedTuple):
    """An executor of one process, and a folder for the files by which pages go there and come back."""

    executor: Executor
    folder: str


class PageDecoder:
    """JSON bodies -> pages, for all threads.

    Decoding holds Python's global lock, so threads gain nothing from doing it side by side, and each takes several
    times the size of a page: one at a time here, or one in another process, which leaves this one to the database.
    """

    def __init__(self, new_columns: NewColumns, start_process: Callable[[], DecodingProcess] | None = None) -> None:
        self._new_columns, self._start_process = new_columns, start_process
        self._process: DecodingProcess | None = None
        self._ready: Future[int] | None = None
        self._numbers = itertools.count()
        self._turn = threading.Lock()
        self._decoded_bytes = 0

    def decode(self, body: bytes, window_start: int, asked: str) -> Page:
        """Returns the page of a body; see `decode_page`.

        Raises:
            BadAnswerError: The body is no page of events.
        """
        process = self._process_for(len(body))
        path = process and self._put(process, body)
        if process is None or path is None:
            return self._decode_here(body, window_start, asked)
        # Thread after thread waits for the one process, without a page in its hands.
        del body
        try:
            page = self._decode_elsewhere(process, path, window_start)
            if page is None:
                with open(path, "rb") as file:
                    page = self._decode_here(file.read(), window_start, asked)
            return page
        finally:
            for left in (path, path + TABLE):
                with suppress(OSError):
                    os.unlink(left)

    @property
    def pages_ahead(self) -> int:
        """How many pages may wait here for their turn, beside those that are under way."""
        return PAGES_WAITING if self._is_ready else 1

    def close(self, wait: bool = True) -> None:
        """Ends the other process; `wait` for the page that it is at."""
        if self._process is not None:
            self._process.executor.shutdown(wait=wait, cancel_futures=True)
            self._process = None

    def _decode_here(self, body: bytes, window_start: int, asked: str) -> Page:
        with self._turn:
            page = decode_typed(body, window_start)
            return page or decode_generic(body, window_start, asked, self._new_columns)

    def _put(self, process: DecodingProcess, body: bytes) -> str | None:
        # By way of a file: a pipe takes a page in a hundred pieces, each of which waits for Python's global lock.
        path = os.path.join(process.folder, str(next(self._numbers)))
        try:
            with open(path, "xb") as file:
                file.write(body)
        except OSError:
            # The disk is full, perhaps.
            with suppress(OSError):
                os.unlink(path)
            return None
        return path

    def _decode_elsewhere(self, process: DecodingProcess, path: str, window_start: int) -> Page | None:
        """Returns None for a page that is to be decoded here."""
        try:
            found = process.executor.submit(decode_file, path, window_start).result()
            return found and Page(_taken(path + TABLE) if found[0] else None, *found)
        except BrokenExecutor:
            # The process was killed, for want of memory perhaps: what it did can be done here.
            self._start_process = None
        except OSError:
            pass
        return None

    def _process_for(self, page_bytes: int) -> DecodingProcess | None:
        with self._turn:
            self._decoded_bytes += page_bytes
            if self._start_process is None or self._decoded_bytes < WORTH_A_PROCESS_BYTES:
                return None
            if self._process is None:
                self._process = self._start_process()
                # Done as soon as the process has imported what it needs; until then there is more to be done here.
                self._ready = self._process.executor.submit(os.getpid)
            return self._process if self._is_ready else None

    @property
    def _is_ready(self) -> bool:
        started = self._start_process is not None and self._process is not None
        return started and self._ready is not None and self._ready.done()


def decode_file(path: str, window_start: int) -> tuple[int, int | None, int | None] | None:
    """Put the table of a page beside its JSON body, as an Arrow file, if there are events.

    Return `arrived`, `total` and `next_offset` of the page; None for a page that only the generic decoder can take.
    """
    with open(path, "rb") as file:
        page = decode_typed(file.read(), window_start)
    if page is None:
        return None
    if page.events is not None:
        with pa.OSFile(path + TABLE, "wb") as target, pa.ipc.new_file(target, page.events.schema) as writer:
            writer.write_table(page.events)
    return page.arrived, page.total, page.next_offset


def _taken(path: str) -> pa.Table:
    """Returns the table of an Arrow file, which stays as long as the table does, and no longer."""
    with pa.memory_map(path) as file:
        table = pa.ipc.open_file(file).read_all()
    # Windows keeps it: the next run begins by clearing the folder.
    with suppress(OSError):
        os.unlink(path)
    return table
