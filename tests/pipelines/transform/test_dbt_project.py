"""The dbt project holds the same models: its inputs resolve, and it builds the rows that the runner builds."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from click.testing import CliRunner

from pipelines.transform.__main__ import write_dbt_project
from pipelines.transform.dbt_project import RAW_SCHEMA, TARGET_SCHEMA, write_project
from pipelines.transform.parse import MODELS_DIR, read_models
from pipelines.transform.seeds import Seed
from tests.pipelines.conftest import open_warehouse
from tests.support import scenario
from tests.support.translation import RAW_TABLES

INPUT = re.compile(r"\{\{ (ref|source)\(('\w+', )?'(\w+)'\) \}\}")
TABLES = read_models(MODELS_DIR).tables
DBT = os.environ.get("DBT_BIN", "") or shutil.which("dbt") or ""
NO_DBT = "there is no dbt: `make test-dbt` runs this test with a dbt in an environment of its own"


def sql_files(project: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(project.rglob("*.sql")):
        yield file.stem, file.read_text(encoding="utf-8")


# The runner stores the days before the last 100 here and reads the others: its rows depend on the day of the run.
STORED_TO_A_DAY = {"model_user_totals", "user_totals"}


def rendered(text: str) -> str:
    return INPUT.sub(lambda found: f"{RAW_SCHEMA if found[1] == 'source' else TARGET_SCHEMA}.{found[3]}", text)


def assert_equal_tables(rows_of: Callable[[str], list[Any]]) -> None:
    """Every table of the runner and of dbt holds the same rows; `rows_of` returns those of a query."""
    filled = set()
    for name, table in TABLES.items():
        if name in STORED_TO_A_DAY:
            continue
        columns = ", ".join(table.columns)
        one, other = (
            sorted(rows_of(f"select {columns} from {schema}.{name}"), key=repr)
            for schema in ("anaplan_audit", TARGET_SCHEMA)
        )
        assert one == other, name
        filled |= {name} if one else set()
    assert filled >= {"fct_events", "dim_users", "dim_models", "agg_daily_users", "user_activity", "clients"}


def assert_equal_in(database: Path) -> None:
    """The same for a DuckDB file."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        assert_equal_tables(lambda query: connection.execute(query).fetchall())


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_inputs_resolve_and_every_file_parses(tmp_path: Path, dialect: str) -> None:
    write_project(tmp_path, dialect)
    files = dict(sql_files(tmp_path))
    known = files.keys() | {name for name, table in TABLES.items() if isinstance(table, Seed)}
    for name, text in files.items():
        inputs = INPUT.findall(text)
        assert inputs or "meanings" in name, name
        assert {table for kind, _, table in inputs if kind == "ref"} <= known, name
        assert {table for kind, _, table in inputs if kind == "source"} <= RAW_TABLES.keys(), name
        assert len(INPUT.sub("", text).split("{{")) == 1, name
        assert sqlglot.parse_one(rendered(text), dialect=dialect), name


def test_each_entry_has_its_file(tmp_path: Path) -> None:
    write_project(tmp_path)
    files = {file.stem for file in tmp_path.rglob("*") if file.suffix in (".sql", ".csv")}
    for file in tmp_path.rglob("*.yml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for entry in [*content.get("models", []), *content.get("seeds", [])] if "version" in content else []:
            if isinstance(entry, dict):
                assert entry["name"] in files
    sources = yaml.safe_load((tmp_path / "models" / "staging" / "sources.yml").read_text(encoding="utf-8"))
    assert {table["name"] for table in sources["sources"][0]["tables"]} == RAW_TABLES.keys()


def test_text_columns_of_seeds_have_their_type(tmp_path: Path) -> None:
    """dbt takes the columns of a file without rows for numbers, which PostgreSQL does not compare with text."""
    write_project(tmp_path)
    types = yaml.safe_load((tmp_path / "dbt_project.yml").read_text(encoding="utf-8"))["seeds"]["anaplan_audit"]
    columns = ("ip_address", "cidr", "network_name", "country")
    assert types["dim_addresses"] == {"+column_types": dict.fromkeys(columns, "varchar")}
    assert "minutes" not in types["finding_rules"]["+column_types"]


def test_files_run_in_order_give_the_rows_of_the_runner(tmp_path: Path, enriched_scenario: Path) -> None:
    database = Path(shutil.copy(enriched_scenario, tmp_path))
    write_project(tmp_path / "dbt")
    waiting = dict(sql_files(tmp_path / "dbt" / "models"))
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create schema {TARGET_SCHEMA}")
        done = {name for name, table in TABLES.items() if isinstance(table, Seed)}
        for name in done:
            _create_seed(connection, tmp_path / "dbt" / "seeds" / f"{name}.csv", TABLES[name])
        while waiting:
            ready = {
                name: text
                for name, text in waiting.items()
                if {table for kind, _, table in INPUT.findall(text) if kind == "ref"} <= done
            }
            assert ready, f"inputs of {sorted(waiting)} are missing"
            for name in ready:
                kind = "table" if name in TABLES else "view"
                connection.execute(f"create {kind} {TARGET_SCHEMA}.{name} as {rendered(waiting.pop(name))}")
                done.add(name)
        for name, text in sql_files(tmp_path / "dbt" / "tests"):
            if name != "no_loaded_event_is_missing" and not name.startswith("no_covered"):
                assert connection.execute(rendered(text)).fetchall() == [], name
    assert_equal_in(database)


def _create_seed(connection: duckdb.DuckDBPyConnection, file: Path, seed: Any) -> None:
    columns = ", ".join(f"cast({name} as {'bigint' if kind == 'bigint' else 'varchar'}) as {name}"
                        for name, kind in seed.columns.items())  # fmt: skip
    rows = f"read_csv('{file}', all_varchar = true, header = true)"
    connection.execute(f"create table {TARGET_SCHEMA}.{file.stem} as select {columns} from {rows}")


@pytest.mark.skipif(not DBT, reason=NO_DBT)
def test_dbt_builds_equal_tables_on_duckdb(tmp_path: Path, enriched_scenario: Path) -> None:
    database = Path(shutil.copy(enriched_scenario, tmp_path))
    write_project(tmp_path / "dbt")
    run_dbt(tmp_path / "dbt", DBT_DUCKDB_PATH=str(database))
    assert_equal_in(database)


@pytest.mark.skipif(not DBT, reason=NO_DBT)
def test_dbt_builds_equal_tables_on_postgres(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    with open_warehouse("postgres", request, tmp_path) as warehouse:
        warehouse.load(**scenario.WORLD)
        warehouse.enrich()
        write_project(tmp_path / "dbt", "postgres")
        with warehouse.raw.sql_client() as client:
            found = client.execute_sql("select current_database(), current_user, current_setting('port'),"
                                       " current_setting('unix_socket_directories')")  # fmt: skip
            database, user, port, folders = (found or [])[0]
        run_dbt(
            tmp_path / "dbt",
            DBT_POSTGRES_DBNAME=database,
            DBT_POSTGRES_USER=user,
            DBT_POSTGRES_PORT=str(port),
            DBT_POSTGRES_HOST=folders.split(",")[0].strip(),
        )
        with warehouse.raw.sql_client() as client:
            assert_equal_tables(lambda query: list(client.execute_sql(query) or []))


def run_dbt(project: Path, **environment: str) -> None:
    """Build and test the project; its last lines are shown when it fails."""
    command = [DBT, "--no-use-colors", "build", "--profiles-dir", ".", "--project-dir", "."]
    environment = {**os.environ, "PGTZ": "UTC", "TZ": "UTC", **environment}
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, "\n".join(ended.stdout.splitlines()[-40:])


def test_the_command_writes_the_project(tmp_path: Path) -> None:
    result = CliRunner().invoke(write_dbt_project, [str(tmp_path / "dbt"), "--dialect", "postgres"])
    assert result.exit_code == 0
    assert result.stdout.endswith(f"files: {tmp_path / 'dbt'}\n")
    assert (tmp_path / "dbt" / "dbt_project.yml").is_file()
