"""A destination with its two pipelines, and short methods to load, enrich and read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from pipelines.transform.checks import CheckResult, check
from pipelines.transform.parse import MODELS_DIR
from pipelines.transform.runner import EnrichReport, enrich
from pipelines.warehouse.duckdb.merge import DirectDuckDb
from tests.support.json_hints import no_json_hints
from tests.support.raw_rows import Row, load_raw

CATALOGUE: list[Row] = [
    {"event_type_id": code, "event_type_code": code.replace("-0", "-"), "category": category, "event_message": text}
    | {"object_kind": kind}
    for code, category, text, kind in (
        ("USR-04", "user_activity", "User disabled", "user"),
        ("USR-8", "user_activity", "User login success", "user"),
        ("USR-9", "user_activity", "User login failure", "user"),
        ("USR-10", "user_activity", "User logout success", "user"),
        ("USR-12", "user_activity", "User session time-out", "user"),
        ("USR-13", "user_activity", "User access to model, success", "model"),
        ("USR-19", "user_activity", "User accessed dashboard", "model"),
        ("USR-20", "user_activity", "User executed action", "model"),
        ("USR-21", "user_activity", "User added to workspace", "user"),
        ("USR-23", "user_activity", "User assigned to a model role", "user"),
        ("USR-25", "user_activity", "User assigned or unassigned the Workspace Administrator role", "user"),
        ("USR-29", "user_activity", "User deleted", "user"),
        ("USR-36", "user_activity", "Data export from action", "model"),
        ("USR-41", "user_activity", "A process action has been executed", "process"),
        ("USR-43", "user_activity", "UX board page opened", "app_page"),
        ("USR-48", "user_activity", "UX app opened", "app"),
        ("AUTHZ-3", "access_control", "Role assigned", "user"),
        ("COMMENT-01", "comment", "Comment added", None),
        ("DSM-405", "encryption", "Assigned roles to a user in the domain", "user"),
        ("INT-06", "integration", "Data Integration execution", "integration"),
    )
]


class Warehouse:
    """One destination. Each step opens `enriched` again, as each run of the command line does."""

    def __init__(self, destination: Any) -> None:
        self._destination = destination
        self.results: list[CheckResult] = []
        self.first: Any = None
        self._held: Any = None
        self.raw = self._open("anaplan_audit", "anaplan_audit_raw")

    @property
    def enriched(self) -> dlt.Pipeline:
        """Open the enriching pipeline without local state: it restores its state from the destination."""
        return self._open("anaplan_audit_enrich", "anaplan_audit")

    def _open(self, name: str, dataset: str) -> dlt.Pipeline:
        pipeline = dlt.pipeline(name, destination=self._destination, dataset_name=dataset).drop()
        pipeline.sync_destination()
        return pipeline

    def load(self, loaded_at: str = "2026-03-10 00:00", **rows: list[Row]) -> None:
        if not self.raw.default_schema_name:
            rows.setdefault("event_types", CATALOGUE)
        load_raw(self.raw, loaded_at, **rows)

    def enrich(self, models_dir: Path = MODELS_DIR, **options: Any) -> EnrichReport:
        return enrich(self.enriched, self.raw, models_dir=models_dir, **options)

    def check(self, models_dir: Path = MODELS_DIR) -> list[CheckResult]:
        return check(self.enriched, self.raw, models_dir)

    def rows(self, table: str, *columns: str, where: str = "1 = 1") -> list[tuple[Any, ...]]:
        """Return the rows of an enriched table, sorted by all columns; times in UTC."""
        names = columns or self.columns(table)
        with self._client() as client:
            found = client.execute_sql(f"select {', '.join(names)} from anaplan_audit.{table} where {where}")
        return sorted((tuple(map(_plain, row)) for row in found or []), key=lambda row: tuple(map(str, row)))

    def row(self, table: str, *columns: str, where: str = "1 = 1") -> tuple[Any, ...]:
        """Return the only row."""
        (only,) = self.rows(table, *columns, where=where)
        return only

    def columns(self, table: str) -> list[str]:
        """Return the columns in the destination, except dlt's own."""
        return self._columns()[table]

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every enriched table with all its rows."""
        with self._client() as self._held:
            try:
                return {name: self.rows(name, *columns) for name, columns in self._columns().items()}
            finally:
                self._held = None

    def _columns(self) -> dict[str, list[str]]:
        """Return the columns of all tables in one query: one for each table takes a second."""
        with self._client() as client:
            found = client.execute_sql(
                "select table_name, column_name from information_schema.columns"
                " where table_schema = 'anaplan_audit' order by table_name, ordinal_position"
            )
        columns: dict[str, list[str]] = {}
        for table, name in found or []:
            if not table.startswith("_dlt") and not name.startswith("_dlt"):
                columns.setdefault(table, []).append(name)
        return columns

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """Open a client, or use the one that `tables` holds: opening reads all settings again."""
        if self._held is not None:
            yield self._held
            return
        with self.raw.sql_client() as client:
            yield client


def _plain(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


@contextmanager
def open_shared_warehouse(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Warehouse]:
    """Open a warehouse for several tests, with dlt's data in `folder`: the folder of a test ends with it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        with open_warehouse(kind, request, folder) as warehouse:
            yield warehouse


@contextmanager
def open_warehouse(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Warehouse]:
    """Open two pipelines on one destination, as the command line does: a DuckDB file in `folder`, or a new
    database of the `postgres` fixture.
    """
    connection: Any = None
    if kind == "duckdb":
        connection = duckdb.connect(str(folder / "audit_log.duckdb"))
        connection.execute("set TimeZone = 'UTC'")
        destination: Any = DirectDuckDb(connection, replace_strategy="insert-from-staging")
    else:
        address = request.getfixturevalue("postgres").new_database()
        destination = dlt.destinations.postgres(
            address.replace("postgres:@/", "postgres:none@localhost/"), replace_strategy="insert-from-staging"
        )
    with no_json_hints():
        yield Warehouse(destination)
    if connection:
        connection.close()
