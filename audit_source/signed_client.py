"""Requests in the name of one account."""

from typing import Any

import requests

from .answers import gateway_error, is_gateway, status_of
from .client import Client
from .errors import AuditSourceError, BadAnswerError, RoleError, SignInError
from .retry import MOST_RENEWALS, renewal_pause_seconds

ROLE_MISSING = "FAILURE_UNAUTHORIZED_USER_ACTION"
# A model that is being changed, or that an administrator locked.
LOCKED = 423


class SignedClient:
    """Sends requests with a token, renews an expired one, and tells it from a missing role.

    Args:
        client (Client): Sends the requests.
        auth (TokenAuth): Holds the token.
    """

    def __init__(self, client: Client, auth: Any) -> None:
        self.client, self.auth = client, auth

    def get(self, url: str, params: dict[str, Any], headers: dict[str, str] | None = None) -> requests.Response:
        """Return an answer with status 200 or 204.

        Raises:
            AuditSourceError: As `send`.
        """
        return self.send("GET", url, params=params, headers=headers)

    def post(self, url: str, body: dict[str, Any]) -> requests.Response:
        """Send a JSON body, and return an answer with status 200 or 204.

        Raises:
            AuditSourceError: As `send`.
        """
        return self.send("POST", url, json=body)

    def send(self, method: str, url: str, **options: Any) -> requests.Response:
        """Return an answer with status 200 or 204.

        Raises:
            RoleError: The account lacks the role.
            SignInError: The token was refused, and so were new ones, with a growing pause before each.
            BadAnswerError: Any other status below 500.
            UnreachableError: No usable answer.
        """
        renewals = 0
        while True:
            token = self.auth.token()
            response = self.client.fetch(method, url, auth=self.auth, **options)
            if renewals == MOST_RENEWALS or response.status_code != 401 or status_of(response) == ROLE_MISSING:
                break
            if renewals:
                self.client.pause(renewal_pause_seconds(renewals))
            self.auth.renew(token)
            renewals += 1
        if response.status_code in (200, 204):
            return response
        error = _error(f"{method} {url}", response)
        error.status_code = response.status_code
        raise error

    def close(self) -> None:
        """Sign out, if the token was issued here, and close the connections."""
        self.auth.close()
        self.client.close()


def _error(operation: str, response: requests.Response) -> AuditSourceError:
    status = status_of(response)
    reason = f"HTTP {response.status_code} {status}".strip()
    if is_gateway(response):
        return gateway_error(operation)
    if response.status_code == 403 or (response.status_code == 401 and status == ROLE_MISSING):
        return RoleError(
            operation,
            f"{reason}, the account lacks the role",
            "Give it the Tenant Auditor role, and check that Audit is enabled for the tenant.",
        )
    if response.status_code == 401:
        return SignInError(
            operation,
            f"{reason}, also with {MOST_RENEWALS} new tokens",
            "Check the account and the address; else run again later.",
        )
    if response.status_code == LOCKED:
        return BadAnswerError(operation, f"{reason}, it is locked", "A later run requests it again.")
    return BadAnswerError(operation, reason, "Check the `*_url` settings; else report it.")
