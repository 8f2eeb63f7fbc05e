"""One HTTP client for all of Anaplan: retries, rate limit, and answers that are either usable or a named error."""

import json
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import requests
from dlt.sources.helpers import requests as dlt_requests
from dlt.sources.helpers.requests.retry import DEFAULT_RETRY_EXCEPTIONS, DEFAULT_RETRY_STATUS
from dlt.sources.helpers.requests.session import Session
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from tenacity import wait_random

from .deadline import DeadlineExceeded, within
from .errors import AuditSourceError, BadAnswerError, ConfigurationError, RoleError, SignInError, UnreachableError
from .rate_limit import RateLimiter

# For a request as a whole, its answer included; a page of 10,000 events has some 6 MB.
REQUEST_DEADLINE_SECONDS = 300.0
ROLE_MISSING = "FAILURE_UNAUTHORIZED_USER_ACTION"
# What Anaplan advises to wait after a 429 that names no time.
ADVISED_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 120.0
# New tokens for one request: a service may not have heard of a new one yet, so a second 401 need not be the account's.
MOST_RENEWALS = 3
RENEWAL_PAUSE_SECONDS = 2.0
# `Date` has whole seconds, and answers take time: a smaller difference is not a wrong clock.
CLOCK_TOLERANCE_SECONDS = 2.0
# A `Date` before this (2024-01-01 UTC) comes from a machine without a clock.
OLDEST_DATE = 1_704_067_200.0


class Client(dlt_requests.Client):
    """dlt's retrying client, with one rate limit for all threads and no redirects.

    Timeouts, number of tries and back-off are dlt's `[runtime]` settings. An answer with status 200 that
    is not JSON (a maintenance page, a body cut in half) is asked for again like a broken connection.
    """

    def __init__(
        self,
        parallel_requests: int,
        requests_per_minute: int,
        retry_429: bool = True,
        deadline_seconds: float = REQUEST_DEADLINE_SECONDS,
    ) -> None:
        self._retried = [status for status in DEFAULT_RETRY_STATUS if retry_429 or status != 429]
        super().__init__(
            max_connections=parallel_requests,
            raise_for_status=False,
            status_codes=self._retried,
            exceptions=(*DEFAULT_RETRY_EXCEPTIONS, requests.exceptions.ContentDecodingError),
            retry_condition=_is_damaged,
        )
        self._limiter = RateLimiter(requests_per_minute)
        self._backoff = float(self._retry_kwargs["backoff_factor"])
        self._adapter: _LimitedAdapter = _LimitedAdapter(
            self._limiter,
            ADVISED_PAUSE_SECONDS * self._backoff,
            parallel_requests,
            self._record_server_clock,
            deadline_seconds,
        )
        # Anaplan's clock minus this machine's, in seconds; None until an answer carried a date.
        self._clock_offset: float | None = None
        self._lock = threading.Lock()
        self.requests_sent = 0

    @property
    def tries(self) -> int:
        """How many requests were put on the wire, repeated ones counted each time."""
        return self._adapter.tries

    @property
    def clock_offset_seconds(self) -> float:
        """Anaplan's clock minus this machine's; 0 while it is unknown or within the tolerance."""
        offset = self._clock_offset or 0.0
        return offset if abs(offset) > CLOCK_TOLERANCE_SECONDS else 0.0

    @property
    def knows_server_clock(self) -> bool:
        """Whether an answer of Anaplan has carried its date."""
        return self._clock_offset is not None

    def now_ms(self) -> int:
        """Return now in epoch ms: by Anaplan's clock where an answer has shown it, else by this machine's."""
        return int((time.time() + self.clock_offset_seconds) * 1000)

    def fetch(
        self,
        method: str,
        url: str,
        auth: AuthBase | None = None,
        headers: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> requests.Response:
        """Sends one request, again while that may help, and returns the answer whatever its status below 500.

        Raises:
            UnreachableError: No answer, only damaged ones, 429 or 5xx, after every try.
            ConfigurationError: The certificates to check the host by are not where the environment says.
        """
        asked = f"{method} {url}"
        try:
            # Redirects are not followed: the token must reach no host that was not configured.
            response = self.session.request(
                method, url, auth=auth or _NoAuth(), headers=headers, allow_redirects=False, **kwargs
            )
        except requests.RequestException as error:
            raise UnreachableError(asked, plain_reason(error), "Check the network and the address, then run again.")
        except ValueError:
            # http.client quotes the whole header, which holds the credential: no cause is kept.
            raise ConfigurationError(
                asked, "a credential holds a character that no HTTP header may hold", "Check it for line breaks."
            ) from None
        except OSError as error:
            # requests' own word for a bundle of certificates that is not there.
            got = str(error).partition("\n")[0] or type(error).__name__
            raise ConfigurationError(asked, got, "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.")
        with self._lock:
            self.requests_sent += 1
        if response.is_redirect:
            raise UnreachableError(
                asked,
                f"a redirect (HTTP {response.status_code}), which is not followed",
                "Check `region` and the `*_url` settings.",
            )
        if response.status_code in self._retried:
            raise UnreachableError(
                asked, f"HTTP {response.status_code} after every try", "Anaplan is busy or down: run again later."
            )
        if _is_damaged(response, None):
            raise UnreachableError(
                asked,
                f"{_kind_of(response)} instead of JSON",
                "Check the address (`region`, `*_url`), or run again when Anaplan's maintenance is over.",
            )
        return response

    def pause(self, seconds: float) -> None:
        """Holds the requests of all threads back, for as long as the configured back-off makes of `seconds`."""
        self._limiter.pause(seconds * self._backoff)

    def close(self) -> None:
        self._adapter.close()

    def _make_session(self) -> Session:
        session = super()._make_session()
        # dlt's back-off is the same for every thread and every client: without jitter they all return as one.
        retry = session.send.retry  # type: ignore[attr-defined]
        retry.wait = retry.wait + wait_random(0, self._backoff)
        return session

    def _record_server_clock(self, response: requests.Response) -> None:
        """Note the server's clock as soon as the headers are here, before a slow body makes it look late."""
        server = _moment_of(response, "Date")
        if server is not None and server >= OLDEST_DATE:
            # The header has whole seconds: half a second is the fair guess of what was cut off.
            self._clock_offset = server + 0.5 - time.time()


class SignedClient:
    """Asks Anaplan in the name of one account; renews a dead token and tells a missing role from it."""

    def __init__(self, client: Client, auth: Any) -> None:
        self.client, self.auth = client, auth

    def get(self, url: str, params: dict[str, Any]) -> requests.Response:
        """Returns an answer with status 200 or 204.

        Raises:
            RoleError: The account may not do this.
            SignInError: The token was refused, and so were new ones, with a growing pause before each.
            BadAnswerError: Any other status below 500.
            UnreachableError: No usable answer.
        """
        renewals = 0
        while True:
            token = self.auth.token()
            response = self.client.fetch("GET", url, params=params, auth=self.auth)
            if renewals == MOST_RENEWALS or response.status_code != 401 or status_of(response) == ROLE_MISSING:
                break
            if renewals:
                self.client.pause(RENEWAL_PAUSE_SECONDS * 2 ** (renewals - 1))
            self.auth.renew(token)
            renewals += 1
        if response.status_code in (200, 204):
            return response
        raise self._error(url, response)

    def close(self) -> None:
        """Signs out, where the token was made here, and closes the connections."""
        self.auth.close()
        self.client.close()

    def _error(self, url: str, response: requests.Response) -> AuditSourceError:
        got = f"HTTP {response.status_code} {status_of(response)}".strip()
        if is_gateway(response):
            return gateway_error(f"GET {url}")
        if response.status_code == 403 or (response.status_code == 401 and status_of(response) == ROLE_MISSING):
            return RoleError(
                f"GET {url}",
                got + ", the account lacks the role",
                "Give it the Tenant Auditor role, and check that Audit is enabled for the tenant.",
            )
        if response.status_code == 401:
            return SignInError(
                f"GET {url}",
                got + f", also with {MOST_RENEWALS} new tokens",
                "Check the account and the address; else run again later.",
            )
        return BadAnswerError(f"GET {url}", got, "Check the `*_url` settings; else report it.")


class _NoAuth(AuthBase):
    """Signs nothing, and keeps requests from looking for a password in `~/.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _LimitedAdapter(HTTPAdapter):
    """Every try passes the limiter, and a 429 slows all threads, not only the one that got it."""

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
        self._limiter.wait()
        self.tries += 1
        try:
            response = within(self._deadline_seconds, lambda: self._send_whole(request, *args, **kwargs))
        except DeadlineExceeded as error:
            raise requests.exceptions.ReadTimeout(str(error), request=request) from None
        if response.status_code == 429:
            self._limiter.pause(_retry_after(response, self._advised_pause))
        return response

    def _send_whole(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and read all of its answer, however slowly it comes."""
        response = super().send(request, *args, **kwargs)
        self._record_clock(response)
        # Kept by the response: whoever asks for it next has it at once.
        _ = response.content
        return response


def status_of(response: requests.Response) -> str:
    """Returns `status` of Anaplan's error body, or "" when there is none. Nothing else of a body is ever shown."""
    try:
        status = response.json().get("status")
    except (ValueError, AttributeError):
        return ""
    return status[:80] if isinstance(status, str) and status.replace("_", "").isalnum() else ""


def is_gateway(response: requests.Response) -> bool:
    """Whether a 403 comes from something in front of Anaplan: Anaplan's own carry a status, as text or as an object."""
    if response.status_code != 403:
        return False
    try:
        body = response.json()
    except ValueError:
        return True
    return not (isinstance(body, dict) and body.get("status"))


def gateway_error(operation: str) -> UnreachableError:
    """Return the error for a 403 that Anaplan did not send itself."""
    return UnreachableError(
        operation,
        "HTTP 403 without a status of Anaplan's: a gateway refused the request, not a missing role",
        "Check the tenant's IP allow list, the proxy and the web application firewall on the way.",
    )


def describe_clock(behind_seconds: float) -> str:
    """Return how wrong this machine's clock is, in words: `3.0 hours ahead of Anaplan's`."""
    seconds = abs(behind_seconds)
    amount = next(
        (f"{seconds / size:.1f} {unit}" for size, unit in ((86_400, "days"), (3600, "hours")) if seconds >= 1.5 * size),
        f"{seconds / 60:.1f} minutes",
    )
    return f"{amount} {'behind' if behind_seconds > 0 else 'ahead of'} Anaplan's"


def is_json(body: bytes) -> bool:
    """Whether a body is whole JSON, however odd its texts are."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        return True
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # Texts that are no UTF-8, or hold raw control characters, are no reason to ask again.
        json.loads(body.decode("utf-8", "replace"), strict=False, parse_int=str)
        return True
    except RecursionError:
        # Nested too deep for this parser is no damage: the decoder copes with it.
        return True
    except ValueError:
        return False


def _is_damaged(response: requests.Response | None, exception: BaseException | None) -> bool:
    if response is None or response.status_code not in (200, 201):
        return False
    # Asked twice of every answer, by the library and at the end, and pages are large.
    damaged: bool | None = getattr(response, "is_damaged", None)
    if damaged is None:
        damaged = response.is_damaged = not is_json(response.content)  # type: ignore[attr-defined]
    return damaged


def _retry_after(response: requests.Response, otherwise: float) -> float:
    """Returns the seconds that a 429 asks for: as a number, or as a date by the server's own clock."""
    try:
        seconds = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        until, now = _moment_of(response, "Retry-After"), _moment_of(response, "Date")
        seconds = otherwise if until is None else until - (time.time() if now is None else now)
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)


def _moment_of(response: requests.Response, header: str) -> float | None:
    """Returns the moment (s since 1970) in a header; None where there is none."""
    try:
        return parsedate_to_datetime(response.headers[header]).timestamp()
    except (KeyError, TypeError, ValueError):
        return None


def _kind_of(response: requests.Response) -> str:
    kind = response.headers.get("Content-Type", "").split(";")[0].strip()
    return {"text/html": "an HTML page", "": "something"}.get(kind, f"a damaged body ({kind})")


def plain_reason(error: requests.RequestException) -> str:
    """Says what a connection died of, without the URL and the objects that the library's text is full of."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS certificate of the host is not trusted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy (HTTPS_PROXY, HTTP_PROXY) refused the connection or did not answer"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "the host did not answer"
    if "no whole answer within" in str(error):
        return "the answer came too slowly (`request_deadline_seconds`)"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    text = str(error)
    for sign, reason in (
        ("NameResolution", "the host name is unknown"),
        ("Connection refused", "the host refused the connection"),
        ("reset", "the connection was reset"),
        ("IncompleteRead", "the answer broke off"),
    ):
        if sign in text:
            return reason
    return f"the connection failed ({type(error).__name__})"
