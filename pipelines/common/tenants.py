"""Several tenants in one installation: the settings under `[tenants.NAME]` replace the general ones.

Each tenant has its own two datasets, and its own folder for state, lock and stored tokens.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

from .exit_codes import CONFIGURATION, PipelineError
from .names import ENRICH_NAME, LOAD_NAME, dataset_name

SECTION = "tenants"
# Beside these, a tenant's settings are those of `[sources.audit_source]`.
OTHER_SECTIONS = ("pipelines", "destination", "alerts", "forward", "lakehouse", "metrics", "dashboard")
CREDENTIALS = "sources.audit_source.credentials"
# The end of the names of the datasets of `check-destination`.
TRIAL = "destination_trial"
# A name becomes a part of datasets, folders and environment variables. `raw` and `staging` at these ends would make the
# dataset of one tenant another one's raw dataset, or the one in which dlt stages its rows. A trial removes its own.
_NAME = re.compile(rf"(?!raw(_|$))(?!(.*_)?(staging|{TRIAL})$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
_DATASETS = {name: f"pipelines.{name}.dataset_name" for name in (LOAD_NAME, ENRICH_NAME)}
_COPY = f"pipelines.{ENRICH_NAME}.publish_to"
_METRICS = "metrics.prometheus_file"
_TOKENS = "sources.audit_source.token_store"


def tenant_names() -> list[str]:
    """Return the names of the configured tenants, in the order of the files."""
    return list(dict.fromkeys(key.partition(".")[0] for _, key in configured_keys()))


def chosen_tenant() -> str | None:
    """Return the tenant that this process works for; None if no tenants are configured."""
    return str(dlt.config.get("tenant") or "") or None


def refuse_no_tenant() -> None:
    """Refuse to go on without a tenant where some are configured.

    Raises:
        PipelineError: Tenants are configured.
    """
    names = tenant_names()
    if names:
        raise PipelineError(
            CONFIGURATION,
            f"settings of several tenants: {', '.join(names)}. Name one with --tenant, or with the setting "
            "`tenant`; many commands take --all-tenants, too.",
        )


def settings_of(name: str) -> dict[str, Any]:
    """Return the settings that replace the general ones for a tenant, by dlt's full keys.

    Raises:
        PipelineError: There is no such tenant, or its name cannot be a part of a dataset's name.
    """
    names = tenant_names()
    if name not in names:
        known = f"The tenants are {', '.join(names)}." if names else f"Add a section `[{SECTION}.{name}]`."
        raise PipelineError(CONFIGURATION, f"tenant `{name}` is not configured. {known}")
    _check_names(names)
    found: dict[str, Any] = {
        full_key(key): dlt.config.get(f"{SECTION}.{name}.{key}")
        for tenant, _, key in (one.partition(".") for _, one in configured_keys())
        if tenant == name and key
    }
    return {**_own_places(name), **found}


def dataset_of(name: str, pipeline: str) -> str:
    """Return the dataset of a pipeline of a tenant."""
    return str(settings_of(name)[_DATASETS[pipeline]])


def full_key(key: str) -> str:
    """Return dlt's full key of a setting of a tenant: `region` is `sources.audit_source.region`."""
    return key if key.partition(".")[0] in OTHER_SECTIONS else f"sources.audit_source.{key}"


def section_of(key: str) -> str:
    """Return the section of a setting: all but the last part of its key."""
    return key.rpartition(".")[0]


def data_dir_of(name: str) -> str:
    """Return the folder of a tenant's state, lock and stored tokens."""
    return os.path.join(dlt.current.run_context().data_dir, SECTION, name)


def former_tenants() -> list[str]:
    """Return the tenants that ran here and are no longer configured. Call it before this process works for one."""
    folder = Path(dlt.current.run_context().data_dir, SECTION)
    known = set(tenant_names())
    return sorted(one.name for one in folder.iterdir() if one.name not in known) if folder.is_dir() else []


def has_run(name: str) -> bool:
    """Return whether a tenant ran here. Call it before this process works for one."""
    return os.path.isdir(data_dir_of(name))


def _own_places(name: str) -> dict[str, Any]:
    """Return datasets, copy, token store and metrics file with the tenant's name, so that no two tenants share one."""
    places: dict[str, Any] = {key: f"{dataset_name(pipeline)}_{name}" for pipeline, key in _DATASETS.items()}
    for key in (_COPY, _TOKENS, _METRICS):
        general = str(dlt.config.get(key) or "")
        if general:
            places[key] = str(Path(general).with_stem(f"{Path(general).stem}_{name}"))
    return places


def _check_names(names: list[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise PipelineError(
                CONFIGURATION,
                f"tenant `{name}`: a name has lower-case letters, digits and single underscores, begins with a letter "
                f"but not with `raw`, and does not end with `staging` or `{TRIAL}`. Rename it.",
            )


def configured_keys() -> Iterator[tuple[str, str]]:
    """Yield `NAME.setting` for each setting of a tenant, after the file or the variable that holds it."""
    for provider in dlt.config.config_providers:
        document: Any = getattr(provider, "_config_doc", None)
        yield from ((provider.name, key) for key in _leaves((document or {}).get(SECTION)))
    prefix = f"{SECTION.upper()}__"
    for variable in os.environ:
        if variable.startswith(prefix):
            yield variable, variable[len(prefix) :].lower().replace("__", ".")


def _leaves(section: Any, above: str = "") -> Iterator[str]:
    if not isinstance(section, dict):
        return
    for key, value in section.items():
        if isinstance(value, dict) and (value or not above):
            # A tenant without settings of its own is a tenant, too.
            yield from _leaves(value, f"{above}{key}.") if value else iter([str(key)])
        else:
            yield f"{above}{key}"
