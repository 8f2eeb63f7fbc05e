"""What a copy tells of its tables: descriptions in Parquet files, and the primary keys of dimensions."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.transform.parse import MODELS_DIR
from pipelines.transform.table_docs import TableDocs, read_docs

DIMENSION = "dim_"
# Key of the metadata of a Parquet file and of its Arrow fields, and of the texts of all columns as JSON, which also
# programs without Arrow can read.
DESCRIPTION, COLUMNS = "description", "column_descriptions"


def with_descriptions(schema: pa.Schema, table: str, texts: Mapping[tuple[str, str], str]) -> pa.Schema:
    """Return the schema with the descriptions of a table and its columns as metadata.

    Args:
        texts (Mapping[Tuple[str, str], str]): Descriptions by table and column; the column is empty for the table.
    """
    found = {field.name: texts[table, field.name] for field in schema if (table, field.name) in texts}
    fields = [
        field.with_metadata({DESCRIPTION: found[field.name]}) if field.name in found else field for field in schema
    ]
    whole = {DESCRIPTION: texts.get((table, ""), ""), COLUMNS: json.dumps(found, ensure_ascii=False)}
    return pa.schema(fields, metadata=whole)


def primary_keys(models_dir: Path = MODELS_DIR) -> dict[str, tuple[str, ...]]:
    """Return the columns of the primary key of each dimension: the key that facts carry, if it has one."""
    docs = read_docs(models_dir / "marts")
    return {name: _primary_key(one) for name, one in docs.items() if name.startswith(DIMENSION) and not one.nullable}


def _primary_key(docs: TableDocs) -> tuple[str, ...]:
    single = [column for column in docs.unique if column in docs.not_null]
    return (single[0],) if single else docs.key
