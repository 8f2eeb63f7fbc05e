"""The tables in which the pipeline records its own work, `runs`, `alerts` and `purges`, in the raw dataset.

dlt creates and alters them. Rows are written by single statements: a dlt load of one row takes half a second, while a
run that finds nothing takes two.
"""

from typing import Any, NamedTuple

import dlt
from dlt.common.destination.exceptions import DestinationException
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from .dlt_internals import create_tables
from .engine import engine_of
from .row_statements import insert_statements, update_statement
from .table_comments import comment_tables

RUNS, ALERTS, PURGES = "runs", "alerts", "purges"
# Differs from the names of the pipelines' schemas: dlt must remember nothing of this schema but its tables.
SCHEMA_NAME = "audit_own"

DESCRIPTIONS = {
    RUNS: "One row per run of a command that writes; failed and killed runs too",
    ALERTS: "One row per alert that was sent, per problem that ended, and per acknowledgement",
    PURGES: "One row per purge of old days",
}


class RunColumn(NamedTuple):
    """A column: dlt's type, and what it means."""

    data_type: str
    description: str


_DECLARED: dict[str, dict[str, tuple[str, str]]] = {
    RUNS: {
        "run_id": ("text", "Random id of the run"),
        "command": ("text", "`run`, `load`, `model-history`, `enrich`, `check`, `forward` or `purge`"),
        "started_at": ("timestamp", "When it began (UTC)"),
        "ended_at": ("timestamp", "When it ended (UTC); empty while it runs, and permanently if it was killed"),
        "exit_code": ("bigint", "Exit code of the command; empty while `ended_at` is"),
        "error": ("text", "What failed, in one line without secrets; empty if nothing did"),
        "new_events": ("bigint", "Events that were loaded for the first time"),
        "late_events": ("bigint", "Those of them that Anaplan stored after their day had been loaded"),
        "windows": ("bigint", "Windows that were fetched"),
        "incomplete_windows": ("bigint", "Windows that stayed incomplete"),
        "expired_windows": ("bigint", "Windows that are lost: past Anaplan's retention"),
        "users_changed": ("bigint", "Users that are new, changed or gone"),
        "workspaces_changed": ("bigint", "Workspaces that are new, changed or gone"),
        "models_changed": ("bigint", "Models that are new, changed or gone"),
        "not_read": (
            "text",
            "Optional data that the account could not read, one line each, with the missing role; empty if nothing was",
        ),
        "history_rows": (
            "bigint",
            "Rows of model history that were loaded for the first time; empty if it was not loaded, or its load failed",
        ),
        "forwarded_events": ("bigint", "Events that targets accepted, counted for each; empty if none were forwarded"),
        "failed_checks": ("bigint", "Data checks that failed; empty if none were run"),
        "load_seconds": ("double", "Seconds of the load"),
        "history_seconds": ("double", "Seconds of the load of model history; empty if it was not loaded"),
        "enrich_seconds": ("double", "Seconds of the enrichment"),
        "check_seconds": ("double", "Seconds of the checks"),
        "seconds": ("double", "Seconds of the whole run"),
        "host": ("text", "Machine it ran on"),
        "versions": ("text", "Versions of this project, Python and dlt"),
    },
    ALERTS: {
        "kind": ("text", "`run`, `gap`, `finding`, `certificate`, or `alerting` for the alerts themselves"),
        "subject": (
            "text",
            "Command that failed; type and start of the lost window; id of the finding; end of the certificate",
        ),
        "what": ("text", "`alerted`, `resolved`, `acknowledged`; of `alerting` `confirmed`, `unsure` or `failed`"),
        "happened_at": ("timestamp", "When it happened (UTC)"),
        "exit_code": ("bigint", "Exit code of the command; empty for all but runs"),
        "account": ("text", "Who acknowledged: the account on the machine"),
        "note": ("text", "Reason, in their words"),
    },
    PURGES: {
        "purge_id": ("text", "Random id of the purge"),
        "before_day": ("date", "First UTC day that was kept"),
        "started_at": ("timestamp", "When it began (UTC)"),
        "ended_at": ("timestamp", "When it finished (UTC); empty if it was killed"),
        "events": ("bigint", "Raw events of the days before, counted at the beginning"),
        "rows_in_all": ("bigint", "Rows of those days in all raw and enriched tables"),
        "account": ("text", "Who purged: the account on the machine"),
    },
}

COLUMNS: dict[str, dict[str, RunColumn]] = {
    table: {name: RunColumn(*column) for name, column in columns.items()} for table, columns in _DECLARED.items()
}

# The column with the time at which a row was written.
MOMENTS = {RUNS: "started_at", ALERTS: "happened_at", PURGES: "started_at"}


class OwnTables:
    """Reads and writes these tables beside the raw tables of a destination."""

    def __init__(self, raw: dlt.Pipeline) -> None:
        self._dataset = dlt.dataset(raw.destination, raw.dataset_name, schema=own_schema())

    @property
    def dataset(self) -> dlt.Dataset:
        """The dataset with these tables, for a query that reads one of them beside raw tables."""
        return self._dataset

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Append rows, which all have the same columns. Other columns stay empty."""
        self._write(lambda client: insert_statements(client, table, rows))

    def update(self, table: str, key: str, row: dict[str, Any]) -> None:
        """Set the columns of the row whose `key` equals that of `row`."""
        engine = engine_of(self._dataset)
        self._write(lambda client: [update_statement(client, engine, table, key, row)])

    def select(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table, oldest first; none if the table does not exist yet."""
        with self._dataset.sql_client as client:
            query = f"SELECT * FROM {client.make_qualified_table_name(table)}"
            try:
                with client.execute_query(query) as cursor:
                    names = [column[0].lower() for column in cursor.description]
                    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            except DatabaseUndefinedRelation:
                return []
        return sorted(rows, key=lambda row: row[MOMENTS[table]])

    def _write(self, statements: Any) -> None:
        with self._dataset.sql_client as client:
            try:
                pending = statements(client)
                while pending:
                    client.execute_sql(pending[0].sql, *pending[0].values)
                    pending.pop(0)
                return
            except DestinationException:
                # The table, or a column of a newer version of this program, does not exist yet.
                pass
        self._create_tables()
        with self._dataset.sql_client as client:
            for statement in pending:
                client.execute_sql(statement.sql, *statement.values)

    def _create_tables(self) -> None:
        with self._dataset.destination_client as job_client:
            create_tables(job_client)
        with self._dataset.sql_client as client:
            # The newest schema of the raw dataset must be that of the events: other programs open the dataset with it.
            versions = client.make_qualified_table_name("_dlt_version")
            client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)
            comment_tables(client, engine_of(self._dataset), self._dataset.schema)


def own_schema() -> dlt.Schema:
    """Return the schema of these tables."""
    schema = dlt.Schema(SCHEMA_NAME)
    for table, columns in COLUMNS.items():
        hints: list[TColumnSchema] = [
            {"name": name, "data_type": one.data_type, "nullable": True, "description": one.description}  # type: ignore[typeddict-item]
            for name, one in columns.items()
        ]
        new = new_table(table, columns=hints)
        new["description"] = DESCRIPTIONS[table]
        schema.update_table(new)
    # Importing it gives it the version hash by which dlt recognises it.
    return dlt.Schema.from_dict(schema.to_dict())  # type: ignore[arg-type]
