"""Keeps dlt's load ids rising where the machine's clock was set back.

dlt restores the state with the largest load id, and load ids are moments of this machine's clock. After a step back it
would restore the state of before for ever: events would be loaded again each hour, and a purge would be forgotten.

Seen in dlt 1.31: `increasing_precise_time` keeps the last moment it gave in `_last`.
"""

from contextlib import suppress

import dlt
from dlt.common.time import increasing_precise_time
from dlt.destinations.exceptions import DatabaseUndefinedRelation


def keep_rising(pipeline: dlt.Pipeline) -> None:
    """Let the load ids of this process be larger than those in the dataset of the pipeline."""
    newest = _newest(pipeline)
    if newest is not None:
        with increasing_precise_time._lock:
            increasing_precise_time._last = max(increasing_precise_time._last, newest)


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
