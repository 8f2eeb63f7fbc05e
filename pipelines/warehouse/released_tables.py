"""Lets tables be dropped that the views over all tenants read."""

from collections.abc import Iterable

import dlt

from pipelines.common.all_tenants import views_dataset

from .engine import engine_of


def release_tables(pipeline: dlt.Pipeline, tables: Iterable[str]) -> None:
    """Drop the views that read these tables, where they would keep them from being dropped.

    The next `run --all-tenants` creates them again.
    """
    dataset = views_dataset()
    if dataset is None or not engine_of(pipeline).views_hold_tables:
        return
    with pipeline.sql_client() as client, client.with_alternative_dataset_name(dataset):
        if client.has_dataset():
            for table in tables:
                client.execute_sql(f"DROP VIEW IF EXISTS {client.make_qualified_table_name(table)}")
