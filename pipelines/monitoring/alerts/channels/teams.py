"""Send an Adaptive Card to Microsoft Teams, through the webhook of a workflow."""

from typing import Any

from pipelines.common.alert_settings import alert_setting

from .posting import post


class Teams:
    """The webhook of the setting `teams_webhook_url`."""

    name = "teams"
    settings = "`teams_webhook_url` under [alerts]"

    def is_configured(self) -> bool:
        """Return whether `teams_webhook_url` is set."""
        return bool(_url())

    def send(self, text: str) -> bool:
        """Post the text as a card. A workflow answers 202 as soon as it has accepted it."""
        post(_url(), card_of(text))
        return True


CHANNEL = Teams()


def card_of(text: str) -> dict[str, Any]:
    """Return the message with one block for each line, because a card joins lines."""
    blocks = [{"type": "TextBlock", "text": line.strip(), "wrap": True} for line in text.splitlines()]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    card = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [card]}


def _url() -> str:
    return alert_setting("teams_webhook_url")
