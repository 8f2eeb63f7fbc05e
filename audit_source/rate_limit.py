"""The rate limit of a run: one limiter for all its threads."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable

MINUTE = 60.0


class RateLimiter:
    """Allows at most `requests_per_minute` in any 60 seconds, and pauses every thread at once.

    A sliding window instead of an even pace: a short run is not slowed, and a long one never exceeds the limit in any
    minute.
    """

    def __init__(
        self,
        requests_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._sent: deque[float] = deque(maxlen=requests_per_minute)
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next request may be sent, and count it as sent."""
        while True:
            with self._lock:
                delay = self._delay()
                if delay <= 0:
                    self._sent.append(self._clock())
                    return
            self._sleep(delay)

    def sleep(self, seconds: float) -> None:
        """Delay the calling thread."""
        self._sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Delay every request by `seconds`, plus up to a quarter, so that several clients do not return at once."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds * random.uniform(1.0, 1.25))

    def _delay(self) -> float:
        now = self._clock()
        oldest_is_recent = len(self._sent) == self._sent.maxlen and self._sent[0] + MINUTE > now
        full = self._sent[0] + MINUTE - now if oldest_is_recent else 0.0
        return max(full, self._paused_until - now)
