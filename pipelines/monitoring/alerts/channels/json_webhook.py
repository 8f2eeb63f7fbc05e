"""Send an alert as a plain JSON document to any address."""

import socket
from datetime import datetime, timezone

from pipelines.common.alert_settings import alert_setting

from .posting import post


class JsonWebhook:
    """The address of the setting `json_webhook_url`."""

    name = "json_webhook"
    settings = "`json_webhook_url` under [alerts]"

    def is_configured(self) -> bool:
        """Return whether `json_webhook_url` is set."""
        return bool(_url())

    def send(self, text: str) -> bool:
        """Post the alert: who sends it, when, and the lines of the text."""
        title, *lines = text.splitlines()
        body = {
            "source": "anaplan-audit-log",
            "host": socket.gethostname(),
            "sent_at": datetime.now(timezone.utc).isoformat(),
            "title": title,
            "lines": [line.removeprefix("• ") for line in lines],
        }
        post(_url(), body)
        return True


CHANNEL = JsonWebhook()


def _url() -> str:
    return alert_setting("json_webhook_url")
