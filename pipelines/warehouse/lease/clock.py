"""How much time has passed on this machine, also while it slept."""

import time

# Linux counts the time of a suspended machine on this clock, but not on the monotonic one.
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


def reading() -> tuple[float, ...]:
    """Return the clocks of this machine, in seconds."""
    boot = () if _BOOT is None else (time.clock_gettime(_BOOT),)
    return (time.monotonic(), time.time(), *boot)


def passed(since: tuple[float, ...]) -> float:
    """Return the seconds since a reading, by the clock that counted most.

    A virtual machine that was paused may learn only from the time server how late it is. A wall clock that was set
    forward costs one statement too many.
    """
    return max(now - then for now, then in zip(reading(), since, strict=True))
