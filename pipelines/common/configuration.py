"""Checks what the configuration names against what exists: dlt itself passes over a key that it does not know."""

import difflib
import os
from collections.abc import Iterator
from typing import Any

import dlt

from .exit_codes import CONFIGURATION, PipelineError
from .log_lines import drop_expected_warnings, say_own_warnings
from .names import ENRICH_NAME, LOAD_NAME

LONGEST_SECONDS = 7 * 24 * 3600
SOURCE_SECTION = ("sources", "audit_source")
ALERT_SECTION = ("alerts",)
ALERT_SETTINGS = {"webhook_url", "min_severity"}
SEVERITIES = ("high", "medium", "low")
# What each pipeline takes beside dlt's own settings of a pipeline.
PIPELINE_SETTINGS = {
    LOAD_NAME: {"wait_for_readers_seconds", "group_can_read", "run_timeout"},
    ENRICH_NAME: {"publish_to"},
}


def check_settings() -> None:
    """Raises for the first setting that does not exist or does not fit, from a file or from the environment.

    Raises:
        PipelineError: A setting under `sources.audit_source`, `alerts` or `pipelines.*` is misspelt, or an alert
            setting is wrong.
        ConfigurationError: A value is a placeholder.
    """
    check_files()
    say_own_warnings()
    drop_expected_warnings()
    sections = {SOURCE_SECTION: known_settings(), ALERT_SECTION: ALERT_SETTINGS}
    sections.update({("pipelines", name): known_pipeline_settings(name) for name in PIPELINE_SETTINGS})
    for section, known in sections.items():
        for where, name in _configured(section):
            if name not in known and name.partition(".")[0] not in known:
                near = difflib.get_close_matches(name, known, 1)
                meant = f"Did you mean `{near[0]}`?" if near else f"Known are {', '.join(sorted(known))}."
                raise PipelineError(CONFIGURATION, f"setting `{name}` ({where}) does not exist. {meant}")
    _check_placeholders()
    _check_alerts()
    _check_seconds()
    if any(setting == ("config.toml", "privacy_key") for setting in _configured(SOURCE_SECTION)):
        raise PipelineError(
            CONFIGURATION,
            "setting `privacy_key` (config.toml) is a secret. Move it to [sources.audit_source] in secrets.toml.",
        )


def check_files() -> None:
    """Refuse a folder where a settings file belongs: dlt would pass over it, and run with its defaults.

    Raises:
        PipelineError: `config.toml` or `secrets.toml` is no file.
    """
    for provider in dlt.config.config_providers:
        for path in map(os.path.abspath, provider.locations):
            if os.path.isdir(path):
                raise PipelineError(CONFIGURATION, f"`{path}` is a folder. Put the settings into a file of this name.")


def _check_placeholders() -> None:
    """Refuse values of secrets.toml.example for what is no way to sign in to Anaplan; the source refuses those."""
    from audit_source.auth.credentials import refuse_placeholder

    key = "sources.audit_source.privacy_key"
    refuse_placeholder(key, dlt.secrets.get(key))
    if str(dlt.secrets.get("alerts.webhook_url") or "").endswith("/..."):
        refuse_placeholder("alerts.webhook_url", "...")


def _check_seconds() -> None:
    for name, least in (("runtime.request_timeout", 0.001), ("pipelines.anaplan_audit.run_timeout", 0.0)):
        value: Any = dlt.config.get(name)
        try:
            fits = value is None or least <= float(value) <= LONGEST_SECONDS
        except (TypeError, ValueError):
            fits = False
        if not fits:
            wanted = f"{'more than 0' if least else '0'} to {LONGEST_SECONDS}"
            raise PipelineError(
                CONFIGURATION, f"setting `{name.rpartition('.')[2]}`: `{value}` is out of range. Use {wanted} seconds."
            )


def run_timeout() -> float:
    """Return the seconds that a run may take; 0 for no limit."""
    return float(dlt.config.get("pipelines.anaplan_audit.run_timeout") or 0)


def _check_alerts() -> None:
    for where, name in _configured(ALERT_SECTION):
        if name == "webhook_url" and where == "config.toml":
            raise PipelineError(
                CONFIGURATION, "setting `webhook_url` (config.toml) is a secret. Move it to [alerts] in secrets.toml."
            )
    url = str(dlt.secrets.get("alerts.webhook_url") or "https://")
    if not url.startswith(("https://", "http://")):
        raise PipelineError(CONFIGURATION, "setting `webhook_url` is no address. Give it as `https://host/path`.")
    severity: Any = dlt.config.get("alerts.min_severity")
    if severity and severity not in SEVERITIES:
        raise PipelineError(CONFIGURATION, f"setting `min_severity`: `{severity}` is none of {', '.join(SEVERITIES)}.")


def known_settings() -> set[str]:
    """Return the names under `sources.audit_source`: the settings of the source and the fields of its credentials."""
    from audit_source.auth.credentials import MODES
    from audit_source.settings import AuditSettings

    settings = AuditSettings.get_resolvable_fields().keys() - {"credentials"}
    fields = {f"credentials.{field}" for spec in MODES.values() for field in spec.get_resolvable_fields()}
    return settings | fields


def known_pipeline_settings(pipeline: str) -> set[str]:
    """Returns the names under `pipelines.{pipeline}`: dlt's and ours."""
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
