"""How often Anaplan may be asked: one limiter for all threads of a run."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable

MINUTE = 60.0


class RateLimiter:
    """At most `requests_per_minute` in any 60 seconds, and a pause that holds for every thread.

    A sliding window rather than an even pace: a short run is not slowed at all, and a long one never
    exceeds the number in whatever minute one looks at.
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
        """Returns when the next request may be sent, and counts it as sent."""
        while True:
            with self._lock:
                delay = self._delay()
                if delay <= 0:
                    self._sent.append(self._clock())
                    return
            self._sleep(delay)

    def pause(self, seconds: float) -> None:
        """Holds every request back for `seconds`, and up to a quarter more: several clients must not return as one."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds * random.uniform(1.0, 1.25))

    def _delay(self) -> float:
        now = self._clock()
        oldest_is_recent = len(self._sent) == self._sent.maxlen and self._sent[0] + MINUTE > now
        full = self._sent[0] + MINUTE - now if oldest_is_recent else 0.0
        return max(full, self._paused_until - now)
