"""Keeps readers and writers of the database file apart within this process: DuckDB opens a file only for one kind."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Closed(Exception):
    """The file is in use, still after the time to wait."""


class Gate:
    """Lets many readers in, or one writer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = 0
        self._is_writing = False

    @contextmanager
    def reading(self, wait_seconds: float) -> Iterator[None]:
        """Keep writers out.

        Raises:
            Closed: Somebody still writes after `wait_seconds`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._is_writing, wait_seconds):
                raise Closed
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def writing(self, wait_seconds: float) -> Iterator[None]:
        """Let no new reader in, wait for the others, then be alone.

        Raises:
            Closed: Somebody writes, or still reads after `wait_seconds`.
        """
        with self._changed:
            if self._is_writing:
                raise Closed
            self._is_writing = True
        try:
            with self._changed:
                if not self._changed.wait_for(lambda: not self._readers, wait_seconds):
                    raise Closed
            yield
        finally:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
