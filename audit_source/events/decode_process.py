"""Where pages are decoded: in this process, or in a second one if there are many."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress

from ..records import NewColumns
from .decode import Page, decode_generic, decode_typed
from .decode_worker import READY
from .page_files import PageFacts, read_body, read_page, remove_page, write_body

# The second process takes about a second to start. An hourly run is decoded before that.
WORTH_A_PROCESS_BYTES = 16_000_000
# Pages that the second process can decode while the database takes a load. They wait on disk.
PAGES_WAITING = 20


class ProcessEnded(Exception):
    """The second process has ended. The system may have killed it to free memory."""


class DecodeProcess:
    """A second process that decodes page files, one at a time.

    A program instead of `multiprocessing`, which would import the caller's main module again: a script without
    `if __name__ == "__main__"` would run twice.

    Args:
        folder (str): Folder for the page files. Files that a killed run left there are deleted.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, exist_ok=True)
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.decode_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # Ctrl-C in a terminal goes to every process of the session.
            start_new_session=True,
        )
        threading.Thread(target=self._wait_for_imports, name="anaplan-decode-start", daemon=True).start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether the process has finished its imports, and has not been found dead."""
        return self._ready.is_set()

    def wait_until_ready(self, seconds: float) -> bool:
        """Return whether the process became ready within some seconds."""
        return self._ready.wait(seconds)

    def decode(self, path: str, window_start: int) -> PageFacts | None:
        """Return what `decode_file` returns in the process.

        Raises:
            ProcessEnded: The process has ended.
        """
        with self._lock:
            try:
                answer = self._ask(path, window_start)
            except (OSError, ValueError) as error:
                raise ProcessEnded from error
        if not answer.endswith(b"\n"):
            raise ProcessEnded
        facts = json.loads(answer)
        return PageFacts(*facts) if facts else None

    def close(self, wait: bool = True) -> None:
        """End the process, after its current page if `wait`."""
        self._ready.clear()
        if not wait:
            self._process.kill()
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        # A thread may still read the last answer.
        with self._lock:
            self._process.stdout.close()

    def _ask(self, path: str, window_start: int) -> bytes:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([path, window_start]).encode() + b"\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def _wait_for_imports(self) -> None:
        assert self._process.stdout is not None
        with self._lock, suppress(OSError, ValueError):
            if self._process.stdout.readline() == READY:
                self._ready.set()


class PageDecoder:
    """Decodes the JSON bodies of all threads into pages.

    Decoding holds Python's global lock, so parallel threads gain nothing, and each needs several times the size of a
    page. So one page at a time is decoded here, or in a second process, which leaves this one to the database.

    Args:
        new_columns (NewColumns): Collects the fields that the schema does not have.
    """

    def __init__(self, new_columns: NewColumns) -> None:
        self._new_columns = new_columns
        self._folder: str | None = None
        self._process: DecodeProcess | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._decoded_bytes = 0

    def use_process(self, working_folder: str) -> None:
        """Decode in a second process as soon as that is faster, through files in a subfolder of `working_folder`."""
        self._folder = os.path.join(working_folder, "pages")

    def decode(self, body: bytes, window_start: int, operation: str) -> Page:
        """Return the page of a JSON body; see `decode_page`.

        Raises:
            BadAnswerError: The body is not a page of events.
        """
        process = self._process_for(len(body))
        if process is None:
            return self._decode_here(body, window_start, operation)
        path = os.path.join(process.folder, str(next(self._numbers)))
        if not write_body(path, body):
            return self._decode_here(body, window_start, operation)
        # Many threads wait for the one process. None of them may hold a page in memory meanwhile.
        del body
        try:
            page = self._decode_there(process, path, window_start)
            return page or self._decode_here(read_body(path), window_start, operation)
        finally:
            remove_page(path)

    @property
    def pages_ahead(self) -> int:
        """How many pages may wait to be decoded, besides those in flight."""
        return PAGES_WAITING if self._process is not None and self._process.is_ready else 1

    def close(self, wait: bool = True) -> None:
        """End the second process, after its current page if `wait`."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close(wait)

    def _decode_here(self, body: bytes, window_start: int, operation: str) -> Page:
        with self._lock:
            page = decode_typed(body, window_start)
            return page or decode_generic(body, window_start, operation, self._new_columns)

    def _decode_there(self, process: DecodeProcess, path: str, window_start: int) -> Page | None:
        """Return None for a page that must be decoded here."""
        try:
            facts = process.decode(path, window_start)
            return facts and read_page(path, facts)
        except ProcessEnded:
            # No second attempt: a process that was killed for its memory would be killed again.
            self._folder = None
            self.close(wait=False)
        except OSError:
            pass
        return None

    def _process_for(self, page_bytes: int) -> DecodeProcess | None:
        with self._lock:
            self._decoded_bytes += page_bytes
            if self._folder is None or self._decoded_bytes < WORTH_A_PROCESS_BYTES:
                return None
            if self._process is None:
                self._process = self._started(self._folder)
            return self._process if self._process and self._process.is_ready else None

    def _started(self, folder: str) -> DecodeProcess | None:
        try:
            return DecodeProcess(folder)
        except (OSError, TypeError):
            # No more processes are allowed, or Python is embedded and has no executable.
            self._folder = None
            return None
