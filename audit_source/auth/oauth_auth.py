"""Sign-in with OAuth: a refresh token is exchanged for access tokens, and often replaced by a new one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from ..answers import gateway_error, is_gateway, json_object
from ..client import Client
from ..errors import AuditSourceError, RefreshTokenError, UnreachableError
from .credentials import OAuthCredentials
from .token_auth import LIFETIME_SECONDS, Token, TokenAuth
from .token_store import TokenStore


class OAuthAuth(TokenAuth):
    """Exchanges a refresh token for access tokens. A rotated refresh token is stored before anything else happens."""

    def __init__(self, client: Client, oauth_url: str, credentials: OAuthCredentials, store: TokenStore, **kwargs: Any):
        super().__init__(client, **kwargs)
        self._url = f"{oauth_url}/oauth/token"
        self._credentials, self._store = credentials, store

    def _sign_in(self) -> Token:
        # In a thread of its own, up to its end. Ctrl-C reaches the main thread only, and must not come between the
        # answer, which invalidates the old token, and the disk.
        with ThreadPoolExecutor(1, thread_name_prefix="oauth") as thread:
            return thread.submit(self._exchange).result()

    def _exchange(self) -> Token:
        # Empty if the stored token came from a sign-in by device code.
        configured = str(self._credentials.refresh_token or "")
        refresh_token = self._store.newest(configured)
        answer_was_lost = self._store.answer_was_lost
        tries = self._client.tries
        # Space is reserved before the request: a new token that cannot be stored would be lost, and the old one is
        # invalid by then.
        with self._store.reserve() as slot:
            try:
                response = self._client.fetch("POST", self._url, json=self._grant(refresh_token))
            except UnreachableError:
                # Anaplan may have used up the token and answered. The next sign-in has to know.
                slot.keep_mark()
                raise
            answer = json_object(response)
            if response.status_code != 200 or not isinstance(answer.get("access_token"), str):
                raise self._refused(response, answer, answer_was_lost or self._client.tries - tries > 1)
            rotated = answer.get("refresh_token")
            if isinstance(rotated, str) and rotated not in ("", refresh_token):
                slot.write(configured, rotated)
        return Token(answer["access_token"], seconds_of(answer.get("expires_in"), LIFETIME_SECONDS))

    def _refused(self, response: requests.Response, answer: dict[str, Any], lost: bool) -> AuditSourceError:
        operation, error = f"POST {self._url}", oauth_error(answer)
        if is_gateway(response) and not error:
            return gateway_error(operation)
        reason = f"HTTP {response.status_code} {error}".strip()
        if lost and error in ("invalid_grant", ""):
            reason += ": the refresh token was used before, and the answer with its successor was lost"
        return RefreshTokenError(
            operation,
            reason,
            "Configure a new refresh token (one that is not used for 30 days ends), and check `client_id` and "
            "`client_secret`.",
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


def oauth_error(answer: dict[str, Any]) -> str:
    """Return the code of an OAuth error, or "". Nothing else of such an answer is ever shown."""
    error = answer.get("error")
    return error if isinstance(error, str) and error.replace("_", "").isalnum() and len(error) < 80 else ""


def seconds_of(value: Any, default: float) -> float:
    """Return a number of seconds in an answer, or the default if it is not a positive number."""
    return float(value) if isinstance(value, (int, float)) and value > 0 else default
