"""Sign-in at Anaplan's authentication service: a session token that can be refreshed and ended."""

from abc import abstractmethod
from typing import Any

import requests
from dlt.common import logger
from requests.auth import HTTPBasicAuth

from ..answers import date_of, gateway_error, is_gateway, json_object, status_of
from ..client import Client
from ..clock import describe_clock
from ..errors import AuditSourceError, SignInError
from .credentials import PasswordCredentials
from .token_auth import LIFETIME_SECONDS, Token, TokenAuth, header_of

ALLOW_LIST_HINT = "If the credentials are right, the tenant's IP allow list may lack this machine's address."
LONGEST_LIFETIME_SECONDS = 86_400


class SessionAuth(TokenAuth):
    """Signs in with what `_request` returns."""

    _credentials_hint = "Check the credentials, and that the account may sign in this way."

    def __init__(self, client: Client, auth_url: str, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self._url = f"{auth_url}/token"

    @abstractmethod
    def _request(self) -> dict[str, Any]:
        """Return what to send to `POST /token/authenticate`: keyword arguments of the client's `fetch`."""

    def _sign_in(self) -> Token:
        response = self._client.fetch("POST", f"{self._url}/authenticate", **self._request())
        token = token_in(response)
        if token is None:
            raise self._refused(response)
        return token

    def _refused(self, response: requests.Response, clock_error: float = 0.0) -> AuditSourceError:
        """Return the error for an answer without a token. `clock_error` in seconds, 0 if the clock is right."""
        operation = f"POST {self._url}/authenticate"
        reason = f"HTTP {response.status_code} {status_of(response)}".strip()
        if is_gateway(response):
            return gateway_error(operation)
        hint = SessionAuth._credentials_hint
        if response.status_code == 401:
            hint = f"{self._credentials_hint} {ALLOW_LIST_HINT}"
        if clock_error:
            reason += f", and this machine's clock is {describe_clock(clock_error)}"
            hint = f"Set the clock, then run again. {hint}"
        return SignInError(operation, reason, hint)

    def _extend(self) -> Token:
        headers = {"Authorization": header_of(self._token or "")}
        return token_in(self._client.fetch("POST", f"{self._url}/refresh", headers=headers)) or self._sign_in()

    def _sign_out(self, token: str) -> None:
        try:
            self._client.fetch("POST", f"{self._url}/logout", headers={"Authorization": header_of(token)})
        except AuditSourceError as error:
            logger.info(f"Signing out failed. The token expires within 35 minutes. {error}")


class PasswordAuth(SessionAuth):
    """Signs in with e-mail address and password."""

    def __init__(self, client: Client, auth_url: str, credentials: PasswordCredentials, **kwargs: Any) -> None:
        super().__init__(client, auth_url, **kwargs)
        if credentials.password != credentials.password.strip():
            self._credentials_hint = (
                "The configured password begins or ends with a space or line break: remove it unless it is intended."
            )
        # As bytes: requests would encode text as Latin-1.
        self._basic = HTTPBasicAuth(credentials.email.encode(), credentials.password.encode())

    def _request(self) -> dict[str, Any]:
        return {"auth": self._basic}


def token_in(response: requests.Response) -> Token | None:
    """Return the token of an answer, or None if it holds none."""
    info = json_object(response).get("tokenInfo") if response.status_code in (200, 201) else None
    if not isinstance(info, dict) or not isinstance(info.get("tokenValue"), str):
        return None
    # By the server's own clock, since this machine's may be wrong. An implausible lifetime counts as the usual one.
    now, expires_at = date_of(response, "Date"), info.get("expiresAt")
    if now is None or not isinstance(expires_at, (int, float)):
        return Token(info["tokenValue"], LIFETIME_SECONDS)
    seconds = expires_at / 1000 - now
    return Token(info["tokenValue"], seconds if 1 <= seconds <= LONGEST_LIFETIME_SECONDS else LIFETIME_SECONDS)
