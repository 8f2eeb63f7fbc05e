"""Send a text to a webhook that takes `{"text": ...}`: Slack, Mattermost, Rocket.Chat and others."""

import requests

from pipelines.common.alert_settings import alert_setting

from .posting import post


class Webhook:
    """The webhook of the setting `webhook_url`."""

    name = "webhook"
    settings = "`webhook_url` under [alerts]"

    def is_configured(self) -> bool:
        """Return whether `webhook_url` holds an address of the user's."""
        # The settings check refuses the placeholder of the example file.
        return bool(_url()) and not _url().endswith("/...")

    def send(self, text: str) -> bool:
        """Post the text. Return whether the response confirms it: some services accept texts that they never show."""
        return _confirms(post(_url(), {"text": text}))


CHANNEL = Webhook()


def _url() -> str:
    return alert_setting("webhook_url")


def _confirms(response: requests.Response) -> bool:
    """Return whether the response is `ok` (Slack, Mattermost) or a JSON object with `ok` or `success`."""
    if response.text.strip().lower() == "ok":
        return True
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and True in (answer.get("ok"), answer.get("success"))
