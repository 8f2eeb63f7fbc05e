"""Checks the settings that every destination needs: names of datasets, dlt's folder, secrets files, waiting time."""

import os
import stat
from typing import Any

import dlt
from dlt.common import logger

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, dataset_name

# Schemas that belong to some database itself. `main` and `public` are free for users.
SYSTEM_SCHEMAS = {"information_schema", "pg_catalog", "pg_toast", "sys", "system", "temp"}
DEFAULT_WAIT_SECONDS = 60.0
WAIT_SETTING = "pipelines.anaplan_audit.wait_for_readers_seconds"
_warned_about_secrets: set[str] = set()


def check_datasets() -> None:
    """Refuse dataset names that would mix raw tables, enriched tables, dlt's staging or the database's own schemas.

    Raises:
        PipelineError: A `dataset_name` is taken.
    """
    names = {pipeline: dataset_name(pipeline).lower() for pipeline in (LOAD_NAME, ENRICH_NAME)}
    raw, enriched = names.values()
    for pipeline, name in names.items():
        reason = None
        if raw == enriched:
            reason = "both pipelines have this dataset"
        elif name == f"{enriched if pipeline == LOAD_NAME else raw}_staging":
            reason = "dlt stages the other pipeline's rows there"
        elif name in SYSTEM_SCHEMAS or name.startswith("pg_"):
            reason = "the database has a schema of its own by this name"
        if reason:
            raise PipelineError(
                CONFIGURATION, f"setting `[pipelines.{pipeline}] dataset_name`: `{name}` is taken: {reason}. Rename it."
            )


def check_data_dir() -> None:
    """Refuse a data folder whose name does not survive in dlt's SQL statements.

    Raises:
        PipelineError: `DLT_DATA_DIR` contains a quote, a percent sign or a line break.
    """
    folder = dlt.current.run_context().data_dir
    if any(sign in folder for sign in "'%\n"):
        raise PipelineError(
            CONFIGURATION, f"folder `{folder}` (DLT_DATA_DIR): dlt cannot work in a folder with ' or % in its name."
        )


def check_destination_settings() -> str:
    """Refuse settings of the destination that are missing or wrong, or a missing driver. Opens no connection.

    Returns:
        str: The destination, without secrets.

    Raises:
        PipelineError: A setting is wrong.
        ConfigurationException: A credential is missing.
        MissingDependencyException: The driver is not installed.
    """
    from .engine import engine

    used = engine()
    used.check_settings()
    check_datasets()
    check_data_dir()
    if used.is_file:
        # Its credentials are a path, which is no secret: config.toml may hold it, and dlt would refuse it there.
        return used.location()
    destination = used.destination()
    settings = destination.spec()
    # Whatever no file sets, because a pipeline gives it.
    settings.update({"dataset_name": dataset_name(LOAD_NAME), "local_dir": os.curdir})
    destination.configuration(settings)
    try:
        destination.client_class  # noqa: B018 - imports the driver
    except ModuleNotFoundError as error:
        raise PipelineError(
            CONFIGURATION,
            f"destination `{used.name}`: its driver lacks `{error.name}`. Run `make driver FOR={used.name}`.",
        ) from error
    return used.location()


def seconds_to_wait() -> float:
    """Return how long a run waits for readers (`wait_for_readers_seconds`).

    Raises:
        PipelineError: The setting is not a number from 0 to 86400.
    """
    configured: Any = dlt.config.get(WAIT_SETTING)
    try:
        seconds = DEFAULT_WAIT_SECONDS if configured is None else float(configured)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= 24 * 3600:
        raise PipelineError(
            CONFIGURATION, f"setting `wait_for_readers_seconds`: `{configured}` is out of range. Use 0 to 86400."
        )
    return seconds


def warn_about_open_secrets() -> None:
    """Warn, once in a process, if other accounts of this machine can read a secrets file that dlt has read."""
    paths = [os.path.join(dlt.current.run_context().settings_dir, "secrets.toml")]
    for provider in dlt.config.config_providers:
        if provider.supports_secrets:
            paths += provider.present_locations
    for path in set(map(os.path.abspath, paths)) - _warned_about_secrets:
        if os.name == "posix" and os.path.exists(path) and os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH):
            _warned_about_secrets.add(path)
            logger.warning(f"Others can read `{path}`. Run `chmod 600 {path}`.")
