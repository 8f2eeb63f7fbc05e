"""The retry policy: which requests are sent again, how often, and after which pause.

| question | answer |
| --- | --- |
| what is sent again | `RETRIED_STATUS`, `RETRIED_ERRORS`, and an answer that `is_damaged` |
| how often | dlt's `[runtime] request_max_attempts` |
| pause | `[runtime] request_backoff_factor`, doubled for each try up to `request_max_retry_delay`, and `with_jitter` |
| pause after a 429 | `retry_after_seconds`, for all threads at once |
| longest request | dlt's `[runtime] request_timeout` without a byte; `request_deadline_seconds` in total |
| refused token | `MOST_RENEWALS` new tokens, `renewal_pause_seconds` before each |
| a window whose events do not add up | `WINDOW_ATTEMPTS`, and `MOST_UNANSWERED` windows in a row |
| a list that changes while it is read | `LIST_ATTEMPTS` of `directory/lists.py` |
| a list of SCIM that does not add up | `SCIM_ATTEMPTS` of `directory/entitlements.py` |
| a list with repeated ids | `MOST_READINGS` of `directory/paged_lists.py` |
| models without an answer, in a row, also for history | `MOST_UNREACHABLE` of `directory/model_contents.py` |
| a model that refused, in a later run | `RETRY_MS` of `directory/content_plan.py` |
| the same for its history | `ASK_AGAIN_MS` of `directory/model_history.py` |

`client.py` applies the policy of requests, `signed_client.py` that of tokens, `events/fetch.py` that of windows. dlt's
own loop sends the requests again: `RetryingClient` in `dlt_internals.py`. What dlt would repeat while it loads is for
the pipeline that uses this source to switch off: a job whose connection broke may have been committed.
"""

import time

import requests
from tenacity import wait_random
from tenacity.wait import wait_base

from .answers import OCTETS, date_of, is_json

# Whatever a proxy or Anaplan sends while it is busy or down.
RETRIED_STATUS = (429, *range(500, 600))
RETRIED_ERRORS = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
# For a whole request, including its answer. A page of 10,000 events has some 6 MB.
REQUEST_DEADLINE_SECONDS = 300.0
# Anaplan's advice for a 429 that names no time.
ADVISED_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 120.0
# New tokens for one request. A service may not know a new token yet, so a second 401 does not prove a wrong account.
MOST_RENEWALS = 3
# Attempts at a window in one run before it is left to the next.
WINDOW_ATTEMPTS = 4
# After this many windows in a row without an answer, the others are tried in random order. If as many fail again,
# Anaplan is taken to be down.
MOST_UNANSWERED = 3


def is_damaged(response: requests.Response | None, exception: BaseException | None = None) -> bool:
    """Return whether a successful answer is not complete JSON. The signature is that of dlt's retry condition.

    The answer to a request for a file is damaged only if it is a web page.
    """
    if response is None or response.status_code not in (200, 201):
        return False
    if response.request is not None and response.request.headers.get("Accept") == OCTETS:
        return response.headers.get("Content-Type", "").startswith("text/html")
    # Checked twice for each answer, by dlt and at the end, and pages are large.
    damaged: bool | None = getattr(response, "is_damaged", None)
    if damaged is None:
        damaged = response.is_damaged = not is_json(response.content)  # type: ignore[attr-defined]
    return damaged


def retry_after_seconds(response: requests.Response, default: float) -> float:
    """Return the pause that a 429 requests: in seconds, or as a date by the server's own clock."""
    try:
        seconds = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        end, now = date_of(response, "Retry-After"), date_of(response, "Date")
        seconds = default if end is None else end - (time.time() if now is None else now)
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)


def renewal_pause_seconds(renewals: int) -> float:
    """Return the pause before another new token, after so many new ones were refused."""
    return float(2**renewals)


def with_jitter(wait: wait_base, backoff: float) -> wait_base:
    """Return a back-off that differs between threads and clients. Without jitter all of them would retry at once."""
    return wait + wait_random(0, backoff)
