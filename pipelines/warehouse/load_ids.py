"""Keeps dlt's load ids rising if the clock of this machine was set back.

dlt restores the state with the largest load id, and load ids are moments of this machine's clock. After a step back it
would restore the older state in every run: each hour would load the same events again, and a purge would be forgotten.
"""

from contextlib import suppress

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from .dlt_internals import keep_load_ids_above


def keep_rising(pipeline: dlt.Pipeline) -> None:
    """Make the load ids of this process larger than those in the dataset of the pipeline."""
    newest = _newest(pipeline)
    if newest is not None:
        keep_load_ids_above(newest)


def _newest(pipeline: dlt.Pipeline) -> float | None:
    if not pipeline.default_schema_name:
        return None
    schema = pipeline.default_schema
    with pipeline.sql_client() as client, suppress(DatabaseUndefinedRelation, ValueError):
        table = client.make_qualified_table_name(schema.loads_table_name)
        column = client.escape_column_name(schema.naming.normalize_identifier("load_id"))
        rows = client.execute_sql(f"SELECT MAX({column}) FROM {table}")
        return float(rows[0][0]) if rows and rows[0][0] else None
    return None
