"""Names that several packages need: pipelines, datasets, destination, database file, the dialect of the models."""

import os
from typing import Final

import dlt

# The models are written in it, and translated into the destination's.
DIALECT: Final = "duckdb"
LOAD_NAME, ENRICH_NAME = "anaplan_audit", "anaplan_audit_enrich"
DEFAULT_DATASETS = {LOAD_NAME: "anaplan_audit_raw", ENRICH_NAME: "anaplan_audit"}
DEFAULT_DATABASE = "audit_log.duckdb"


def dataset_name(pipeline: str) -> str:
    return str(dlt.config.get(f"pipelines.{pipeline}.dataset_name") or DEFAULT_DATASETS[pipeline])


def destination_type() -> str:
    return str(dlt.config.get(f"pipelines.{LOAD_NAME}.destination_type") or "duckdb")


def database_path() -> str:
    """Returns the path of the DuckDB file, from a plain path or a `duckdb:///` address."""
    key = "destination.duckdb.credentials"
    configured = str(dlt.secrets.get(key) or dlt.config.get(key) or DEFAULT_DATABASE)
    return os.path.abspath(os.path.expanduser(configured.removeprefix("duckdb:///")))
