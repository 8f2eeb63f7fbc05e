"""Open an incident in PagerDuty (Events API v2), and resolve it when the command works again."""

import socket

from pipelines.common.alert_settings import alert_setting

from .posting import post

DEFAULT_URL = "https://events.pagerduty.com/v2/enqueue"
# PagerDuty refuses a longer summary.
LONGEST_SUMMARY = 1024


class PagerDuty:
    """The service of the setting `pagerduty_routing_key`."""

    name = "pagerduty"
    settings = "`pagerduty_routing_key` and `pagerduty_url` under [alerts]"

    def is_configured(self) -> bool:
        """Return whether `pagerduty_routing_key` is set."""
        return bool(_key())

    def send(self, text: str) -> bool:
        """Trigger an incident; resolve that of the failed run where the text tells only of an end."""
        title, *lines = text.splitlines()
        bullets = [line for line in lines if line.startswith("• ")]
        is_over = bool(bullets) and all(line.startswith("• RESOLVED") for line in bullets)
        event: dict[str, object] = {
            "routing_key": _key(),
            "event_action": "resolve" if is_over else "trigger",
            "payload": {
                "summary": " ".join([title.replace("*", ""), *lines])[:LONGEST_SUMMARY],
                "source": socket.gethostname(),
                "severity": "error",
            },
        }
        if is_over or any(line.startswith("• FAILED") for line in bullets):
            # The end of a failure finds its beginning by this key. Other alerts have no end.
            event["dedup_key"] = f"run: {title}"[:255]
        post(alert_setting("pagerduty_url", DEFAULT_URL), event)
        return True


CHANNEL = PagerDuty()


def _key() -> str:
    return alert_setting("pagerduty_routing_key")
