"""The tables that the pipeline keeps about itself, `runs`, `alerts` and `purges`, in the raw dataset.

dlt declares and alters them; rows are written by single statements, since a dlt load of one row takes half a second
and a run that finds nothing only two.
"""

from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationException
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from .table_comments import comment_tables

RUNS, ALERTS, PURGES = "runs", "alerts", "purges"
# No name of a pipeline's schema: of this one nothing is remembered but its tables.
SCHEMA_NAME = "audit_own"
ROWS_A_STATEMENT = 200

DESCRIPTIONS = {
    RUNS: "One row per run of a command that writes; failed and killed runs too",
    ALERTS: "One row per alert that was sent, per problem that ended, and per acknowledgement",
    PURGES: "One row per purge of old days",
}

Columns = dict[str, tuple[str, str]]

COLUMNS: dict[str, Columns] = {
    RUNS: {
        "run_id": ("text", "Random id of the run"),
        "command": ("text", "`run`, `load`, `enrich` or `check`"),
        "started_at": ("timestamp", "When it began (UTC)"),
        "ended_at": ("timestamp", "When it ended (UTC); empty while it runs, and for ever where it was killed"),
        "exit_code": ("bigint", "What it ended with; empty as `ended_at` is"),
        "error": ("text", "What went wrong, in one line without secrets; empty where nothing did"),
        "new_events": ("bigint", "Events that were not there before"),
        "late_events": ("bigint", "Those of them that Anaplan stored after their day had been loaded"),
        "windows": ("bigint", "Windows that were fetched"),
        "incomplete_windows": ("bigint", "Windows that stayed incomplete"),
        "expired_windows": ("bigint", "Windows that were found lost: past Anaplan's retention"),
        "users_changed": ("bigint", "Users that are new, changed or gone"),
        "workspaces_changed": ("bigint", "Workspaces that are new, changed or gone"),
        "models_changed": ("bigint", "Models that are new, changed or gone"),
        "failed_checks": ("bigint", "Data checks that failed; empty where none were run"),
        "load_seconds": ("double", "Seconds of the load"),
        "enrich_seconds": ("double", "Seconds of the enrichment"),
        "check_seconds": ("double", "Seconds of the checks"),
        "seconds": ("double", "Seconds in all"),
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
        "happened_at": ("timestamp", "When that was (UTC)"),
        "exit_code": ("bigint", "What the command ended with; empty for all but runs"),
        "account": ("text", "Who acknowledged, as the machine knows them"),
        "note": ("text", "Why, in their words"),
    },
    PURGES: {
        "purge_id": ("text", "Random id of the purge"),
        "before_day": ("date", "First UTC day that was kept"),
        "started_at": ("timestamp", "When it began (UTC)"),
        "ended_at": ("timestamp", "When it was through (UTC); empty where it was killed"),
        "events": ("bigint", "Raw events of the days before, as counted at the beginning"),
        "rows_in_all": ("bigint", "Rows of those days in all raw and enriched tables"),
        "account": ("text", "Who did it, as the machine knows them"),
    },
}

# The column that tells when a row came to be.
MOMENTS = {RUNS: "started_at", ALERTS: "happened_at", PURGES: "started_at"}


class OwnTables:
    """Reads and writes the pipeline's own tables beside the raw tables of a destination."""

    def __init__(self, raw: dlt.Pipeline) -> None:
        self._dataset = dlt.dataset(raw.destination, raw.dataset_name, schema=own_schema())

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Appends rows, which all name the same columns; the others stay empty."""
        parts = [rows[start : start + ROWS_A_STATEMENT] for start in range(0, len(rows), ROWS_A_STATEMENT)]
        self._write(lambda client: [_insert(client, table, part) for part in parts])

    def update(self, table: str, key: str, row: dict[str, Any]) -> None:
        """Sets the columns of the row whose `key` is that of `row`."""
        self._write(lambda client: [_update(client, table, key, row)])

    def select(self, table: str) -> list[dict[str, Any]]:
        """Returns the rows of a table, oldest first; none where there is no such table yet."""
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
                todo = statements(client)
                while todo:
                    client.execute_sql(todo[0][0], *todo[0][1])
                    todo.pop(0)
                return
            except DestinationException:
                # The table, or a column of a newer version of this program, is not there yet.
                pass
        self._make_tables()
        with self._dataset.sql_client as client:
            for statement, values in todo:
                client.execute_sql(statement, *values)

    def _make_tables(self) -> None:
        job_client = self._dataset.destination_client
        with job_client:
            if not job_client.is_storage_initialized():
                job_client.initialize_storage()
            job_client.update_stored_schema()
        with self._dataset.sql_client as client:
            # The newest schema of the raw dataset has to be that of the events: it is what others open it by.
            versions = client.make_qualified_table_name("_dlt_version")
            client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", SCHEMA_NAME)
            comment_tables(client, job_client.config.destination_type, self._dataset.schema)


def own_schema() -> dlt.Schema:
    """Returns the schema of the pipeline's own tables."""
    schema = dlt.Schema(SCHEMA_NAME)
    for table, columns in COLUMNS.items():
        hints: list[TColumnSchema] = [
            {"name": name, "data_type": kind, "nullable": True, "description": meaning}  # type: ignore[typeddict-item]
            for name, (kind, meaning) in columns.items()
        ]
        made = new_table(table, columns=hints)
        made["description"] = DESCRIPTIONS[table]
        schema.update_table(made)
    # Taken in anew, which gives it the version by which dlt recognises it.
    return dlt.Schema.from_dict(schema.to_dict())  # type: ignore[arg-type]


def _insert(client: SqlClientBase[Any], table: str, rows: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    columns = ", ".join(map(client.escape_column_name, rows[0]))
    places = ", ".join(["(" + ", ".join(["%s"] * len(rows[0])) + ")"] * len(rows))
    values = [value for row in rows for value in row.values()]
    return f"INSERT INTO {client.make_qualified_table_name(table)} ({columns}) VALUES {places}", values


def _update(client: SqlClientBase[Any], table: str, key: str, row: dict[str, Any]) -> tuple[str, list[Any]]:
    rest = [name for name in row if name != key]
    changes = ", ".join(f"{client.escape_column_name(name)} = %s" for name in rest)
    statement = f"UPDATE {client.make_qualified_table_name(table)} SET {changes}"
    return f"{statement} WHERE {client.escape_column_name(key)} = %s", [*(row[name] for name in rest), row[key]]
