"""OAuth device grant: a person approves a code in a browser, on any machine, and Anaplan returns a refresh token."""

import time
from typing import Any, NamedTuple

from ..answers import json_object
from ..client import Client
from ..errors import BadAnswerError, SignInError
from ..retry import REQUEST_DEADLINE_SECONDS
from .oauth_auth import oauth_error, seconds_of

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid profile email offline_access"
# RFC 8628: the pause if the server names none, and what `slow_down` adds to it.
DEFAULT_INTERVAL_SECONDS = 5.0
SLOW_DOWN_SECONDS = 5.0
DEFAULT_LIFETIME_SECONDS = 600.0


class DeviceCode(NamedTuple):
    """What a person has to open and enter. Times in seconds. `device_code` is a secret."""

    device_code: str
    user_code: str
    address: str
    complete_address: str
    expires_in: float
    interval: float


class DeviceGrant:
    """Requests a code, then polls for its tokens.

    Args:
        oauth_url (str): Base address of Anaplan's OAuth service.
        client_id (str): An OAuth client of the kind "device grant".
    """

    def __init__(self, oauth_url: str, client_id: str) -> None:
        # For this service 429 is not a failure: it means `slow_down`.
        self._client = Client(1, 300, REQUEST_DEADLINE_SECONDS, retry_429=False)
        self._url, self._client_id = f"{oauth_url}/oauth", client_id

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def start(self) -> DeviceCode:
        """Return a new code.

        Raises:
            SignInError: Anaplan does not know the client, or it may not use this grant.
            UnreachableError: Anaplan does not answer.
        """
        url = f"{self._url}/device/code"
        response = self._client.fetch("POST", url, json={"client_id": self._client_id, "scope": SCOPE})
        answer = json_object(response)
        if response.status_code != 200:
            raise SignInError(
                f"POST {url}",
                f"HTTP {response.status_code} {oauth_error(answer)}".strip(),
                "Check `client_id`, and that the OAuth client is one for the device grant.",
            )
        try:
            return DeviceCode(
                str(answer["device_code"]),
                str(answer["user_code"]),
                str(answer["verification_uri"]),
                str(answer.get("verification_uri_complete") or answer["verification_uri"]),
                seconds_of(answer.get("expires_in"), DEFAULT_LIFETIME_SECONDS),
                seconds_of(answer.get("interval"), DEFAULT_INTERVAL_SECONDS),
            )
        except KeyError as missing:
            raise BadAnswerError(f"POST {url}", f"an answer without {missing}", "Check `oauth_url`; else report it.")

    def wait(self, code: DeviceCode) -> str:
        """Return the refresh token, as soon as a user has approved the code.

        Raises:
            SignInError: The code was denied or has expired, or the client gets no refresh token.
            UnreachableError: Anaplan does not answer.
        """
        interval, ends_at = code.interval, time.monotonic() + code.expires_in
        url = f"{self._url}/token"
        body = {"grant_type": GRANT_TYPE, "client_id": self._client_id, "device_code": code.device_code}
        while time.monotonic() + interval < ends_at:
            time.sleep(interval)
            response = self._client.fetch("POST", url, json=body)
            answer = json_object(response)
            if response.status_code == 200:
                return _refresh_token(url, answer)
            error = oauth_error(answer)
            if error == "slow_down" or response.status_code == 429:
                interval += SLOW_DOWN_SECONDS
            elif error != "authorization_pending":
                raise _refused(url, response.status_code, error)
        raise _refused(url, None, "expired_token")


def _refresh_token(url: str, answer: dict[str, Any]) -> str:
    token = answer.get("refresh_token")
    if not isinstance(token, str) or not token:
        raise SignInError(
            f"POST {url}", "an answer without a refresh token", "Allow the OAuth client offline access, then try again."
        )
    return token


def _refused(url: str, status: int | None, error: str) -> SignInError:
    reason = "the code has expired" if status is None else f"HTTP {status} {error}".strip()
    hint = {
        "expired_token": "Nobody approved it in time. Start again.",
        "access_denied": "It was denied in the browser. Start again, and approve it.",
    }.get(error, "Start again.")
    return SignInError(f"POST {url}", reason, hint)
