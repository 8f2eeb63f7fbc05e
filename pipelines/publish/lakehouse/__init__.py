"""Publish the raw and the enriched tables as Delta tables, which Spark, Trino, Athena and Databricks read."""
