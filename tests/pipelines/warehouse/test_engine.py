"""Each destination has one file, and no other module of `pipelines/` knows a destination by name."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dlt
import duckdb
import pytest

from pipelines.warehouse import engine as seam
from pipelines.warehouse.duckdb.engine import DuckDb
from pipelines.warehouse.engine import Engine, engine, engine_named, engine_of
from pipelines.warehouse.postgres import Postgres
from tests.conftest import REPOSITORY, Tenant, plain_server
from tests.support.status_command import some_events

# Every destination that dlt has, as found in the installed package. `destination` is its decorator for functions.
NAMES = sorted(
    name
    for name, value in vars(dlt.destinations).items()
    if isinstance(value, type) and name not in ("destination", "dummy")
)
WAREHOUSE = REPOSITORY / "pipelines" / "warehouse"
# A file that ends so is a DuckDB file, whatever the destination is.
SUFFIX = ".duckdb"
# The dialect of the models is called like the destination.
DIALECT = 'DIALECT: Final = "duckdb"'


def is_engine(path: Path) -> bool:
    """Whether a module is the seam or its list of names, or the file or folder of one destination."""
    if not path.is_relative_to(WAREHOUSE):
        return False
    room = path.relative_to(WAREHOUSE).parts[0].removesuffix(".py")
    return room in ("engine", "kinds") or any(room == name or room.startswith(f"{name}_") for name in NAMES)


def docstrings(tree: ast.AST) -> set[ast.AST]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def names_of_destinations(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of what names a destination, or reads which one is configured."""
    named = re.compile(rf"(?<![a-zA-Z ])({'|'.join(NAMES)})(?![a-zA-Z ])")
    tree = ast.parse(source)
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            text = node.value.replace(SUFFIX, "")
            if named.search(text) or re.search(r"(^|\.)destination_(type|name)$", text):
                yield node.lineno, node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            read = node.id if isinstance(node, ast.Name) else node.attr
            if read in ("destination_type", "destination_name"):
                yield node.lineno, read


def test_no_module_but_the_engines_knows_a_destination_by_name() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {text}"
        for path in sorted((REPOSITORY / "pipelines").rglob("*.py"))
        if not is_engine(path)
        for line, text in names_of_destinations(path.read_text(encoding="utf-8").replace(DIALECT, ""))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'if kind == "duckdb": pass',
        'fits = kind in ("snowflake", "x")',
        'kind.endswith(".postgres")',
        'is_lake = f"{kind}" == "dlt.destinations.ducklake"',
        "kind = pipeline.destination.destination_type",
        'kind = dlt.config.get(f"pipelines.{name}.destination_type")',
        'hints = {"x-bigquery-table-description": comment}',
        'key = "destination.clickhouse.credentials"',
    ],
)
def test_the_search_finds_names(source: str) -> None:
    assert list(names_of_destinations(source))


def test_the_search_leaves_prose_alone() -> None:
    source = '"""On postgres."""\nsay(f"A DuckDB file {path}: set FOR=<destination_type> in .dlt/config.toml.")'
    assert list(names_of_destinations(source)) == []
    assert {"duckdb", "postgres", "snowflake", "bigquery", "clickhouse", "redshift", "ducklake"} <= set(NAMES)


def test_an_engine_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new module is found by its name, without an entry in a list."""
    (tmp_path / "dremio.py").write_text(
        "from pipelines.warehouse.engine import Engine\n\n\n"
        "class Dremio(Engine):\n    comment_catalogue = 'select 1'\n\n\nENGINE = Dremio\n"
    )
    import pipelines.warehouse

    monkeypatch.setattr(pipelines.warehouse, "__path__", [*pipelines.warehouse.__path__, str(tmp_path)])
    engine_named.cache_clear()
    try:
        assert (engine_named("dremio").name, engine_named("dremio").comment_catalogue) == ("dremio", "select 1")
    finally:
        engine_named.cache_clear()


TOY = '''
"""A warehouse with a merge and a lock of its own, in one file."""

from contextlib import contextmanager

from dlt.destinations.impl.duckdb.duck import DuckDbClient
from pipelines.warehouse.dlt_internals import DEDUPLICATED_HINT, Unstaged
from pipelines.warehouse.duckdb.dlt_internals import FileJob
from pipelines.warehouse.duckdb.engine import DuckDb
from pipelines.warehouse.duckdb.merge import DirectDuckDb

MERGED, LOCKED = [], []


class ToyMerge(FileJob):
    """Moves the rows that are replaced out of the way instead of deleting them."""

    def run(self):
        table = self.qualified_table_name
        with self.client.begin_transaction():
            self.client.execute_sql(f"CREATE TEMP TABLE kept AS FROM {table} ANTI JOIN read_parquet(\'{self.path}\') USING (id)")
            self.client.execute_sql(f"DELETE FROM {table}")
            self.client.execute_sql(f"INSERT INTO {table} BY NAME FROM kept")
            self.client.execute_sql("DROP TABLE kept")
            super().run()
        MERGED.append(self.load_table_name)


class ToyClient(Unstaged, DuckDbClient):
    def is_unstaged(self, table):
        return bool(table.get(DEDUPLICATED_HINT))

    def own_job(self, table, path):
        return ToyMerge(path) if self.is_unstaged(table) and path.endswith(".parquet") else None


class ToyDestination(DirectDuckDb):
    client_class = ToyClient
    destination_type = "dlt.destinations.toydb"


class ToyDb(DuckDb):
    def destination(self, database=None):
        return ToyDestination(database, **self.destination_options())

    @contextmanager
    def lock(self, pipeline, *datasets):
        LOCKED.append(datasets)
        yield


ENGINE = ToyDb
'''


def test_a_warehouse_with_its_own_merge_and_lock_is_one_file(
    tenant: Tenant, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.warehouse

    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "toydb.py").write_text(TOY)
    monkeypatch.setattr(pipelines.warehouse, "__path__", [*pipelines.warehouse.__path__, str(tmp_path / "engines")])
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "toydb")
    engine_named.cache_clear()
    events = some_events()
    try:
        with plain_server(events) as server:
            tenant.at(server.url)
            assert tenant.run("load").code == 0
        # The newest event changes, so the second load replaces its row.
        changed = [{**one, "message": "changed"} for one in events]
        with plain_server(changed) as server:
            tenant.at(server.url)
            assert tenant.run("load").code == 0
        toy = sys.modules["pipelines.warehouse.toydb"]
    finally:
        engine_named.cache_clear()
        sys.modules.pop("pipelines.warehouse.toydb", None)
    assert toy.MERGED.count("events") == 2
    assert set(toy.LOCKED) == {("anaplan_audit_raw", "anaplan_audit")}
    with duckdb.connect(str(database), read_only=True) as connection:
        stored = connection.execute("select id, message from anaplan_audit_raw.events order by id").fetchall()
    assert len(stored) == len({key for key, _ in stored}) == len(events)
    assert "changed" in {message for _, message in stored}


@pytest.mark.parametrize("name", NAMES)
def test_every_destination_of_dlt_has_an_engine_of_its_name(name: str) -> None:
    found = engine_named(name)
    assert isinstance(found, Engine) and found.name == name
    assert found.is_file == (found.database_file() is not None) == bool(found.files())


@pytest.mark.parametrize("name", ["oracle9i", "reader", "engine", "a b", "..", "dlt.destinations.postgres"])
def test_other_names_and_modules_give_the_default(name: str) -> None:
    assert type(engine_named(name)) is Engine


def test_engine_follows_the_setting_and_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(engine()) is DuckDb and engine().location() == engine().database_file()
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    assert type(engine()) is Postgres and engine().location() == "postgres anaplan_audit_raw"
    destination = dlt.destinations.postgres("postgresql://a:b@localhost:9/c")
    assert engine_of(dlt.pipeline("engine_test", destination=destination)) is engine()
    assert engine_of(dlt.dataset(destination, "anything", schema=dlt.Schema("any"))) is engine()


def test_a_file_can_be_chosen_for_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variable = engine().file_variable()
    assert variable is not None
    monkeypatch.setenv(variable, str(tmp_path / "after.duckdb"))
    assert engine().location() == str(tmp_path / "after.duckdb")
    assert engine_named("snowflake").file_variable() is None


def test_the_seam_imports_no_engine() -> None:
    """Each engine imports its driver; a run needs one of them."""
    assert isinstance(seam, ModuleType)
    tree = ast.parse(Path(seam.__file__ or "").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level}
    assert imported <= {"dlt_internals", "kinds", "lease", "settings", "table_names"}


def test_clickhouse_waits_for_its_updates() -> None:
    """It has no UPDATE, and a mutation runs in the background unless the statement waits."""
    sent = engine_named("clickhouse").update_statement("`a___runs`", "`exit_code` = %s", "`run_id` = %s")
    assert sent == "ALTER TABLE `a___runs` UPDATE `exit_code` = %s WHERE `run_id` = %s SETTINGS mutations_sync = 1"


def test_only_engines_say_how_rows_are_changed() -> None:
    """A statement that another module writes would fail on ClickHouse."""
    files = [path for path in sorted((REPOSITORY / "pipelines").rglob("*.py")) if not is_engine(path)]
    assert [path.name for path in files if re.search(r"\bUPDATE \{", path.read_text(encoding="utf-8"))] == []
