"""Sends a text to a webhook that takes `{"text": ...}`: Slack, Mattermost, Rocket.Chat and others."""

import requests

from audit_source.connection_errors import plain_reason
from audit_source.deadline import DeadlineExceeded, within

# Seconds to connect, and between two bytes: a run does not wait longer than that for a chat.
TIMEOUTS = (5.0, 10.0)
# For the message as a whole, however slowly the answer comes.
DEADLINE_SECONDS = 30.0


class WebhookError(Exception):
    """The text was not taken; the message names no address, since that is the secret."""


def send(url: str, text: str) -> bool:
    """Post a text once. Return whether the answer confirms it: some services take what they never show.

    Raises:
        WebhookError: There was no answer, or another one than 2xx.
    """
    try:
        response = within(DEADLINE_SECONDS, lambda: _post(url, text))
    except DeadlineExceeded as error:
        raise WebhookError(str(error)) from None
    except (requests.RequestException, ValueError) as error:
        reason = plain_reason(error) if isinstance(error, requests.RequestException) else "it is no address"
        raise WebhookError(reason) from None
    if not response.ok or response.is_redirect:
        raise WebhookError(f"HTTP {response.status_code}")
    return _confirms(response)


def _post(url: str, text: str) -> requests.Response:
    response = requests.post(
        url,
        json={"text": text},
        timeout=TIMEOUTS,
        # The address is the credential: it is shown to no other host, and no other credential to it.
        allow_redirects=False,
        auth=lambda request: request,
    )
    _ = response.content
    return response


def _confirms(response: requests.Response) -> bool:
    """Slack and Mattermost answer `ok`, others a JSON object that says so."""
    if response.text.strip().lower() == "ok":
        return True
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and True in (answer.get("ok"), answer.get("success"))
