"""Targets over HTTPS: lines of JSON or CEF, and Splunk's HTTP Event Collector."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from audit_source.connection_errors import plain_reason
from audit_source.deadline import DeadlineExceeded, within
from pipelines.common.forwarding import TargetSettings

from .errors import PassingError, TargetError, request_timeout
from .lines import Line

COLLECTOR_PATH = "/services/collector/event"
# A proxy with its defaults refuses more than a million bytes.
MOST_LINES, MOST_BYTES = 500, 900_000
# For a whole request, however slowly the answer arrives.
DEADLINE_SECONDS = 120.0
PASSING_STATUS = (408, 425, 429, *range(500, 600))
HINTS = {401: " Check `token`.", 403: " Check `token` and what it may do.", 404: " Check `url`."}


class HttpTarget:
    """Posts lines. `body_of` turns them into the body of a request."""

    most_lines, most_bytes = MOST_LINES, MOST_BYTES

    def __init__(
        self, session: requests.Session, url: str, headers: dict[str, str], body_of: Callable[[list[Line]], bytes]
    ) -> None:
        self._session, self._url, self._headers, self._body_of = session, url, headers, body_of

    def send(self, lines: list[Line]) -> None:
        """Post the lines once."""
        body = self._body_of(lines)
        try:
            response = within(DEADLINE_SECONDS, lambda: self._post(body))
        except DeadlineExceeded as error:
            raise PassingError(str(error)) from None
        except requests.exceptions.SSLError:
            raise TargetError(
                "the TLS certificate of the host is not trusted. Name that of its authority in `ca_file`."
            ) from None
        except requests.RequestException as error:
            raise PassingError(plain_reason(error)) from None
        if response.status_code in PASSING_STATUS:
            raise PassingError(f"HTTP {response.status_code}", _seconds(response.headers.get("Retry-After")))
        if not 200 <= response.status_code < 300:
            raise TargetError(f"HTTP {response.status_code}.{HINTS.get(response.status_code, '')}")

    def _post(self, body: bytes) -> requests.Response:
        # A token must not follow a redirect to another host, nor be replaced by one of `.netrc`.
        response = self._session.post(
            self._url,
            data=body,
            headers=self._headers,
            timeout=request_timeout(),
            allow_redirects=False,
            auth=lambda request: request,
        )
        _ = response.content
        return response


@contextmanager
def opened_https(settings: TargetSettings) -> Iterator[HttpTarget]:
    """Give a target that posts lines to `url`."""
    kind = "text/plain; charset=utf-8" if settings.file_format == "cef" else "application/x-ndjson"
    token, scheme = settings.values["token"], settings.values["auth_scheme"] or "Bearer"
    headers = {"Content-Type": kind, **({"Authorization": f"{scheme} {token}"} if token else {})}
    with _session(settings) as session:
        yield HttpTarget(session, settings.values["url"], headers, _joined)


@contextmanager
def opened_collector(settings: TargetSettings) -> Iterator[HttpTarget]:
    """Give a target that posts to Splunk's HTTP Event Collector."""
    url = settings.values["url"]
    if urlsplit(url).path in ("", "/"):
        url = url.rstrip("/") + COLLECTOR_PATH
    headers = {"Content-Type": "application/json", "Authorization": f"Splunk {settings.values['token']}"}
    about = {
        "source": "anaplan",
        "sourcetype": settings.values["sourcetype"] or f"anaplan:audit:{settings.file_format}",
    }
    if settings.values["index"]:
        about["index"] = settings.values["index"]
    is_json = settings.file_format != "cef"
    with _session(settings) as session:
        yield HttpTarget(session, url, headers, lambda lines: _collected(lines, about, is_json))


@contextmanager
def _session(settings: TargetSettings) -> Iterator[requests.Session]:
    with requests.Session() as session:
        if settings.values["ca_file"]:
            session.verify = settings.values["ca_file"]
            # Else REQUESTS_CA_BUNDLE would count before `ca_file`.
            session.trust_env = False
        yield session


def _joined(lines: list[Line]) -> bytes:
    return b"".join(line.body + b"\n" for line in lines)


def _collected(lines: list[Line], about: dict[str, str], is_json: bool) -> bytes:
    def wrapped(line: Line) -> dict[str, Any]:
        event: Any = msgspec.Raw(line.body) if is_json else line.body.decode()
        return {"time": f"{line.at.timestamp():.3f}", **about, "event": event}

    return msgspec.json.Encoder().encode_lines([wrapped(line) for line in lines])


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0
