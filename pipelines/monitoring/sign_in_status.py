"""How the next run will sign in, and when its certificate or stored refresh token expires. Sends nothing."""

import os
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypedDict

import dlt

CERTIFICATE_WARNING_DAYS = 30


class SignInStatus(TypedDict):
    """How the next run will sign in. Times are ISO 8601 (UTC), or None if they do not apply."""

    mode: str | None
    certificate_expires_at: str | None
    certificate_days_left: int | None
    token_store: str | None
    token_stored_at: str | None


class SignInReport(NamedTuple):
    """How a run would sign in, and one warning for each reason why it could not."""

    status: SignInStatus
    warnings: list[str]


def sign_in_status(now: datetime) -> SignInReport:
    """Return how a run would sign in at a moment (UTC)."""
    from audit_source.auth.credentials import configured_credentials
    from audit_source.auth.token_store import TokenStore

    configured_store = _text(dlt.config.get("sources.audit_source.token_store")) or None
    complete = configured_credentials(configured_store)
    chosen = _text(dlt.config.get("sources.audit_source.auth"))
    mode = chosen if chosen in complete else next(iter(complete)) if len(complete) == 1 and not chosen else None
    status: SignInStatus = {
        "mode": mode,
        "certificate_expires_at": None,
        "certificate_days_left": None,
        "token_store": None,
        "token_stored_at": None,
    }
    warnings: list[str] = []
    if mode == "certificate":
        warnings += _certificate(complete[mode], now, status)
    store = TokenStore(configured_store).path
    if mode == "oauth":
        status["token_store"] = store
        if os.path.exists(store):
            status["token_stored_at"] = _iso(datetime.fromtimestamp(os.path.getmtime(store), timezone.utc))
    return SignInReport(status, warnings)


def _certificate(fields: dict[str, str], now: datetime, status: SignInStatus) -> list[str]:
    """Set the expiry of the certificate that belongs to the key. The file may hold others, which are never sent."""
    from audit_source.auth.certificates import certificate_end
    from audit_source.errors import ConfigurationError

    try:
        end = certificate_end(fields["certificate"], fields["private_key"], fields.get("private_key_password"))
    except ConfigurationError as error:
        return [str(error)]
    left = (end - now).days
    status["certificate_expires_at"], status["certificate_days_left"] = _iso(end), left
    if end <= now:
        return [f"the certificate expired on {end:%Y-%m-%d}: register a new one with Anaplan."]
    if left < CERTIFICATE_WARNING_DAYS:
        days = "day" if left == 1 else "days"
        return [f"the certificate expires on {end:%Y-%m-%d}, in {left} {days}: register a new one with Anaplan."]
    return []


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _text(value: Any) -> str:
    return str(value) if value else ""
