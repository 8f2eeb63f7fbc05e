"""The settings under `[dashboard]`: who signs people in, and who may open the pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import dlt

from .exit_codes import CONFIGURATION, PipelineError

SECTION: Final = "dashboard"
SECRETS: Final = ("client_secret", "cookie_secret")
_NEEDED: Final = ("server_metadata_url", "client_id", "redirect_uri", *SECRETS)
DASHBOARD_SETTINGS: Final = {*_NEEDED, "allowed_users", "allowed_groups", "groups_claim", "session_hours"}
USUAL_CLAIM, USUAL_HOURS = "groups", 12.0
# Where Streamlit receives the answer of the provider.
CALLBACK = "/oauth2callback"
# The signature of the cookie is only as strong as its secret.
SHORTEST_SECRET = 32


@dataclass(frozen=True)
class SignIn:
    """A provider of OpenID Connect, and the people whom it signs in that may open the pages.

    `client` holds what Streamlit needs. `users` are e-mail addresses and domains such as `@example.com`, in lower case.
    """

    client: dict[str, str]
    users: frozenset[str]
    groups: frozenset[str]
    groups_claim: str
    session_hours: float


def sign_in_settings() -> SignIn | None:
    """Return how people sign in to the dashboard, or None if that is not configured.

    Raises:
        PipelineError: A setting is missing or has a wrong value.
    """
    client = {name: _text(name) for name in _NEEDED}
    users, groups = _texts("allowed_users"), _texts("allowed_groups")
    if not any(client.values()) and not users and not groups:
        return None
    for name, value in client.items():
        if not value:
            file = "secrets.toml" if name in SECRETS else "config.toml"
            raise _wrong(f"setting `{name}` is missing. Set it under [{SECTION}] in {file}.")
    _check_addresses(client)
    if len(client["cookie_secret"]) < SHORTEST_SECRET:
        raise _wrong(
            f"setting `cookie_secret` is shorter than {SHORTEST_SECRET} characters. Write a random one: "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'."
        )
    if not users and not groups:
        raise _wrong(
            "settings `allowed_users` and `allowed_groups` are both empty, so nobody may open the dashboard. "
            "List e-mail addresses, domains such as `@example.com`, or groups."
        )
    for user in users:
        if "@" not in user:
            raise _wrong(
                f"setting `allowed_users`: `{user}` is neither an e-mail address nor a domain such as `@example.com`."
            )
    return SignIn(
        client,
        frozenset(user.lower() for user in users),
        frozenset(groups),
        _text("groups_claim") or USUAL_CLAIM,
        _hours(),
    )


def check_dashboard_settings(configured: Iterable[tuple[str, str]]) -> None:
    """Refuse secrets in config.toml, and what `sign_in_settings` refuses.

    Args:
        configured (Iterable[Tuple[str, str]]): File or variable, and name, of each setting under `[dashboard]`.

    Raises:
        PipelineError: A setting is missing, has a wrong value or stands in the wrong file.
    """
    for where, name in configured:
        if name in SECRETS and where == "config.toml":
            raise _wrong(f"setting `{name}` (config.toml) is a secret. Move it to [{SECTION}] in secrets.toml.")
    sign_in_settings()


def _check_addresses(client: dict[str, str]) -> None:
    for name in ("server_metadata_url", "redirect_uri"):
        address = urlsplit(client[name])
        is_local = address.hostname in ("localhost", "127.0.0.1", "::1")
        if address.scheme != "https" and not (address.scheme == "http" and is_local):
            raise _wrong(f"setting `{name}` is not an https address. Only addresses of this machine may be http.")
    if urlsplit(client["redirect_uri"]).path[-len(CALLBACK) :] != CALLBACK:
        raise _wrong(f"setting `redirect_uri` does not end with `{CALLBACK}`. Write `https://HOST{CALLBACK}`.")


def _hours() -> float:
    value = _text("session_hours")
    try:
        hours = float(value) if value else USUAL_HOURS
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 720:
        raise _wrong(f"setting `session_hours`: `{value}` is not a number of hours above 0 and up to 720.")
    return hours


def _text(name: str) -> str:
    key = f"{SECTION}.{name}"
    value: Any = dlt.secrets.get(key) or (None if name in SECRETS else dlt.config.get(key))
    return str(value or "").strip()


def _texts(name: str) -> list[str]:
    key = f"{SECTION}.{name}"
    try:
        value: Any = dlt.config.get(key, list) or []
    except ValueError:
        # A single text, or one with commas, as in an environment variable.
        value = _text(name).split(",")
    return [text for text in (str(one).strip() for one in value) if text]


def _wrong(text: str) -> PipelineError:
    return PipelineError(CONFIGURATION, text)
