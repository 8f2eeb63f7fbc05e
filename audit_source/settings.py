"""The settings of the source: where Anaplan is, what to ask for, and how hard."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import ConfigurationError

# `type` of the audit API. An unknown value is not rejected there: it returns everything.
EVENT_TYPES = (
    "all",
    "user_activity",
    "access_control",
    "int",
    "conn_mgmt",
    "comment",
    "byok",
    "plan_iq",
    "forecaster",
)

# Anaplan's published regions, by the pattern of their host names.
SHARED_REGIONS = ("us1", "us2", "us5", "us7", "eu1", "eu2", "eu4", "ap1")
OWN_HOST_REGIONS = ("us9", "eu3", "eu5", "gb1", "sg1", "ae1", "in1", "id1", "me1")
REGIONS = (*SHARED_REGIONS, *OWN_HOST_REGIONS, "ca1", "au1")

AUDIT_HOST = "https://audit.anaplan.com"
LONGEST_RETENTION_DAYS = 90


@dataclass(frozen=True)
class Hosts:
    """Base URLs of the four services, without a slash at the end."""

    auth: str
    oauth: str
    api: str
    audit: str


@dataclass(frozen=True)
class Settings:
    """What to ask for and how hard; the defaults are those of the source."""

    event_types: tuple[str, ...] = ("all",)
    history_days: int = 30
    page_size: int = 10_000
    parallel_requests: int = 4
    requests_per_minute: int = 300
    overlap_minutes: int = 60
    safety_lag_seconds: int = 60
    late_event_scan: bool = True
    events_per_load: int | None = None
    shrink_limit_percent: int = 20
    request_deadline_seconds: int = 300

    def __post_init__(self) -> None:
        _check_event_types(self.event_types)
        _check_range("history_days", self.history_days, 1, LONGEST_RETENTION_DAYS)
        _check_range("page_size", self.page_size, 1, 50_000)
        _check_range("parallel_requests", self.parallel_requests, 1, 32)
        _check_range("requests_per_minute", self.requests_per_minute, 1, 100_000)
        _check_range("overlap_minutes", self.overlap_minutes, 0, 7 * 24 * 60)
        _check_range("safety_lag_seconds", self.safety_lag_seconds, 0, 24 * 3600)
        _check_range("shrink_limit_percent", self.shrink_limit_percent, 0, 100)
        _check_range("request_deadline_seconds", self.request_deadline_seconds, 1, 24 * 3600)
        if self.events_per_load is not None:
            _check_range("events_per_load", self.events_per_load, 1, 10_000_000)


def resolve_hosts(region: str, overrides: dict[str, str | None]) -> Hosts:
    """Returns the base URLs of a region, each of which `overrides` (auth, oauth, api, audit) may replace.

    Raises:
        ConfigurationError: The region is not one of `REGIONS`, or an override is no URL, or one without TLS.
    """
    urls = {**_region_urls(region), **{name: url for name, url in overrides.items() if url}}
    for name, url in urls.items():
        _check_address(f"setting `{name}_url`", url)
    return Hosts(**{name: url.rstrip("/") for name, url in urls.items()})


def _region_urls(region: str) -> dict[str, str]:
    if region in SHARED_REGIONS:
        auth, oauth, api = "https://auth.anaplan.com", "https://us1a.app.anaplan.com", "https://api.anaplan.com"
    elif region in OWN_HOST_REGIONS:
        auth, oauth, api = (f"https://{region}.{service}.anaplan.com" for service in ("auth", "app", "api"))
    elif region == "ca1":
        auth, oauth, api = (f"https://ca1a.{service}.anaplan.com" for service in ("auth", "app", "api"))
    elif region == "au1":
        auth = oauth = "https://au1a.app2.anaplan.com"
        api = "https://au1a.api2.anaplan.com"
    else:
        raise ConfigurationError(
            "setting `region`",
            f"`{region}` is not a known region",
            f"Use one of {' '.join(REGIONS)}, or set auth_url, oauth_url, api_url and audit_url.",
        )
    return {"auth": auth, "oauth": oauth, "api": api, "audit": AUDIT_HOST}


def _check_address(name: str, url: str) -> None:
    """Takes `http://` to this machine only: to any other one a password or token would travel in the clear."""
    scheme, host = _scheme_and_host(url)
    if scheme not in ("https", "http") or not host:
        raise ConfigurationError(name, f"`{url}` is no address", "Give it as `https://host`.")
    if "@" in urlsplit(url).netloc:
        # It would be written to logs and traces, and sent beside the token.
        raise ConfigurationError(name, "it holds a user or password", "Give it without; sign in by `credentials`.")
    if scheme == "http" and not _is_this_machine(host):
        raise ConfigurationError(
            name,
            f"`{url}` would send the password or token in the clear",
            "Give it as `https://`; `http://` is for this machine only (localhost).",
        )


def _scheme_and_host(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_event_types(event_types: Sequence[str]) -> None:
    unknown = [kind for kind in event_types if kind not in EVENT_TYPES]
    if unknown or not event_types:
        raise ConfigurationError(
            "setting `event_types`",
            f"`{', '.join(map(str, unknown)) or '[]'}` is not a type of event",
            f"Use some of {' '.join(EVENT_TYPES)}.",
        )


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigurationError(f"setting `{name}`", f"`{value}` is out of range", f"Use {least} to {most}.")
