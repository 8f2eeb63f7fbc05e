"""Create tables and columns again that a user dropped, because dlt relies on its stored schema."""

from collections.abc import Iterable
from typing import Any

import dlt
from dlt.common.schema.utils import new_table

from audit_source.schema import Table

from .dlt_internals import create_tables, keep_schema, stored_columns


def declare_new_columns(pipeline: dlt.Pipeline, tables: Iterable[Table]) -> None:
    """Add the columns that a newer version of this program declares to existing tables, empty.

    A load would add them too, but an enrichment that reads them may come first.
    """
    if not pipeline.default_schema_name:
        return
    schema = pipeline.default_schema
    existing = set(schema.data_table_names(seen_data_only=True))
    changed = []
    for table in tables:
        if table.name in existing:
            known = schema.get_table_columns(table.name)
            new = [column for column in table.columns if column.name not in known]
            columns: list[Any] = [{**table.dlt_columns[column.name], "nullable": True} for column in new]
            if columns:
                schema.update_table(new_table(table.name, columns=columns))
                changed.append(table.name)
    if changed:
        # Only these: of a table that was never loaded, the schema may know a single column.
        keep_schema(pipeline)
        restore_tables(pipeline, changed)


def missing_tables(pipeline: dlt.Pipeline) -> list[str]:
    """Return the tables that were written and are missing now, completely or some of their columns."""
    if not pipeline.default_schema_name:
        return []
    schema = pipeline.default_schema
    names = schema.data_table_names(seen_data_only=True)
    stored = stored_columns(pipeline, names)
    # A destination without SQL is not asked.
    return sorted(name for name in stored if _lower(schema.get_table_columns(name)) - _lower(stored[name]))


def restore_tables(pipeline: dlt.Pipeline, names: Iterable[str]) -> None:
    """Create what is missing of these tables, empty."""
    with pipeline.destination_client() as client:
        create_tables(client, list(names))


def _lower(columns: Iterable[str]) -> set[str]:
    # Some warehouses write names in upper case.
    return {column.lower() for column in columns}
