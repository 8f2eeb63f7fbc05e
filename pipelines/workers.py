"""A second process, so that one core decodes while the other writes."""

import os
import signal
import threading
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context, parent_process


def make_decoding_process() -> Executor:
    """Returns an executor of one process, started by its first task and gone when this one is."""
    return ProcessPoolExecutor(1, get_context("spawn"), _end_with_parent)


def _end_with_parent() -> None:
    """Leaves Ctrl-C to the parent; ends when the parent is gone, which a killed one could not ask for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
