"""dlt's types on BigQuery, but text for JSON.

BigQuery loads no JSON column from parquet, and Arrow tables go through parquet. From JSON lines it would store a JSON
string instead of an object.
"""

from typing import Any

from dlt.destinations.impl.bigquery.factory import BigQueryTypeMapper


class TextForJson(BigQueryTypeMapper):
    """Columns of dlt's type `json` are STRING."""

    def ensure_supported_type(self, column: Any, table: Any, loader_file_format: Any) -> None:
        """Check a type as dlt does, but accept JSON."""
        if column["data_type"] != "json":
            super().ensure_supported_type(column, table, loader_file_format)

    def to_destination_type(self, column: Any, table: Any) -> str:
        """Return the type of a column in BigQuery."""
        return "STRING" if column["data_type"] == "json" else str(super().to_destination_type(column, table))
