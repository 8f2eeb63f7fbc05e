"""The settings under `[alerts]`, and their check."""

from collections.abc import Iterable
from typing import Any, Final

import dlt

from .exit_codes import CONFIGURATION, PipelineError

SECTION: Final = "alerts"
# Addresses that are secrets themselves: whoever knows one can post there.
SECRET_ADDRESSES: Final = ("webhook_url", "teams_webhook_url", "json_webhook_url", "ping_url")
SECRETS: Final = (*SECRET_ADDRESSES, "pagerduty_routing_key", "smtp_password")
ALERT_SETTINGS: Final = {
    *SECRETS,
    *("min_severity", "pagerduty_url"),
    *("email_to", "email_from", "smtp_host", "smtp_port", "smtp_user", "smtp_security"),
}
SEVERITIES: Final = ("high", "medium", "low")
# How the connection to the mail server is encrypted, and the usual port of each.
SMTP_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def check_alert_settings(configured: Iterable[tuple[str, str]]) -> None:
    """Refuse secrets in config.toml, and values that no alert could use.

    Args:
        configured (Iterable[Tuple[str, str]]): File or variable, and name, of each setting under `[alerts]`.

    Raises:
        PipelineError: A setting has a wrong value or stands in the wrong file.
    """
    for where, name in configured:
        if name in SECRETS and where == "config.toml":
            raise PipelineError(
                CONFIGURATION, f"setting `{name}` (config.toml) is a secret. Move it to [alerts] in secrets.toml."
            )
    for name in (*SECRET_ADDRESSES, "pagerduty_url"):
        if not alert_setting(name, "https://").startswith(("https://", "http://")):
            raise PipelineError(CONFIGURATION, f"setting `{name}` is not an address. Write it as `https://host/path`.")
    _check_one_of("min_severity", SEVERITIES)
    _check_one_of("smtp_security", tuple(SMTP_PORTS))
    _check_mail()


def alert_setting(name: str, default: str = "") -> str:
    """Return a setting under `[alerts]` as a text."""
    key = f"{SECTION}.{name}"
    value: Any = dlt.secrets.get(key) or (None if name in SECRETS else dlt.config.get(key))
    return str(value or default)


def _check_one_of(name: str, allowed: tuple[str, ...]) -> None:
    value = alert_setting(name)
    if value and value not in allowed:
        raise PipelineError(
            CONFIGURATION, f"setting `{name}`: `{value}` is not one of {', '.join(allowed)}. Use one of them."
        )


def _check_mail() -> None:
    port = alert_setting("smtp_port", "25")
    if not (port.isdecimal() and 0 < int(port) < 65_536):
        raise PipelineError(CONFIGURATION, f"setting `smtp_port`: `{port}` is not a port. Use 1 to 65535.")
    for name in ("email_to", "email_from"):
        for address in filter(None, alert_setting(name).split(",")):
            # A line break would add headers to the message.
            if "@" not in address or not address.strip().isprintable():
                raise PipelineError(CONFIGURATION, f"setting `{name}`: `{address.strip()}` is not an e-mail address.")
    if alert_setting("email_to") and not alert_setting("smtp_host"):
        raise PipelineError(CONFIGURATION, "setting `email_to` needs `smtp_host`. Set it under [alerts].")
    if alert_setting("smtp_user") and alert_setting("smtp_security") == "none":
        raise PipelineError(
            CONFIGURATION, "setting `smtp_security`: `none` would send the password in the clear. Use starttls or tls."
        )
