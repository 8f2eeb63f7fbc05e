"""A second process, so that one core decodes while the other writes."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process

from ..allocator import keep_memory_low
from .decode_process import DecodingProcess


def start_decoding_process(working_folder: str) -> DecodingProcess:
    """Returns a process that is started by its first task and gone when this one is.

    What a killed run leaves of its pages in the working folder goes with that folder when the next run begins.
    """
    folder = os.path.join(working_folder, "pages")
    os.makedirs(folder, exist_ok=True)
    return DecodingProcess(ProcessPoolExecutor(1, get_context("spawn"), _end_with_parent), folder)


def _end_with_parent() -> None:
    """Leaves Ctrl-C to the parent; ends when the parent is gone, which a killed one could not ask for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory_low()
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
