"""One HTTP client for all of Anaplan: retries, rate limit, and answers that are either usable or a named error."""

import json
import threading
import time
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

from .errors import AuditSourceError, BadAnswerError, ConfigurationError, RoleError, SignInError, UnreachableError
from .rate_limit import RateLimiter

ROLE_MISSING = "FAILURE_UNAUTHORIZED_USER_ACTION"
# What Anaplan advises to wait after a 429 that names no time.
ADVISED_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 120.0
# New tokens for one request: a service may not have heard of a new one yet, so a second 401 need not be the account's.
MOST_RENEWALS = 3
RENEWAL_PAUSE_SECONDS = 2.0
# A server clock further off than this is no clock; within it, a window must not reach past the server's now.
LONGEST_CLOCK_LAG_SECONDS = 24 * 3600


class Client(dlt_requests.Client):
    """dlt's retrying client, with one rate limit for all threads and no redirects.

    Timeouts, number of tries and back-off are dlt's `[runtime]` settings. An answer with status 200 that
    is not JSON (a maintenance page, a body cut in half) is asked for again like a broken connection.
    """

    def __init__(self, parallel_requests: int, requests_per_minute: int, retry_429: bool = True) -> None:
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
        self._adapter = _LimitedAdapter(self._limiter, ADVISED_PAUSE_SECONDS * self._backoff, parallel_requests)
        # Anaplan's clock minus ours, where it was heard; never above 0.
        self._clock_lag_seconds = 0.0
        self._lock = threading.Lock()
        self.requests_sent = 0

    def now_ms(self) -> int:
        """Now in epoch ms, by the slower of the two clocks: Anaplan's own, as its answers tell it, and ours."""
        return int((time.time() + self._clock_lag_seconds) * 1000)

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
        except OSError as error:
            # requests' own word for a bundle of certificates that is not there.
            got = str(error).partition("\n")[0] or type(error).__name__
            raise ConfigurationError(asked, got, "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.")
        self._heard(response)
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

    def _heard(self, response: requests.Response) -> None:
        with self._lock:
            self.requests_sent += 1
        server = _moment_of(response, "Date")
        if server is None:
            return
        # The header has whole seconds: half a second is the fair guess of what was cut off.
        lag = server + 0.5 - time.time()
        if -LONGEST_CLOCK_LAG_SECONDS < lag < -2.0:
            self._clock_lag_seconds = min(lag, self._clock_lag_seconds)


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

    def __init__(self, limiter: RateLimiter, advised_pause: float, connections: int) -> None:
        self._limiter, self._advised_pause = limiter, advised_pause
        super().__init__(pool_maxsize=connections)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._limiter.wait()
        response = super().send(request, *args, **kwargs)
        if response.status_code == 429:
            self._limiter.pause(_retry_after(response, self._advised_pause))
        return response


def status_of(response: requests.Response) -> str:
    """Returns `status` of Anaplan's error body, or "" when there is none. Nothing else of a body is ever shown."""
    try:
        status = response.json().get("status")
    except (ValueError, AttributeError):
        return ""
    return status[:80] if isinstance(status, str) and status.replace("_", "").isalnum() else ""


def is_json(body: bytes) -> bool:
    """Whether a body is whole JSON, however odd its texts are."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        return True
    except msgspec.DecodeError:
        pass
    try:
        # Texts that are no UTF-8, or hold raw control characters, are no reason to ask again.
        json.loads(body.decode("utf-8", "replace"), strict=False)
        return True
    except (ValueError, RecursionError):
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
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "the host did not answer"
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
