"""Check the configuration for settings that do not exist: dlt ignores unknown keys."""

import difflib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import dlt

from .alert_settings import ALERT_SETTINGS, check_alert_settings
from .alert_settings import SECRETS as ALERT_SECRETS
from .all_tenants import COPY as ALL_COPY
from .all_tenants import DATASET as ALL_DATASET
from .all_tenants import GENERAL as OF_ALL_TENANTS
from .all_tenants import check_views_dataset
from .dashboard_settings import DASHBOARD_SETTINGS, check_dashboard_settings
from .dashboard_settings import SECRETS as DASHBOARD_SECRETS
from .dashboard_settings import SECTION as DASHBOARD_SECTION
from .exit_codes import CONFIGURATION, PipelineError
from .files import SETTING as GROUP_CAN_READ
from .flags import flag
from .forwarding import SECRETS as FORWARD_SECRETS
from .forwarding import SECTION as FORWARD_SECTION
from .forwarding import TargetSettings, check_forward_settings, target_settings
from .lakehouse_settings import LAKEHOUSE_SETTINGS, LakehouseSettings, lakehouse_settings
from .lakehouse_settings import OPTIONS as STORAGE_OPTIONS
from .lakehouse_settings import SECTION as LAKEHOUSE_SECTION
from .metric_settings import METRIC_SETTINGS, check_metric_settings
from .metric_settings import SECRETS as METRIC_SECRETS
from .names import ENRICH_NAME, LOAD_NAME
from .redaction import is_secret_name
from .sections import check_sections
from .tenants import configured_keys, full_key

LONGEST_SECONDS = 7 * 24 * 3600
# Shorter ones would be renewed while statements of an ordinary run are still on their way.
SHORTEST_LEASE, DEFAULT_LEASE = 60.0, 900
LONGEST_FULL_CHECK_DAYS = 365
SOURCE_SECTION = ("sources", "audit_source")
ALERT_SECTION = ("alerts",)
METRIC_SECTION = ("metrics",)
# Settings of each pipeline beside those of dlt.
PIPELINE_SETTINGS = {
    LOAD_NAME: {
        "wait_for_readers_seconds",
        "group_can_read",
        "run_timeout",
        "lease_seconds",
        "acknowledge_in_dashboard",
    },
    ENRICH_NAME: {"publish_to", "full_check_every", "network_names", ALL_DATASET, ALL_COPY},
}


def check_settings() -> None:
    """Refuse the first setting that does not exist or has a wrong value, in a file or in the environment.

    Raises:
        PipelineError: A section does not exist. A setting under `sources.audit_source`, `alerts`, `metrics`,
            `lakehouse`, `dashboard` or `pipelines.*` does not exist or has a wrong value.
        ConfigurationError: A value is a placeholder.
    """
    check_files()
    check_sections(known_settings())
    sections = {
        SOURCE_SECTION: known_settings(),
        ALERT_SECTION: ALERT_SETTINGS,
        METRIC_SECTION: METRIC_SETTINGS,
        (DASHBOARD_SECTION,): DASHBOARD_SETTINGS,
        (LAKEHOUSE_SECTION,): LAKEHOUSE_SETTINGS,
    }
    sections.update({("pipelines", name): known_pipeline_settings(name) for name in PIPELINE_SETTINGS})
    # First, because the settings of the chosen tenant are also among the general ones.
    _check_tenants(sections)
    for section, known in sections.items():
        for where, name in _configured(section):
            _check_name(where, name, known)
    _check_placeholders()
    check_alert_settings(_configured(ALERT_SECTION))
    check_metric_settings(_configured(METRIC_SECTION))
    check_forward_settings(_configured((FORWARD_SECTION,)))
    check_dashboard_settings(_configured((DASHBOARD_SECTION,)))
    lakehouse()
    _check_seconds()
    full_check_every()
    check_views_dataset()
    can_acknowledge_in_dashboard()
    flag(GROUP_CAN_READ)
    if any(setting == ("config.toml", "privacy_key") for setting in _configured(SOURCE_SECTION)):
        raise PipelineError(
            CONFIGURATION,
            "setting `privacy_key` (config.toml) is a secret. Move it to [sources.audit_source] in secrets.toml.",
        )


def _check_name(where: str, name: str, known: set[str]) -> None:
    if name not in known and name.partition(".")[0] not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"Did you mean `{near[0]}`?" if near else f"The settings are {', '.join(sorted(known))}."
        raise PipelineError(CONFIGURATION, f"setting `{name}` ({where}) does not exist. {hint}")


def _check_tenants(sections: dict[tuple[str, ...], set[str]]) -> None:
    """Refuse settings of tenants as the general ones."""
    for where, key in configured_keys():
        tenant, _, name = key.partition(".")
        if full_key(name) in OF_ALL_TENANTS:
            raise PipelineError(
                CONFIGURATION,
                f"setting `{name.rpartition('.')[2]}` ({where}, tenant {tenant}) is for all tenants. Move it to "
                f"[pipelines.{ENRICH_NAME}].",
            )
        full = tuple(full_key(name).split("."))
        for section, known in sections.items():
            if name and full[: len(section)] == section:
                _check_name(f"{where}, tenant {tenant}", ".".join(full[len(section) :]), known)
        is_secret = full[0] == FORWARD_SECTION and full[-1] in FORWARD_SECRETS
        is_secret |= full[0] == DASHBOARD_SECTION and full[-1] in DASHBOARD_SECRETS
        is_secret |= full[:2] == (LAKEHOUSE_SECTION, STORAGE_OPTIONS) and is_secret_name(full[-1])
        if where == "config.toml" and (is_secret or full[-1] in ("privacy_key", *ALERT_SECRETS, *METRIC_SECRETS)):
            raise PipelineError(
                CONFIGURATION,
                f"setting `{full[-1]}` ({where}, tenant {tenant}) is a secret. Move it to secrets.toml.",
            )


def check_files() -> None:
    """Refuse a folder in place of a settings file: dlt would ignore it and use its defaults.

    Raises:
        PipelineError: `config.toml` or `secrets.toml` is a folder.
    """
    for provider in dlt.config.config_providers:
        for path in map(os.path.abspath, provider.locations):
            if os.path.isdir(path):
                raise PipelineError(
                    CONFIGURATION, f"`{path}` is a folder. Replace it with a file that holds the settings."
                )


def _check_placeholders() -> None:
    """Refuse values copied from secrets.toml.example. The source itself checks those for the sign-in to Anaplan."""
    from audit_source.auth.credentials import refuse_placeholder

    key = "sources.audit_source.privacy_key"
    refuse_placeholder(key, dlt.secrets.get(key))
    if str(dlt.secrets.get("alerts.webhook_url") or "").endswith("/..."):
        refuse_placeholder("alerts.webhook_url", "...")


def _check_seconds() -> None:
    for name, least in (
        ("runtime.request_timeout", 0.001),
        ("pipelines.anaplan_audit.run_timeout", 0.0),
        ("pipelines.anaplan_audit.lease_seconds", SHORTEST_LEASE),
    ):
        value: Any = dlt.config.get(name)
        try:
            fits = value is None or least <= float(value) <= LONGEST_SECONDS
        except (TypeError, ValueError):
            fits = False
        if not fits:
            allowed = f"{'more than 0' if 0 < least < 1 else round(least)} to {LONGEST_SECONDS}"
            raise PipelineError(
                CONFIGURATION, f"setting `{name.rpartition('.')[2]}`: `{value}` is out of range. Use {allowed} seconds."
            )


def full_check_every() -> int:
    """Return after how many days (UTC) the checks look at all days again; 0: in every run.

    Raises:
        PipelineError: The setting has a wrong value.
    """
    value: Any = dlt.config.get(f"pipelines.{ENRICH_NAME}.full_check_every")
    try:
        days = 1 if value is None else int(value)
    except (TypeError, ValueError):
        days = -1
    if not 0 <= days <= LONGEST_FULL_CHECK_DAYS:
        allowed = f"0 to {LONGEST_FULL_CHECK_DAYS} days"
        raise PipelineError(CONFIGURATION, f"setting `full_check_every`: `{value}` is out of range. Use {allowed}.")
    return days


def forward_targets(names: Sequence[str] = ()) -> list[TargetSettings]:
    """Return the targets that events are forwarded to, in the order of the files, or only those with these names.

    Raises:
        PipelineError: No target is configured, or none with one of the names.
    """
    known = list(dict.fromkeys(key.partition(".")[0] for _, key in _configured((FORWARD_SECTION,)) if "." in key))
    if not known:
        raise PipelineError(CONFIGURATION, f"no targets are configured. Add a section `[{FORWARD_SECTION}.NAME]`.")
    for name in names:
        if name not in known:
            raise PipelineError(
                CONFIGURATION, f"target `{name}` is not configured. The targets are {', '.join(known)}."
            )
    return target_settings(name for name in known if not names or name in names)


def lakehouse() -> LakehouseSettings | None:
    """Return the settings of the lakehouse copy, or None if none is configured.

    Raises:
        PipelineError: A setting under `[lakehouse]` has a wrong value.
    """
    return lakehouse_settings(_configured((LAKEHOUSE_SECTION,)))


def run_timeout() -> float:
    """Return the most seconds that a run may take, or 0 for no limit."""
    return float(dlt.config.get("pipelines.anaplan_audit.run_timeout") or 0)


def can_acknowledge_in_dashboard() -> bool:
    """Return whether the dashboard may acknowledge findings (setting `acknowledge_in_dashboard`).

    Raises:
        PipelineError: The setting has a wrong value.
    """
    return flag("pipelines.anaplan_audit.acknowledge_in_dashboard")


def lease_seconds() -> int:
    """Return the seconds after which another machine may take over from a run that was killed."""
    return round(float(dlt.config.get("pipelines.anaplan_audit.lease_seconds") or DEFAULT_LEASE))


def known_settings() -> set[str]:
    """Return the names under `sources.audit_source`: the settings of the source and the fields of its credentials."""
    from audit_source.auth.credentials import MODES
    from audit_source.settings import AuditSettings

    settings = AuditSettings.get_resolvable_fields().keys() - {"credentials"}
    fields = {f"credentials.{field}" for spec in MODES.values() for field in spec.get_resolvable_fields()}
    return settings | fields


def known_pipeline_settings(pipeline: str) -> set[str]:
    """Return the names of the settings under `pipelines.{pipeline}`: those of dlt and our own."""
    from dlt.pipeline.configuration import PipelineConfiguration

    return {*PipelineConfiguration.get_resolvable_fields(), *PIPELINE_SETTINGS[pipeline]}


def _configured(section: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for provider in dlt.config.config_providers:
        document: Any = getattr(provider, "_config_doc", None)
        for key in section:
            document = document.get(key) if isinstance(document, dict) else None
        if isinstance(document, dict):
            yield from ((provider.name, name) for name in _flat(document))
    prefix = "__".join(section).upper() + "__"
    for variable in os.environ:
        if variable.startswith(prefix):
            yield variable, variable[len(prefix) :].lower().replace("__", ".")


def _flat(document: dict[str, Any]) -> list[str]:
    names = []
    for key, value in document.items():
        names += [f"{key}.{inner}" for inner in value] if isinstance(value, dict) else [key]
    return names
