"""Why a connection failed, in plain words."""

import http.client
import socket
from collections.abc import Iterator

import requests
import urllib3.exceptions


class SlowAnswer(requests.exceptions.ReadTimeout):
    """The whole answer did not arrive before the deadline of the request."""


# By the type of an error, or of one of its causes. The first match counts.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.SSLError, "the TLS certificate of the host is not trusted"),
    (requests.exceptions.ProxyError, "the proxy (HTTPS_PROXY, HTTP_PROXY) refused the connection or did not answer"),
    (requests.exceptions.ConnectTimeout, "the host did not answer"),
    (SlowAnswer, "the answer came too slowly (`request_deadline_seconds`)"),
    (requests.exceptions.Timeout, "no answer in time"),
    (urllib3.exceptions.NameResolutionError, "the host name is unknown"),
    (socket.gaierror, "the host name is unknown"),
    (ConnectionRefusedError, "the host refused the connection"),
    (http.client.RemoteDisconnected, "the host closed the connection without an answer"),
    (ConnectionResetError, "the connection was reset"),
    (http.client.IncompleteRead, "the answer broke off"),
    (urllib3.exceptions.IncompleteRead, "the answer broke off"),
)


def plain_reason(error: requests.RequestException) -> str:
    """Return why a connection failed, without the URL and the objects that the library's text contains."""
    causes = list(_causes(error))
    for kind, reason in _REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return reason
    return f"the connection failed ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and every error that it holds, wraps or came from: requests and urllib3 nest them in all ways."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        held = [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
        waiting += [other for other in held if isinstance(other, BaseException)]
