"""Imports that the pipeline needs, done once for all processes forked from here."""

# ruff: noqa: E402, F401
import gc

from pipelines.common.start_up import leave_out_what_is_for_others

# The first step of `python -m pipelines.audit`.
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
import pipelines.cli.progress
import pipelines.common.configuration
import pipelines.monitoring.status
import pipelines.publish.target
import pipelines.run.lifecycle
import pipelines.run.load
import pipelines.transform.checks
import pipelines.transform.runner
import pipelines.warehouse.duckdb.merge
import pipelines.warehouse.pipelines
import pipelines.warehouse.postgres_destination
from tests.support.dlt_shortcuts import take_shortcuts

take_shortcuts()
# A child would copy each page of memory whose objects its collector walks through.
gc.freeze()
