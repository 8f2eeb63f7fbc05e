"""Destinations that the pipeline supports, by dlt's names. It imports nothing, so that `--help` stays quick."""

from typing import Final

DEFAULT_KIND: Final = "duckdb"
KINDS: Final = (
    DEFAULT_KIND,
    "postgres",
    "snowflake",
    "bigquery",
    "databricks",
    "redshift",
    "clickhouse",
    "motherduck",
    "ducklake",
)
