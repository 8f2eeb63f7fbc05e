"""Names that several packages share: pipelines, datasets, destination, database file, SQL dialect."""

import os
from typing import Final

import dlt

# The dialect of the models. They are translated to the dialect of the destination.
DIALECT: Final = "duckdb"
LOAD_NAME, ENRICH_NAME = "anaplan_audit", "anaplan_audit_enrich"
DEFAULT_DATASETS = {LOAD_NAME: "anaplan_audit_raw", ENRICH_NAME: "anaplan_audit"}
DEFAULT_DATABASE = "audit_log.duckdb"


def dataset_name(pipeline: str) -> str:
    return str(dlt.config.get(f"pipelines.{pipeline}.dataset_name") or DEFAULT_DATASETS[pipeline])


def destination_type() -> str:
    return str(dlt.config.get(f"pipelines.{LOAD_NAME}.destination_type") or "duckdb")


def database_path() -> str:
    """Return the absolute path of the DuckDB file. The setting is a path or a `duckdb:///` address."""
    key = "destination.duckdb.credentials"
    configured = str(dlt.secrets.get(key) or dlt.config.get(key) or DEFAULT_DATABASE)
    return os.path.abspath(os.path.expanduser(configured.removeprefix("duckdb:///")))
