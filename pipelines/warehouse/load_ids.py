"""Keeps dlt's load ids rising if the clock of this machine was set back.

dlt restores the state with the largest load id, and load ids are moments of this machine's clock. After a step back it
would restore the older state in every run: each hour would load the same events again, and a purge would be forgotten.
"""

from contextlib import suppress

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from .dlt_internals import keep_load_ids_above


def keep_rising(*pipelines: dlt.Pipeline) -> float | None:
    """Make the load ids of this process larger than those in the datasets of the pipelines; return the largest."""
    newest = _newest([pipeline for pipeline in pipelines if pipeline.default_schema_name])
    if newest is not None:
        keep_load_ids_above(newest)
    return newest


def _newest(pipelines: list[dlt.Pipeline]) -> float | None:
    queries = []
    for pipeline in pipelines:
        schema, client = pipeline.default_schema, pipeline.sql_client()
        column = client.escape_column_name(schema.naming.normalize_identifier("load_id"))
        table = client.make_qualified_table_name(schema.loads_table_name)
        queries.append(f"SELECT MAX({column}) AS newest FROM {table}")
    if not queries:
        return None
    with pipelines[0].sql_client() as client, suppress(DatabaseUndefinedRelation, ValueError):
        rows = client.execute_sql(" UNION ALL ".join(queries)) or []
        return max((float(row[0]) for row in rows if row[0]), default=None)
    return None
