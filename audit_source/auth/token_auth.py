"""Signs requests and keeps the token valid: the only place that holds a token.

Every service takes `Authorization: AnaplanAuthToken {token}`; the audit service refuses `Bearer`. A token is valid for
35 minutes (Anaplan's Authentication API). It is renewed before that, once for all threads.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import requests
from requests.auth import AuthBase

from ..client import Client
from ..errors import SignInError
from .credentials import TokenCredentials

LIFETIME_SECONDS = 2100.0
RENEW_BEFORE_END_SECONDS = 300.0


class Token(NamedTuple):
    """A token, and for how many seconds from its arrival it is valid."""

    value: str
    seconds: float


class TokenAuth(AuthBase, ABC):
    """Signs a request with the current token. Subclasses request the token.

    Raises, from `token` and `renew`:
        SignInError: Anaplan refuses the credentials.
        UnreachableError: Anaplan does not answer.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign the request with a valid token."""
        request.headers["Authorization"] = header_of(self.token())
        return request

    def token(self) -> str:
        """Return a token that is valid for some more minutes."""
        with self._lock:
            if self._token is None:
                self._keep(self._sign_in())
            elif self._clock() >= self._renew_at:
                self._keep(self._extend())
            assert self._token is not None
            return self._token

    def renew(self, refused: str) -> None:
        """Replace the token that Anaplan refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token == refused:
                self._keep(self._sign_in())

    def close(self) -> None:
        """End the session, if the token was issued here. Never raises."""
        with self._lock:
            if self._token is not None:
                self._sign_out(self._token)
                self._token = None

    def _keep(self, token: Token) -> None:
        self._token = token.value
        self._renew_at = self._clock() + max(token.seconds - RENEW_BEFORE_END_SECONDS, token.seconds / 2)

    @abstractmethod
    def _sign_in(self) -> Token:
        """Return a new token."""

    def _extend(self) -> Token:
        return self._sign_in()

    def _sign_out(self, token: str) -> None:
        """Do nothing, unless a subclass issues tokens."""


class StaticAuth(TokenAuth):
    """Uses a token from elsewhere as long as Anaplan accepts it."""

    def __init__(self, client: Client, credentials: TokenCredentials, clock: Callable[[], float] = time.monotonic):
        super().__init__(client, clock)
        self._given = str(credentials.access_token)

    def _sign_in(self) -> Token:
        # It is called again only after Anaplan refused the token.
        if self._token is not None:
            raise SignInError(
                "the configured access token",
                "it is invalid or has expired",
                "Configure a new one, or credentials that can be renewed.",
            )
        return Token(self._given, float("inf"))


def header_of(token: str) -> str:
    """Return the value of the header `Authorization`."""
    return f"AnaplanAuthToken {token}"
