"""Finds tables and columns that somebody dropped, and makes them anew: dlt goes by its own notes of what there is."""

from collections.abc import Iterable
from typing import Any

import dlt
from dlt.common.schema.utils import new_table
from dlt.destinations.job_client_impl import SqlJobClientBase

from audit_source.schema import Table


def declare_new_columns(pipeline: dlt.Pipeline, tables: Iterable[Table]) -> None:
    """Add the columns that a newer version declares to the tables of an older one, empty, so that models can read them.

    A load would do it too, but an enrichment may come first.
    """
    if not pipeline.default_schema_name:
        return
    schema = pipeline.default_schema
    there = set(schema.data_table_names(seen_data_only=True))
    changed = False
    for table in tables:
        if table.name in there:
            known = schema.get_table_columns(table.name)
            new = [column for column in table.columns if column.name not in known]
            changed = changed or bool(new)
            columns: list[Any] = [{**table.dlt_columns[column.name], "nullable": True} for column in new]
            if columns:
                schema.update_table(new_table(table.name, columns=columns))
    if changed:
        pipeline.sync_schema()


def lacking_tables(pipeline: dlt.Pipeline) -> list[str]:
    """Returns the tables that are not there as they were left: gone altogether, or without some of their columns."""
    if not pipeline.default_schema_name:
        return []
    schema = pipeline.default_schema
    names = schema.data_table_names(seen_data_only=True)
    wanted = {name: _names(schema.get_table_columns(name)) for name in names}
    with pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            return []
        stored = {name: _names(columns) for name, columns in client.get_storage_tables(names)}
    return sorted(name for name in names if wanted[name] - stored.get(name, set()))


def restore_tables(pipeline: dlt.Pipeline, names: Iterable[str]) -> None:
    """Makes what these tables lack, empty."""
    with pipeline.destination_client() as client:
        if isinstance(client, SqlJobClientBase):
            if not client.is_storage_initialized():
                client.initialize_storage()
            client.update_stored_schema(only_tables=list(names), force=True)


def _names(columns: Iterable[str]) -> set[str]:
    # Some warehouses write names in upper case.
    return {column.lower() for column in columns}
