"""Functions of dlt at which the tests kill or disturb a run."""

DUCK = "dlt.destinations.impl.duckdb"
SQL_JOB = "dlt.destinations.job_client_impl"
OF_ENGINE = {
    "duckdb": {
        "COPY": f"{DUCK}.duck:DuckDbCopyJob.run",
        "COMMIT": f"{DUCK}.sql_client:DuckDbSqlClient.commit_transaction",
    },
    "postgres": {
        "COPY": "pipelines.warehouse.postgres_copy:CopyJob.run",
        # A merge is one message, which commits at its end.
        "COMMIT": "pipelines.warehouse.postgres_destination:MergeJob.run",
    },
}
