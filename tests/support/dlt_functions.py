"""Functions of dlt at which the tests kill or disturb a run."""

DUCK, PG = "dlt.destinations.impl.duckdb", "dlt.destinations.impl.postgres"
SQL_JOB = "dlt.destinations.job_client_impl"
OF_ENGINE = {
    "duckdb": {
        "COPY": f"{DUCK}.duck:DuckDbCopyJob.run",
        "COMMIT": f"{DUCK}.sql_client:DuckDbSqlClient.commit_transaction",
    },
    "postgres": {
        "COPY": "pipelines.warehouse.postgres_copy:CopyJob.run",
        "COMMIT": f"{PG}.sql_client:Psycopg2SqlClient.commit_transaction",
    },
}
