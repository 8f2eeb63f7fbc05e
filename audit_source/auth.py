"""Signs requests and keeps the token alive: the only place that knows a token.

Every service takes `Authorization: AnaplanAuthToken {token}`; the audit service refuses `Bearer`. A token lives
35 minutes (Anaplan's Authentication API). It is renewed before that, and once for all threads.
"""

import base64
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import requests
from dlt.common import logger
from requests.auth import AuthBase, HTTPBasicAuth

from .client import Client, status_of
from .credentials import (
    AnaplanCredentials,
    CertificateCredentials,
    OAuthCredentials,
    PasswordCredentials,
    TokenCredentials,
)
from .errors import AuditSourceError, SignInError
from .keys import load_certificate, load_private_key, sign
from .settings import Hosts
from .token_store import TokenStore

LIFETIME_SECONDS = 2100.0
RENEW_BEFORE_END_SECONDS = 300.0


class Token(NamedTuple):
    """A token and how long it is good for, counted from its arrival by a clock that nobody sets."""

    value: str
    seconds: float


class TokenAuth(AuthBase, ABC):
    """Signs a request with the current token; subclasses know how to get one.

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
        request.headers["Authorization"] = f"AnaplanAuthToken {self.token()}"
        return request

    def token(self) -> str:
        """Returns a token that is good for some minutes more."""
        with self._lock:
            if self._token is None:
                self._keep(self._sign_in())
            elif self._clock() >= self._renew_at:
                self._keep(self._extend())
            assert self._token is not None
            return self._token

    def renew(self, refused: str) -> None:
        """Replaces the token that Anaplan refused, unless another thread has done so already."""
        with self._lock:
            if self._token == refused:
                self._keep(self._sign_in())

    def close(self) -> None:
        """Ends the session, where the token was made here. Never raises."""
        with self._lock:
            if self._token is not None:
                self._sign_out(self._token)
                self._token = None

    def _keep(self, token: Token) -> None:
        self._token = token.value
        self._renew_at = self._clock() + max(token.seconds - RENEW_BEFORE_END_SECONDS, token.seconds / 2)

    @abstractmethod
    def _sign_in(self) -> Token:
        """Returns a new token."""

    def _extend(self) -> Token:
        return self._sign_in()

    def _sign_out(self, token: str) -> None:
        """Ends the token, where it was made here."""


class _SessionAuth(TokenAuth):
    """Signing in at the authentication service, by whatever `_request` sends."""

    def __init__(self, client: Client, auth_url: str, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self._url = f"{auth_url}/token"

    @abstractmethod
    def _request(self) -> dict[str, Any]:
        """Returns what to send to `POST /token/authenticate`: keyword arguments of the client's `fetch`."""

    def _sign_in(self) -> Token:
        url = f"{self._url}/authenticate"
        response = self._client.fetch("POST", url, **self._request())
        token = _token_of(response)
        if token is None:
            raise SignInError(
                f"POST {url}",
                f"HTTP {response.status_code} {status_of(response)}".strip(),
                "Check the credentials, and that the account may sign in this way.",
            )
        return token

    def _extend(self) -> Token:
        response = self._client.fetch("POST", f"{self._url}/refresh", headers=_header(self._token or ""))
        return _token_of(response) or self._sign_in()

    def _sign_out(self, token: str) -> None:
        try:
            self._client.fetch("POST", f"{self._url}/logout", headers=_header(token))
        except AuditSourceError as error:
            logger.info(f"Signing out failed, the token ends by itself within 35 minutes. {error}")


class PasswordAuth(_SessionAuth):
    """Signs in with e-mail address and password."""

    def __init__(self, client: Client, auth_url: str, credentials: PasswordCredentials, **kwargs: Any) -> None:
        super().__init__(client, auth_url, **kwargs)
        # As bytes: requests would encode text as Latin-1.
        self._basic = HTTPBasicAuth(credentials.email.encode(), credentials.password.encode())

    def _request(self) -> dict[str, Any]:
        return {"auth": self._basic}


class CertificateAuth(_SessionAuth):
    """Signs in by signing random bytes with the private key of a certificate that Anaplan knows."""

    def __init__(self, client: Client, auth_url: str, credentials: CertificateCredentials, **kwargs: Any) -> None:
        super().__init__(client, auth_url, **kwargs)
        # Read at once, so that a wrong path or password is said before anything is sent.
        self._certificate = load_certificate(credentials.certificate)
        self._key = load_private_key(credentials.private_key, credentials.private_key_password)

    def _request(self) -> dict[str, Any]:
        nonce = os.urandom(128)
        return {
            "headers": {"Authorization": f"CACertificate {base64.b64encode(self._certificate).decode()}"},
            "json": {
                "encodedData": base64.b64encode(nonce).decode(),
                "encodedSignedData": base64.b64encode(sign(self._key, nonce)).decode(),
            },
        }


class OAuthAuth(TokenAuth):
    """Trades a refresh token for access tokens. A rotated refresh token is on disk before anything else happens."""

    def __init__(self, client: Client, oauth_url: str, credentials: OAuthCredentials, store: TokenStore, **kwargs: Any):
        super().__init__(client, **kwargs)
        self._url = f"{oauth_url}/oauth/token"
        self._credentials, self._store = credentials, store

    def _sign_in(self) -> Token:
        # In a thread of its own, to its end: Ctrl-C meets the main thread only, and must not come between the answer,
        # which makes the old token worthless, and the disk.
        with ThreadPoolExecutor(1, thread_name_prefix="oauth") as thread:
            return thread.submit(self._trade).result()

    def _trade(self) -> Token:
        # None is configured where the stored one came from a sign-in by device code.
        configured = str(self._credentials.refresh_token or "")
        refresh_token = self._store.newest(configured)
        # Before the request: a new token that cannot be written down would be lost, and the old one is dead.
        with self._store.reserve() as slot:
            response = self._client.fetch("POST", self._url, json=self._grant(refresh_token))
            answer = json_object(response)
            if response.status_code != 200 or not isinstance(answer.get("access_token"), str):
                raise SignInError(
                    f"POST {self._url}",
                    f"HTTP {response.status_code} {oauth_error(answer)}".strip(),
                    "Sign in anew (`login`) or configure a new refresh token, and check client_id and client_secret.",
                )
            rotated = answer.get("refresh_token")
            if isinstance(rotated, str) and rotated not in ("", refresh_token):
                slot.write(configured, rotated)
        return Token(answer["access_token"], _seconds(answer.get("expires_in")))

    def _grant(self, refresh_token: str) -> dict[str, str]:
        grant = {
            "grant_type": "refresh_token",
            "client_id": self._credentials.client_id,
            "refresh_token": refresh_token,
        }
        if self._credentials.client_secret:
            grant["client_secret"] = str(self._credentials.client_secret)
        return grant


class StaticAuth(TokenAuth):
    """Uses a token made elsewhere as long as Anaplan takes it."""

    def __init__(self, client: Client, credentials: TokenCredentials, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self._given = str(credentials.access_token)

    def _sign_in(self) -> Token:
        if self._token is not None:
            raise SignInError(
                "the configured access token",
                "Anaplan does not take it, or no longer",
                "Configure a new one, or credentials that can be renewed.",
            )
        return Token(self._given, float("inf"))


def make_auth(client: Client, hosts: Hosts, credentials: AnaplanCredentials, token_store: str | None) -> TokenAuth:
    """Returns the signer for whichever way to sign in is configured.

    Raises:
        ConfigurationError: A certificate, key or token file cannot be read.
    """
    if isinstance(credentials, PasswordCredentials):
        return PasswordAuth(client, hosts.auth, credentials)
    if isinstance(credentials, CertificateCredentials):
        return CertificateAuth(client, hosts.auth, credentials)
    if isinstance(credentials, OAuthCredentials):
        return OAuthAuth(client, hosts.oauth, credentials, TokenStore(token_store))
    return StaticAuth(client, credentials)


def _header(token: str) -> dict[str, str]:
    return {"Authorization": f"AnaplanAuthToken {token}"}


def _token_of(response: requests.Response) -> Token | None:
    info = json_object(response).get("tokenInfo") if response.status_code in (200, 201) else None
    if not isinstance(info, dict) or not isinstance(info.get("tokenValue"), str):
        return None
    # By the server's own clock, since ours may be wrong by minutes; a lifetime beyond belief counts as the usual one.
    heard_at = _date_ms(response)
    expires_at = info.get("expiresAt")
    known = isinstance(expires_at, (int, float)) and heard_at is not None
    seconds = (expires_at - heard_at) / 1000 if known else LIFETIME_SECONDS  # type: ignore[operator]
    return Token(info["tokenValue"], seconds if 1 <= seconds <= 86_400 else LIFETIME_SECONDS)


def _date_ms(response: requests.Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]).timestamp() * 1000
    except (KeyError, TypeError, ValueError):
        return None


def json_object(response: requests.Response) -> dict[str, Any]:
    """Returns the object of a body, {} where it is none."""
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def oauth_error(answer: dict[str, Any]) -> str:
    """Returns the code of an OAuth error, which is all of such an answer that is ever shown."""
    error = answer.get("error")
    return error if isinstance(error, str) and error.replace("_", "").isalnum() and len(error) < 80 else ""


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else LIFETIME_SECONDS
