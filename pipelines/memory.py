"""Memory that is given back: what a page or a load needed goes back to the system, not into a reserve."""

import ctypes
import sys

import pyarrow as pa

# From malloc.h of the GNU C library: blocks of this size and more are given back as soon as they are freed.
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 * 1024


def give_memory_back() -> None:
    """Keeps the allocators of Arrow and Python from holding on to pages, which come in threads and in all sizes."""
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
