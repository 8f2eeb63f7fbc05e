"""What a process needs in order to run the pipeline, imported once for all that are forked from here."""

# ruff: noqa: F401
import dlt.destinations.impl.duckdb.duck
import dlt.destinations.impl.postgres.postgres

import pipelines.audit
import pipelines.checks
import pipelines.configuration
import pipelines.destination
import pipelines.enrich
import pipelines.load
import pipelines.progress
