"""Allocator settings that return freed memory to the system instead of keeping it for reuse."""

import ctypes
import sys

import pyarrow as pa

# From malloc.h of the GNU C library.
_M_MMAP_THRESHOLD = -3

LARGE_BYTES = 4_000_000


def keep_memory_low() -> None:
    """Make the allocators of Arrow and the C library return freed memory: pages vary in size and come from threads."""
    pa.set_memory_pool(pa.system_memory_pool())
    # Large blocks go back to the system at once. Without a fixed threshold, the first freed large block raises it.
    _gnu("mallopt", _M_MMAP_THRESHOLD, LARGE_BYTES)


def give_memory_back() -> None:
    """Return all free memory to the system."""
    _gnu("malloc_trim", 0)


def _gnu(function: str, *arguments: int) -> None:
    if sys.platform == "linux":
        # Other C libraries do not have these functions, and do not need them.
        call = getattr(ctypes.CDLL(None), function, None)
        if call is not None:
            call(*arguments)
