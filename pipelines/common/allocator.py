"""Memory that is given back: what a page or a load needed goes back to the system, not into a reserve."""

import ctypes
import sys

import pyarrow as pa

# From malloc.h of the GNU C library.
_M_MMAP_THRESHOLD = -3

LARGE_BYTES = 4_000_000


def keep_memory_low() -> None:
    """Keeps the allocators of Arrow and Python from holding on to pages, which come in threads and in all sizes."""
    pa.set_memory_pool(pa.system_memory_pool())
    # What is large goes back to the system at once; else the first large block given back would end that.
    _gnu("mallopt", _M_MMAP_THRESHOLD, LARGE_BYTES)


def give_memory_back() -> None:
    """Gives back what is free."""
    _gnu("malloc_trim", 0)


def _gnu(function: str, *arguments: int) -> None:
    if sys.platform == "linux":
        # Another C library has no such function, and no need of it.
        call = getattr(ctypes.CDLL(None), function, None)
        if call is not None:
            call(*arguments)
