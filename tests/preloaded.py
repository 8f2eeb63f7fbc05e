"""What a process needs in order to run the pipeline, imported once for all that are forked from here."""

# ruff: noqa: E402, F401
from pipelines.start_up import leave_out_what_is_for_others

# As `python -m pipelines.audit` begins.
leave_out_what_is_for_others()

import adbc_driver_manager.dbapi
import adbc_driver_postgresql
import dlt.common.libs.pyarrow
import dlt.destinations.impl.duckdb.duck
import dlt.destinations.impl.postgres.postgres
import psycopg2
import pyarrow.parquet
import sqlglot.dialects.duckdb
import sqlglot.dialects.postgres

import pipelines.audit
import pipelines.checks
import pipelines.configuration
import pipelines.destination
import pipelines.duckdb_merge
import pipelines.enrich
import pipelines.load
import pipelines.progress
import pipelines.publish
import pipelines.status
import pipelines.watch
