"""The HTTP client for every service of Anaplan: retries, rate limit, deadline. It returns a usable answer or raises."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from .answers import content_kind, date_of
from .connection_errors import SlowAnswer, plain_reason
from .deadline import DeadlineExceeded, within
from .dlt_internals import RetryingClient
from .errors import ConfigurationError, UnreachableError
from .rate_limit import RateLimiter
from .retry import (
    ADVISED_PAUSE_SECONDS,
    RETRIED_ERRORS,
    RETRIED_STATUS,
    is_damaged,
    retry_after_seconds,
)

# `Date` has whole seconds, and answers take time: a smaller difference does not mean a wrong clock.
CLOCK_TOLERANCE_SECONDS = 2.0
# Ignore a `Date` before this (2024-01-01 UTC): its sender has no clock.
OLDEST_DATE = 1_704_067_200.0


class Client(RetryingClient):
    """dlt's retrying client, with one rate limit for all threads and without redirects.

    `retry.py` holds the policy. A 200 that is not JSON (a maintenance page, half a body) is retried like a broken
    connection.

    Args:
        parallel_requests (int): Most requests in flight.
        requests_per_minute (int): Most requests in any 60 seconds.
        deadline_seconds (float): Longest time for a whole request, including its answer.
        retry_429 (bool): Whether a 429 is retried.
    """

    def __init__(
        self,
        parallel_requests: int,
        requests_per_minute: int,
        deadline_seconds: float,
        retry_429: bool = True,
    ) -> None:
        self._retried = [status for status in RETRIED_STATUS if retry_429 or status != 429]
        self._limiter = RateLimiter(requests_per_minute)
        super().__init__(
            partial(self._limited_adapter, parallel_requests, deadline_seconds),
            max_connections=parallel_requests,
            status_codes=self._retried,
            exceptions=RETRIED_ERRORS,
            retry_condition=is_damaged,
        )
        self._adapter: LimitedAdapter
        # Anaplan's clock minus this machine's, in seconds. None until an answer has carried a date.
        self._clock_offset: float | None = None
        self._lock = threading.Lock()
        self.requests_sent = 0

    @property
    def tries(self) -> int:
        """How many requests were sent, including every retry."""
        return self._adapter.tries

    @property
    def clock_offset_seconds(self) -> float:
        """Anaplan's clock minus this machine's. 0 if it is unknown or within the tolerance."""
        offset = self._clock_offset or 0.0
        return offset if abs(offset) > CLOCK_TOLERANCE_SECONDS else 0.0

    @property
    def knows_server_clock(self) -> bool:
        """Whether an answer of Anaplan has carried its date."""
        return self._clock_offset is not None

    def now_ms(self) -> int:
        """Return the time in epoch ms: by Anaplan's clock if an answer has shown it, else by this machine's."""
        return int((time.time() + self.clock_offset_seconds) * 1000)

    def fetch(
        self,
        method: str,
        url: str,
        auth: AuthBase | None = None,
        headers: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> requests.Response:
        """Send a request, with retries, and return the answer if its status is below 500.

        Raises:
            UnreachableError: Every try ended without an answer, or with a damaged one, 429 or 5xx.
            ConfigurationError: A credential does not fit into a header, or the CA bundle of the environment is missing.
        """
        operation = f"{method} {url}"
        response = self._send(operation, method, url, auth, headers, **kwargs)
        with self._lock:
            self.requests_sent += 1
        if response.is_redirect:
            raise UnreachableError(
                operation,
                f"a redirect (HTTP {response.status_code}), which is not followed",
                "Check `region` and the `*_url` settings.",
            )
        if response.status_code in self._retried:
            raise UnreachableError(
                operation, f"HTTP {response.status_code} after every try", "Anaplan is busy or down: run again later."
            )
        if is_damaged(response):
            raise UnreachableError(
                operation,
                f"{content_kind(response)} instead of JSON",
                "Check the address (`region`, `*_url`), or run again when Anaplan's maintenance is over.",
            )
        return response

    def pause(self, seconds: float) -> None:
        """Delay the requests of all threads by `seconds`, scaled by the configured back-off."""
        self._limiter.pause(seconds * self._backoff)

    def wait(self, seconds: float) -> None:
        """Delay the calling thread only, by `seconds` scaled by the configured back-off."""
        self._limiter.sleep(seconds * self._backoff)

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def _send(
        self,
        operation: str,
        method: str,
        url: str,
        auth: AuthBase | None,
        headers: dict[str, str] | None,
        **kwargs: Any,
    ) -> requests.Response:
        try:
            # No redirects: the token must only reach configured hosts.
            return self.session.request(
                method, url, auth=auth or _NoAuth(), headers=headers, allow_redirects=False, **kwargs
            )
        except requests.RequestException as error:
            raise UnreachableError(operation, plain_reason(error), "Check the network and the address, then run again.")
        except ValueError:
            # http.client quotes the whole header, which holds the credential: the cause is dropped.
            raise ConfigurationError(
                operation,
                "a credential contains a character that HTTP headers forbid",
                "Check it for line breaks.",
            ) from None
        except OSError as error:
            # requests raises it for a missing CA bundle.
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ConfigurationError(operation, reason, "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.")

    def _limited_adapter(self, connections: int, deadline_seconds: float, backoff: float) -> "LimitedAdapter":
        return LimitedAdapter(
            self._limiter, ADVISED_PAUSE_SECONDS * backoff, connections, self.record_server_clock, deadline_seconds
        )

    def record_server_clock(self, response: requests.Response) -> None:
        """Record the server's clock. Called when the headers arrive: a slow body would make it look late."""
        server = date_of(response, "Date")
        if server is not None and server >= OLDEST_DATE:
            # The header has whole seconds: half a second is the mean of the missing fraction.
            self._clock_offset = server + 0.5 - time.time()


class _NoAuth(AuthBase):
    """Signs nothing, and keeps requests from looking for a password in `~/.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class LimitedAdapter(HTTPAdapter):
    """Sends every try through the rate limiter. A 429 slows all threads, not only the one that received it."""

    def __init__(
        self,
        limiter: RateLimiter,
        advised_pause: float,
        connections: int,
        record_clock: Callable[[requests.Response], None],
        deadline_seconds: float,
    ) -> None:
        self._limiter, self._advised_pause, self._record_clock = limiter, advised_pause, record_clock
        self._deadline_seconds = deadline_seconds
        super().__init__(pool_maxsize=connections)
        self.tries = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request once the limiter allows it, and read its whole answer within the deadline."""
        self._limiter.wait()
        self.tries += 1
        try:
            response = within(self._deadline_seconds, lambda: self._send_whole(request, *args, **kwargs))
        except DeadlineExceeded as error:
            raise SlowAnswer(str(error), request=request) from None
        if response.status_code == 429:
            self._limiter.pause(retry_after_seconds(response, self._advised_pause))
        return response

    def _send_whole(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(request, *args, **kwargs)
        self._record_clock(response)
        # The response keeps the content for later readers.
        _ = response.content
        return response
