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

from ..client import Client, describe_clock, gateway_error, is_gateway, status_of
from ..errors import AuditSourceError, SignInError, UnreachableError
from ..settings import Hosts
from .certificates import load_key_pair, now_utc, sign
from .credentials import (
    AnaplanCredentials,
    CertificateCredentials,
    OAuthCredentials,
    PasswordCredentials,
    TokenCredentials,
)
from .token_store import TokenStore

LIFETIME_SECONDS = 2100.0
# A stamp further off than this from Anaplan's clock explains why a certificate sign-in was refused.
STAMP_TOLERANCE_SECONDS = 60.0
ALLOW_LIST_HINT = "If the credentials are right, the tenant's IP allow list may not hold this machine's address."
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
            raise self._refused(response)
        return token

    def _refused(self, response: requests.Response, clock_error: float = 0.0) -> AuditSourceError:
        """Return the error for an answer that holds no token; `clock_error` in seconds, 0 where the clock is right."""
        operation, reason = (
            f"POST {self._url}/authenticate",
            f"HTTP {response.status_code} {status_of(response)}".strip(),
        )
        if is_gateway(response):
            return gateway_error(operation)
        hint = "Check the credentials, and that the account may sign in this way."
        if response.status_code == 401:
            hint = f"{self._credentials_hint} {ALLOW_LIST_HINT}"
        if clock_error:
            reason += f", and this machine's clock is {describe_clock(clock_error)}"
            hint = f"Set the clock, then run again. {hint}"
        return SignInError(operation, reason, hint)

    _credentials_hint = "Check the credentials, and that the account may sign in this way."

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
        if credentials.password != credentials.password.strip():
            self._credentials_hint = (
                "The configured password begins or ends with a blank or line break: check that it belongs to it."
            )
        # As bytes: requests would encode text as Latin-1.
        self._basic = HTTPBasicAuth(credentials.email.encode(), credentials.password.encode())

    def _request(self) -> dict[str, Any]:
        return {"auth": self._basic}


class CertificateAuth(_SessionAuth):
    """Signs in with a certificate: its key signs a time stamp and random bytes ("v2").

    A server may differ in three ways, and each is tried once before the sign-in counts as refused: the stamp again by
    Anaplan's clock where ours is off, the first version ("v1", without a stamp) where the server answers 400, as one
    does that does not know the new field, and the certificate as DER instead of PEM.
    """

    def __init__(self, client: Client, auth_url: str, credentials: CertificateCredentials, **kwargs: Any) -> None:
        super().__init__(client, auth_url, **kwargs)
        # Read at once, so that a wrong path or password is reported before anything is sent.
        self._pair = load_key_pair(
            credentials.certificate, credentials.private_key, credentials.private_key_password or None
        )
        self._pair.check_end(now_utc())
        self._form = _V2_PEM

    def _sign_in(self) -> Token:
        offset = self._client.clock_offset_seconds
        token, refusal = self._try(self._form)
        # Positive where the stamp came from a clock that is behind Anaplan's.
        behind = self._client.clock_offset_seconds - offset
        if token is None and self._form.version == 2 and abs(behind) > STAMP_TOLERANCE_SECONDS:
            token, refusal = self._try(self._form)
        if token is None and self._form == _V2_PEM:
            token = self._try_other_forms(refusal.status_code)
        if token is None:
            raise self._refused(refusal, behind if abs(behind) > STAMP_TOLERANCE_SECONDS else 0.0)
        return token

    def _try_other_forms(self, status: int) -> Token | None:
        for form in _OTHER_FORMS.get(status, ()):
            token, _ = self._try(form)
            if token is not None:
                logger.info(f"Anaplan refused the certificate sign-in as {self._form} and accepted it as {form}.")
                self._form = form
                return token
        return None

    def _try(self, form: "_Form") -> tuple[Token | None, requests.Response]:
        response = self._client.fetch("POST", f"{self._url}/authenticate", **self._request(form))
        return _token_of(response), response

    def _request(self, form: "_Form | None" = None) -> dict[str, Any]:
        form = form or self._form
        shown = self._pair.der if form.der else self._pair.pem
        # Fresh for each request: 8 bytes of epoch seconds, big-endian, then random bytes.
        stamp = b"" if form.version == 1 else (self._client.now_ms() // 1000).to_bytes(8, "big")
        data = stamp + os.urandom(100 - len(stamp))
        body = {
            "encodedData": base64.b64encode(data).decode(),
            "encodedSignedData": base64.b64encode(sign(self._pair.key, data)).decode(),
        }
        if form.version == 2:
            body["encodedDataFormat"] = "v2"
        return {"headers": {"Authorization": f"CACertificate {base64.b64encode(shown).decode()}"}, "json": body}


class _Form(NamedTuple):
    """How a certificate signs in: version of the signed data, and whether the certificate is sent as DER."""

    version: int
    der: bool

    def __str__(self) -> str:
        return f"v{self.version} with the certificate as {'DER' if self.der else 'PEM'}"


_V2_PEM, _V1_PEM, _V2_DER = _Form(2, False), _Form(1, False), _Form(2, True)
# What may be accepted after an answer with this status. Only 400 can mean that the server does not know the field of
# v2: 401 refuses the credentials, and a downgrade would not help.
_OTHER_FORMS = {400: (_V1_PEM, _V2_DER), 401: (_V2_DER,)}


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
        answer_was_lost = self._store.answer_was_lost
        tries = self._client.tries
        # Before the request: a new token that cannot be written down would be lost, and the old one is dead.
        with self._store.reserve() as slot:
            try:
                response = self._client.fetch("POST", self._url, json=self._grant(refresh_token))
            except UnreachableError:
                # Anaplan may have taken the token and answered: the next sign-in has to know.
                slot.keep_mark()
                raise
            answer = json_object(response)
            if response.status_code != 200 or not isinstance(answer.get("access_token"), str):
                raise self._refused(response, answer, answer_was_lost or self._client.tries - tries > 1)
            rotated = answer.get("refresh_token")
            if isinstance(rotated, str) and rotated not in ("", refresh_token):
                slot.write(configured, rotated)
        return Token(answer["access_token"], _seconds(answer.get("expires_in")))

    def _refused(self, response: requests.Response, answer: dict[str, Any], lost: bool) -> AuditSourceError:
        operation, error = f"POST {self._url}", oauth_error(answer)
        if is_gateway(response) and not error:
            return gateway_error(operation)
        reason = f"HTTP {response.status_code} {error}".strip()
        if lost and error in ("invalid_grant", ""):
            reason += ": the refresh token was used before, and the answer with its successor was lost"
        return SignInError(
            operation,
            reason,
            "Run `login` again or configure a new refresh token (one that is not used for 30 days ends), and check "
            "client_id and client_secret.",
        )

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
