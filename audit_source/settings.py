"""The settings of the source: every setting, its default, its check."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from .auth.credentials import AnaplanCredentials
from .errors import ConfigurationError

# Where dlt looks for the settings. The last one is the name of the source: settings of this source alone.
SECTIONS = ("sources", "audit_source", "audit")

# `type` of the audit API, which does not reject an unknown value: it returns everything.
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
# CloudWorks has a host of its own, and a path on the host of the Integration API.
CLOUDWORKS_HOST, CLOUDWORKS_PATH = "https://api.cloudworks.anaplan.com", "/cloudworks"
LONGEST_RETENTION_DAYS = 90
# A model has four lists and the names of its files.
LEAST_MODEL_REQUESTS = 5


@dataclass(frozen=True)
class Hosts:
    """Base URLs of the services, without a trailing slash."""

    auth: str
    oauth: str
    api: str
    audit: str
    cloudworks: str = ""


@configspec
class AuditSettings(BaseConfiguration):
    """Every setting of the source, with its default. dlt reads them from `sources.audit_source`.

    Attributes:
        credentials (AnaplanCredentials): How to sign in, from `sources.audit_source.credentials`.
        auth (str): `password`, `certificate`, `oauth` or `token`, if more than one is configured.
        region (str): Anaplan region of the tenant. It sets the addresses that the `*_url` settings may override.
        token_store (str): File for a rotated OAuth refresh token. The default is in dlt's data directory.
        event_types (List[str]): Event types to request. The default `["all"]` includes all others.
        history_days (int): Anaplan's retention in days: 30, or 90 on some editions.
        page_size (int): Events per request.
        parallel_requests (int): Pages of events in flight at once.
        requests_per_minute (int): Most requests in any 60 seconds, over all threads.
        overlap_minutes (int): How much of the covered time each load fetches again.
        safety_lag_seconds (int): How long before now a load ends.
        late_event_scan (bool): Whether each retained day is probed for late-arriving events.
        events_per_load (int): Ends a load after the window that reaches this number; see `Run.unfinished`.
        privacy (str): `keep`, `hash` or `drop` names, e-mail addresses and IP addresses. Ids stay.
        privacy_key (str): Secret key of the hashes. The same key gives the same person the same pseudonym.
        shrink_limit_percent (int): A list that lost a larger share of its records at once is not applied.
        cloudworks (bool): Whether the integrations of CloudWorks and their runs are read.
        model_requests_per_run (int): Most requests of a run for the contents of models. 0 reads none.
        request_deadline_seconds (int): Longest time for a whole request, including its answer.
        model_history (bool): Whether each run also loads model history.
        model_history_export (str): Name of the export action with the history; by default any of type `AUDIT_LOG`.
        model_history_models (List[str]): Names or ids of the only models whose history is loaded.
        model_history_exclude (List[str]): Names or ids of models whose history is not loaded.
        model_history_timeout (int): Longest time for one such export, in seconds.

    Raises, when it is resolved:
        ConfigurationError: A value is out of its range, or unknown.
    """

    credentials: AnaplanCredentials | None = None
    auth: str | None = None
    region: str = "us1"
    auth_url: str | None = None
    api_url: str | None = None
    audit_url: str | None = None
    oauth_url: str | None = None
    cloudworks_url: str | None = None
    token_store: str | None = None
    event_types: list[str] | None = None
    history_days: int = 30
    page_size: int = 10_000
    parallel_requests: int = 4
    requests_per_minute: int = 300
    overlap_minutes: int = 60
    safety_lag_seconds: int = 60
    late_event_scan: bool = True
    events_per_load: int | None = None
    privacy: str = "keep"
    privacy_key: TSecretStrValue | None = None
    shrink_limit_percent: int = 20
    cloudworks: bool = True
    model_requests_per_run: int = 200
    request_deadline_seconds: int = 300
    model_history: bool = False
    model_history_export: str | None = None
    model_history_models: list[str] | None = None
    model_history_exclude: list[str] | None = None
    model_history_timeout: int = 1800

    def on_resolved(self) -> None:
        """Check every value after dlt has read the settings.

        Raises:
            ConfigurationError: A value is unknown or out of range.
        """
        _check_event_types(self.requested_types)
        for name, (least, most) in _RANGES.items():
            _check_range(name, getattr(self, name), least, most)
        if 0 < self.model_requests_per_run < LEAST_MODEL_REQUESTS:
            raise ConfigurationError(
                "setting `model_requests_per_run`",
                f"`{self.model_requests_per_run}` is not enough for one model",
                f"Use 0 to read none, or {LEAST_MODEL_REQUESTS} or more.",
            )

    @property
    def requested_types(self) -> tuple[str, ...]:
        """The event types to request. `all` includes every other type, which would else be loaded twice."""
        kinds = ("all",) if self.event_types is None else tuple(self.event_types)
        return ("all",) if "all" in kinds and set(kinds) <= set(EVENT_TYPES) else tuple(dict.fromkeys(kinds))

    @property
    def hosts(self) -> Hosts:
        """The base URLs of the region, or those that override them.

        Raises:
            ConfigurationError: The region is unknown, or an override is not a usable URL.
        """
        overrides = {
            "auth": self.auth_url,
            "api": self.api_url,
            "audit": self.audit_url,
            "oauth": self.oauth_url,
            "cloudworks": self.cloudworks_url,
        }
        return resolve_hosts(self.region, overrides)

    @property
    def cloudworks_urls(self) -> list[str]:
        """The addresses under which CloudWorks may answer. Some networks reach only the host of the Integration API."""
        hosts = self.hosts
        urls = [hosts.cloudworks] if self.cloudworks_url else [hosts.cloudworks, f"{hosts.api}{CLOUDWORKS_PATH}"]
        return [f"{url}/2/0" for url in dict.fromkeys(urls)]


# Smallest and largest value of each setting that is a number.
_RANGES = {
    "history_days": (1, LONGEST_RETENTION_DAYS),
    "page_size": (1, 50_000),
    "parallel_requests": (1, 32),
    "requests_per_minute": (1, 100_000),
    "overlap_minutes": (0, 7 * 24 * 60),
    "safety_lag_seconds": (0, 24 * 3600),
    "events_per_load": (1, 10_000_000),
    "shrink_limit_percent": (0, 100),
    "model_requests_per_run": (0, 100_000),
    "request_deadline_seconds": (1, 24 * 3600),
    "model_history_timeout": (1, 24 * 3600),
}


def resolve_settings(settings: AuditSettings | None = None, **values: Any) -> AuditSettings:
    """Return the settings of the source, read from dlt's configuration.

    Args:
        settings (AuditSettings): Settings that override the configuration. Resolved ones are returned as they are.
        **values (Any): Single settings, which override both.

    Raises:
        TypeError: A name is not a setting.
        ConfigurationError: A value is out of its range, or unknown.
    """
    unknown = values.keys() - AuditSettings.get_resolvable_fields().keys()
    if unknown:
        raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}. See `AuditSettings`.")
    if settings is not None:
        if settings.is_resolved() and not values:
            return settings
        values = {**settings.as_dict_nondefault(), **values}
    return resolve_configuration(AuditSettings(), sections=SECTIONS, explicit_value=values)


def resolve_hosts(region: str, overrides: dict[str, str | None]) -> Hosts:
    """Return the base URLs of a region. `overrides` (auth, oauth, api, audit, cloudworks) may replace each of them.

    Raises:
        ConfigurationError: The region is not one of `REGIONS`, or an override is not a URL, or has no TLS.
    """
    given = {name: url for name, url in overrides.items() if url}
    urls = {**_region_urls(region), **given}
    if "api" in given and "cloudworks" not in given:
        # A gateway in front of the Integration API has CloudWorks below it. Its own host may not be reachable.
        urls["cloudworks"] = f"{given['api'].rstrip('/')}{CLOUDWORKS_PATH}"
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
    cloudworks = CLOUDWORKS_HOST if region in SHARED_REGIONS else f"{api}{CLOUDWORKS_PATH}"
    return {"auth": auth, "oauth": oauth, "api": api, "audit": AUDIT_HOST, "cloudworks": cloudworks}


def _check_address(name: str, url: str) -> None:
    """Accept `http://` for this machine only: anywhere else it would send passwords and tokens unencrypted."""
    scheme, host = _scheme_and_host(url)
    if scheme not in ("https", "http") or not host:
        raise ConfigurationError(name, f"`{url}` is not an address", "Give it as `https://host`.")
    if "@" in urlsplit(url).netloc:
        # It would appear in logs and traces, and be sent with the token.
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


def _check_range(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise ConfigurationError(f"setting `{name}`", f"`{value}` is out of range", f"Use {least} to {most}.")
