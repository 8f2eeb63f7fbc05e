"""A second tenant in the database of the first one, with some of its rows, and loaded at the same moment."""

from pathlib import Path

import duckdb

DATASETS = {"ANAPLAN_AUDIT": "anaplan_audit_raw", "ANAPLAN_AUDIT_ENRICH": "anaplan_audit"}
# The tenant `eu` has the datasets with the default names, the tenant `us` those of its name.
TENANTS = {
    **{f"TENANTS__EU__PIPELINES__{pipeline}__DATASET_NAME": dataset for pipeline, dataset in DATASETS.items()},
    "TENANTS__US__REGION": "us1",
}
WORKSPACE = "american"


def add_second_tenant(path: Path) -> None:
    """Copy all tables for the tenant `us`, with one change in models, in a workspace and a model of its own."""
    with duckdb.connect(str(path)) as database:
        for dataset in DATASETS.values():
            database.execute(f"create schema {dataset}_us")
            tables = "select table_name from duckdb_tables() where schema_name = ?"
            for (table,) in database.execute(tables, [dataset]).fetchall():
                database.execute(f"create table {dataset}_us.{table} as from {dataset}.{table}")
        database.execute(
            f"update anaplan_audit_us.agg_daily_usage set workspace_id = '{WORKSPACE}', model_id = 'a_model'"
        )
        database.execute(
            "create or replace table anaplan_audit_us.fct_model_changes as from anaplan_audit.fct_model_changes limit 1"
        )
