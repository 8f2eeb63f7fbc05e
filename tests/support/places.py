"""Places for a pipeline's data: a DuckDB file or a PostgreSQL database, with a working folder beside it."""

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.conftest import SOURCE, Engine
from tests.support.children import Calls, Child, Ended
from tests.support.postgres import Postgres, for_dlt

RAW, ENRICHED = "anaplan_audit_raw", "anaplan_audit"
# Columns that may differ between two runs with equal results: times of loading.
MOMENTS = {"valid_from", "valid_to", "checked_at", "loaded_at", "read_at"}
# Records of the pipeline's own runs, which show the killed ones.
ABOUT_RUNS = {"runs", "alerts", "run_leases"}
OUR_VARIABLES = ("SOURCES__", "DESTINATION__", "PIPELINES__", "CREDENTIALS", "RUNTIME__", "DLT_", "TENANT")


class Place:
    """A database and a working folder. Runs commands against them, each in its own process."""

    def __init__(self, folder: Path, url: str, engine: Engine, **settings: Any) -> None:
        self.folder, self.url, self.engine, self.settings = folder, url, engine, settings
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(OUR_VARIABLES)}
        self.point_at(url)
        self.set(SOURCE + "CREDENTIALS__EMAIL", "auditor@example.com")
        self.set(SOURCE + "CREDENTIALS__PASSWORD", "sandbox")
        self.set("DLT_DATA_DIR", folder / "dlt")
        self.set("PIPELINES__ANAPLAN_AUDIT__WAIT_FOR_READERS_SECONDS", 0)
        # One run reads every model. Otherwise the lists of models depend on how many runs there were.
        self.set(SOURCE + "MODEL_REQUESTS_PER_RUN", 5000)
        # Else a run of more than 300 requests would wait for the next minute.
        self.set(SOURCE + "REQUESTS_PER_MINUTE", 100_000)
        self.set("RUNTIME__DLTHUB_TELEMETRY", "false")
        self.set("RUNTIME__REQUEST_BACKOFF_FACTOR", "0.001")
        if engine.kind == "duckdb":
            self.set("DESTINATION__DUCKDB__CREDENTIALS", engine.address)
        else:
            self.set("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
            self.set("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(engine.address))
        for name, value in settings.items():
            self.set(SOURCE + name.upper(), value)

    def set(self, name: str, value: Any) -> None:
        self.environment[name] = str(value)

    def point_at(self, url: str) -> None:
        """Point the pipeline at a server."""
        for service in ("AUTH", "API", "AUDIT", "OAUTH"):
            self.set(SOURCE + f"{service}_URL", url)

    def start(self, *arguments: str, prepare: Calls = ()) -> Child:
        """Start a command. For `prepare`, see `tests.support.children.Child`."""
        return Child(self.folder, self.environment, list(arguments), prepare)

    def run(self, *arguments: str, prepare: Calls = ()) -> Ended:
        return self.start(*arguments, prepare=prepare).end()

    def lose_working_folder(self) -> None:
        shutil.rmtree(self.folder / "dlt")

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of all raw and enriched tables, sorted, without what may differ between equal results."""
        found = self.engine.rows(
            "select table_schema, table_name, column_name from information_schema.columns"
            f" where table_schema in ('{RAW}', '{ENRICHED}') order by ordinal_position"
        )
        columns: dict[str, list[str]] = {}
        for schema, table, column in found:
            if not table.startswith("_dlt") and table not in ABOUT_RUNS:
                columns.setdefault(f"{schema}.{table}", []).append(column)
        with self.engine.opened() as ask:
            tables = {name: _rows(ask, name, names) for name, names in sorted(columns.items())}
        tables[f"{RAW}.event_windows"] = self._coverage()
        tables[f"{ENRICHED}.check_results"] = sorted(
            set(self.engine.rows(f"select check_name, status, failing_rows from {ENRICHED}.check_results"))
        )
        return tables

    def _coverage(self) -> list[tuple[Any, ...]]:
        """Return the covered spans with status and number of events. The boundaries of windows do not matter."""
        joined: list[list[Any]] = []
        for start, end, status, distinct in self.engine.rows(
            f"select window_start, window_end, status, distinct_events from {RAW}.event_windows order by window_start"
        ):
            assert not joined or start >= joined[-1][1], "windows overlap"
            if joined and joined[-1][1:3] == [start, status]:
                joined[-1][1] = end
                joined[-1][3] += distinct
            else:
                joined.append([start, end, status, distinct])
        # Both ends follow the clock, which moves by seconds between two runs.
        return [(start.replace(second=0, microsecond=0), status, distinct) for start, _, status, distinct in joined]


def place(
    kind: str, folder: Path, url: str, postgres: Postgres | None, like: Place | None = None, **settings: Any
) -> Place:
    """Create a place with an empty database, or with a copy of another place's database."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "duckdb":
        address = str(folder / "audit_log.duckdb")
        if like is not None:
            shutil.copy(like.engine.address, address)
    else:
        assert postgres is not None
        address = postgres.new_database(like.engine.address if like is not None else None)
    return Place(folder, url, Engine(kind, address), **settings)


def _rows(ask: Callable[[str], list[tuple[Any, ...]]], table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    kept = [f'"{name}"' for name in columns if not name.startswith("_dlt") and name not in MOMENTS]
    if "_dlt_valid_to" in columns:
        kept.append("_dlt_valid_to is null")
    rows = ask(f"select {', '.join(kept)} from {table}")
    return sorted((tuple(map(_plain, row)) for row in rows), key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc)
    return repr(value) if isinstance(value, dict | list) else value
