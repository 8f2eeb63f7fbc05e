"""Turn a database into one of an earlier version: other columns, and the schema that dlt stores of them."""

import json
from typing import Any

from tests.conftest import Engine
from tests.support.obstacles import execute

VERSIONS = "anaplan_audit_raw._dlt_version"


def newest_schema(engine: Engine) -> Any:
    """Return the schema of the raw tables that dlt has stored last."""
    query = f"select schema from {VERSIONS} where schema_name = 'audit' order by inserted_at desc limit 1"
    [(text,)] = engine.rows(query)
    return json.loads(text)


def make_older(engine: Engine, schema: Any, *statements: str) -> None:
    """Change the tables by statements, and store a schema in the place of each that dlt has stored."""
    text = json.dumps(schema).replace("'", "''")
    execute(engine, *statements, f"update {VERSIONS} set schema = '{text}' where schema_name = 'audit'")
