"""Send a text to a webhook that takes `{"text": ...}`: Slack, Mattermost, Rocket.Chat and others."""

import dlt
import requests

from audit_source.connection_errors import plain_reason
from audit_source.deadline import DeadlineExceeded, within

from . import ChannelError

# Seconds to connect, and between two bytes. A run must not wait longer for a chat.
TIMEOUTS = (5.0, 10.0)
# For the whole request, however slowly the response arrives.
DEADLINE_SECONDS = 30.0


class WebhookError(ChannelError):
    """The webhook did not take the text. The message omits the address, because the address is the secret."""


class Webhook:
    """The webhook of the setting `webhook_url`."""

    name = "webhook"
    settings = "`webhook_url` under [alerts]"

    def is_configured(self) -> bool:
        """Return whether `webhook_url` holds an address of the user's."""
        # The settings check refuses the placeholder of the example file.
        return bool(_url()) and not _url().endswith("/...")

    def send(self, text: str) -> bool:
        """Post the text, and return whether the receiver accepted it."""
        return send(_url(), text)


CHANNEL = Webhook()


def _url() -> str:
    return str(dlt.secrets.get("alerts.webhook_url") or "")


def send(url: str, text: str) -> bool:
    """Post a text once. Return whether the response confirms it: some services accept texts that they never show.

    Raises:
        WebhookError: There was no response, or its status is not 2xx.
    """
    try:
        response = within(DEADLINE_SECONDS, lambda: _post(url, text))
    except DeadlineExceeded as error:
        raise WebhookError(str(error)) from None
    except (requests.RequestException, ValueError) as error:
        reason = plain_reason(error) if isinstance(error, requests.RequestException) else "it is not a URL"
        raise WebhookError(reason) from None
    if not response.ok or response.is_redirect:
        raise WebhookError(f"HTTP {response.status_code}")
    return _confirms(response)


def _post(url: str, text: str) -> requests.Response:
    response = requests.post(
        url,
        json={"text": text},
        timeout=TIMEOUTS,
        # The address is the credential: no other host may see it, and it gets no other credential.
        allow_redirects=False,
        auth=lambda request: request,
    )
    _ = response.content
    return response


def _confirms(response: requests.Response) -> bool:
    """Return whether the response is `ok` (Slack, Mattermost) or a JSON object with `ok` or `success`."""
    if response.text.strip().lower() == "ok":
        return True
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and True in (answer.get("ok"), answer.get("success"))
