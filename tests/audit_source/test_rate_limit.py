"""The rate limiter, with a clock that advances only in `sleep`."""

import threading

from audit_source.rate_limit import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def sent(limiter: RateLimiter, clock: Clock, number: int) -> list[float]:
    moments = []
    for _ in range(number):
        limiter.wait()
        moments.append(clock.now)
        clock.now += 0.01
    return moments


def test_no_minute_exceeds_the_limit():
    clock = Clock()
    moments = sent(RateLimiter(5, clock, clock.sleep), clock, 23)

    for first, sixth in zip(moments, moments[5:], strict=False):
        assert sixth - first >= 60.0
    assert moments[4] - moments[0] < 1, "a short run is not slowed down"


def test_pause_applies_to_all_threads_and_ends():
    clock = Clock()
    limiter = RateLimiter(100, clock, clock.sleep)
    limiter.pause(10)
    limiter.pause(2)

    assert 1010 <= sent(limiter, clock, 1)[0] <= 1012.5
    before = clock.now
    assert sent(limiter, clock, 1)[0] == before


def test_paused_clients_resume_at_different_times():
    returned = set()
    for _ in range(5):
        clock = Clock()
        limiter = RateLimiter(100, clock, clock.sleep)
        limiter.pause(10)
        returned.add(sent(limiter, clock, 1)[0])
    assert len(returned) == 5


def test_threads_share_the_limit():
    clock = Clock()
    lock = threading.Lock()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(seconds)
            clock.now += seconds

    limiter = RateLimiter(10, clock, sleep)
    threads = [threading.Thread(target=lambda: [limiter.wait() for _ in range(5)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 30 requests at 10 per minute need at least two minutes.
    assert clock.now - 1000.0 >= 120.0
