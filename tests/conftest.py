"""Shared fixtures: every test gets its own folder, only its own settings, and no delays between retries."""

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

# Set before dlt is imported: no telemetry.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

from pipelines.cli import progress  # noqa: E402
from pipelines.warehouse import engine as engines  # noqa: E402
from tests.support.dlt_shortcuts import take_shortcuts  # noqa: E402
from tests.support.plain_server import PlainServer  # noqa: E402
from tests.support.postgres import Postgres, for_dlt, postgres_server  # noqa: E402
from tests.support.prepared import PreparedFolders  # noqa: E402

take_shortcuts()
# The imported modules are some hundred thousand objects, which a full collection walks through each time.
gc.freeze()
gc.set_threshold(50_000, 20, 50)

SOURCE = "SOURCES__AUDIT_SOURCE__"
# Files of 15 to 80 seconds of processor time.
LONGEST = {
    "test_alerts.py",
    "test_clock.py",
    "test_dashboard_copies.py",
    "test_details.py",
    "test_event_search.py",
    "test_event_types.py",
    "test_facts.py",
    "test_hourly.py",
    "test_incremental.py",
    "test_killed.py",
    "test_live_tenant.py",
    "test_load.py",
    "test_load_faults.py",
    "test_model_history.py",
    "test_odd_events.py",
    "test_pages.py",
    "test_privacy.py",
    "test_publish.py",
    "test_purge.py",
    "test_purge_users.py",
    "test_run_obstacles.py",
    "test_sign_in.py",
    "test_sql_fixes.py",
    "test_two_processes.py",
    "test_upkeep.py",
    "test_wheel.py",
    "test_wrong_tenant.py",
}
# The names under which fixtures and tests say on which engine they run.
ENGINE_PARAMETERS = ("engine", "warehouse", "world", "activity", "facts", "history", "kind")


class Outcome(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "DESTINATION__", "PIPELINES__", "CREDENTIALS", "ALERTS__", "METRICS__")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "audit_log.duckdb"))
    # Tests count retries and do not wait for them.
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "0.001")
    # Else a run of more than 300 requests would wait for the next minute.
    monkeypatch.setenv(SOURCE + "REQUESTS_PER_MINUTE", "100000")
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "5")
    # Load ids never fall in a process, so those of a test with a clock ahead would be newer than all later ones.
    monkeypatch.setattr("dlt.common.time.increasing_precise_time._last", 0.0)
    # `--debug` sets the level for the process, which the next test shares.
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "WARNING")
    logging.getLogger("dlt").setLevel(logging.WARNING)
    # Progress lines of a slow machine must not appear in standard error.
    monkeypatch.setattr(progress, "LOG_PERIOD", 3600.0)
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__WAIT_FOR_READERS_SECONDS", "0")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _no_comments(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no comments of tables and columns, half a second of a first run, unless a test is marked `comments`."""
    if request.node.get_closest_marker("comments") is None:
        monkeypatch.setattr(engines.Engine, "write_comments", lambda *_: None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, or one of them would run alone at the end; mark the variants of `usual_engine`."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        usual = item.get_closest_marker("usual_engine")
        chosen = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if usual and any(chosen.get(name, usual.args[0]) != usual.args[0] for name in ENGINE_PARAMETERS):
            item.add_marker("variant")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "audit_log.duckdb"


class Tenant:
    """Points the pipeline at a server and runs commands in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def at(self, url: str, email: str = "auditor@example.com", password: str = "secret") -> "Tenant":
        for service in ("AUTH", "API", "AUDIT", "OAUTH"):
            self.set(f"{service}_URL", url)
        self.set("CREDENTIALS__EMAIL", email)
        self.set("CREDENTIALS__PASSWORD", password)
        return self

    def set(self, name: str, value: Any) -> None:
        self._monkeypatch.setenv(SOURCE + name, str(value))

    def unset(self, name: str) -> None:
        self._monkeypatch.delenv(SOURCE + name)

    def run(self, *arguments: str) -> Outcome:
        from click.testing import CliRunner

        from pipelines.audit import cli

        result = CliRunner().invoke(cli, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    return Tenant(monkeypatch)


@pytest.fixture
def no_details(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let loads leave out the lists inside models and CloudWorks: most requests of a first load from the sandbox."""
    monkeypatch.setenv(SOURCE + "MODEL_REQUESTS_PER_RUN", "0")
    monkeypatch.setenv(SOURCE + "CLOUDWORKS", "false")


@pytest.fixture(scope="session")
def prepared_folders(tmp_path_factory: pytest.TempPathFactory) -> PreparedFolders:
    return PreparedFolders(tmp_path_factory)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Engine":
    """Run a test on each engine: a DuckDB file and a real PostgreSQL."""
    if request.param == "duckdb":
        return Engine("duckdb", str(tmp_path / "audit_log.duckdb"))
    address = request.getfixturevalue("postgres").new_database()
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(address))
    return Engine("postgres", address)


class Engine:
    """Reads tables with the database's own driver, not with the code under test."""

    def __init__(self, kind: str, address: str) -> None:
        self.kind, self.address = kind, address

    def rows(self, sql: str) -> list[tuple]:
        with self.opened() as ask:
            return ask(sql)

    @contextmanager
    def opened(self) -> Iterator[Callable[[str], list[tuple]]]:
        """Ask many questions over one connection: opening a file takes as long as a dozen of them."""
        if self.kind == "duckdb":
            import duckdb

            with duckdb.connect(self.address, read_only=True) as connection:
                connection.execute("set TimeZone = 'UTC'")
                yield lambda sql: connection.execute(sql).fetchall()
            return
        import psycopg2

        with psycopg2.connect(self.address) as connection, connection.cursor() as cursor:
            cursor.execute("set time zone 'UTC'")

            def ask(sql: str) -> list[tuple]:
                cursor.execute(sql)
                return cursor.fetchall()

            yield ask


@pytest.fixture
def duck(database: Path) -> Engine:
    return Engine("duckdb", str(database))


def event(number: int, moment: int, **fields: Any) -> dict[str, Any]:
    """Return an event at `moment` (ms) as the API sends it."""
    return {
        "id": 2**60 + number,
        "eventTypeId": "USR-8",
        "userId": "8a80d86a5565443f01557f053e6719ba",
        "tenantId": "8a80d86a5565443f01557f053e671900",
        "message": "User login success",
        "success": True,
        "eventDate": moment,
        "createdDate": moment + 1000,
        "eventTimeZone": "UTC",
        "createdTimeZone": "UTC",
        "checksum": str(number),
        **fields,
    }


def plain_server(events: list[dict], lists: dict[str, list[dict]] | None = None, **shape: Any) -> PlainServer:
    return PlainServer(events, lists, **shape)
