"""Published copies of the enriched dataset, and DuckDB files that other programs have open."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pipelines.publish.meanings import primary_keys
from pipelines.publish.target import publish
from pipelines.transform.parse import MODELS_DIR
from pipelines.warehouse.pipelines import open_pipelines
from tests.conftest import Engine, Tenant, plain_server
from tests.support.children import Child
from tests.support.crash_world import use_models
from tests.support.killing import kill_at
from tests.support.month import EVENTS, database_of_a_month
from tests.support.published_tables import tables_of
from tests.support.tenant_records import LISTS

pytestmark = pytest.mark.usefixtures("month_models")
# Opens a file, prints its number of check results for each line of input, and closes it at the end of input.
HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
for line in sys.stdin:
    print(connection.execute("select count(*) from anaplan_audit.check_results").fetchone()[0], flush=True)
"""


@contextmanager
def holding(path: Path) -> Iterator[Any]:
    """Keep a DuckDB file open in another process, as a BI tool does; give a function that queries it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "open\n"

    def ask() -> int:
        process.stdin.write("count\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    ask.process = process
    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def comments(path: Path) -> dict[tuple[str, str], str | None]:
    """Return the comments of a copy by table and column; the column is empty for the table itself."""
    query = (
        "select table_name, '', comment from duckdb_tables() where table_name in ('fct_events', 'event_windows')"
        " union all select table_name, column_name, comment from duckdb_columns()"
        " where table_name in ('fct_events', 'event_windows')"
    )
    return {(table, column): comment for table, column, comment in Engine("duckdb", str(path)).rows(query)}


def descriptions(folder: Path) -> dict[tuple[str, str], str | None]:
    """Return the descriptions in the files of a copy by table and column; the column is empty for the table itself."""
    texts: dict[tuple[str, str], str | None] = {}
    for file in folder.glob("*.parquet"):
        schema = pq.read_schema(file)
        of_columns = {field.name: (field.metadata or {}).get(b"description", b"").decode() for field in schema}
        # The same for programs that do not read Arrow's schema.
        assert json.loads(schema.metadata[b"column_descriptions"]) == {k: v for k, v in of_columns.items() if v}
        texts |= {(file.stem, column): text for column, text in of_columns.items()}
        texts[file.stem, ""] = pq.read_metadata(file).metadata[b"description"].decode()
    return texts


def publish_to(monkeypatch: pytest.MonkeyPatch, path: Path) -> Path:
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO", str(path))
    return path


def parquet_tables(folder: Path) -> dict[str, list[tuple]]:
    tables = {file.stem: pq.read_table(file) for file in folder.glob("*.parquet")}
    return {
        name: sorted((tuple(row.values()) for row in table.select(sorted(table.column_names)).to_pylist()), key=str)
        for name, table in tables.items()
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database_of_a_month(tmp_path_factory)


@pytest.fixture
def loaded(tenant: Tenant, prepared: Path, database: Path) -> Tenant:
    shutil.copy(prepared, database)
    return tenant


@pytest.fixture
def loaded_engine(engine: Engine, tenant: Tenant, prepared: Path) -> Engine:
    if engine.kind == "duckdb":
        shutil.copy(prepared, engine.address)
    else:
        with plain_server(EVENTS, LISTS) as server:
            assert tenant.at(server.url).run("run").code == 0
    return engine


def check(tenant: Tenant, path: Path) -> None:
    """Publish: `check` does it when all checks pass. Each run adds rows to `check_results`, so no two copies are equal."""
    outcome = tenant.run("check")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"rows to {path}" in outcome.out


@pytest.mark.usual_engine("duckdb")
def test_copy_equals_the_dataset_and_may_stay_open(
    tenant: Tenant, loaded_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bi").mkdir()
    copy = publish_to(monkeypatch, tmp_path / "bi" / "copy.duckdb")
    check(tenant, copy)
    assert tables_of(Engine("duckdb", str(copy))) == tables_of(loaded_engine)
    found = comments(copy)
    assert found["event_windows", "window_day"] and found["fct_events", "event_day"]
    assert [place for place, text in found.items() if not text] == []
    with holding(copy) as ask:
        rows = ask()
        check(tenant, copy)
        assert ask() == rows
        assert Engine("duckdb", str(copy)).rows("select count(*) from anaplan_audit.check_results")[0][0] > rows
    assert tables_of(Engine("duckdb", str(copy))) == tables_of(loaded_engine)
    assert os.listdir(copy.parent) == ["copy.duckdb"]

    folder = publish_to(monkeypatch, tmp_path / "bi" / "audit")
    folder.mkdir()
    check(tenant, folder)
    assert parquet_tables(folder) == tables_of(loaded_engine)
    assert {place: text for place, text in descriptions(folder).items() if place in found} == found


def test_attached_copy_equals_the_streamed_one(loaded: Tenant, database: Path, tmp_path: Path) -> None:
    """A copy of a DuckDB file, which is made without Arrow, has the types and rows of a copy from a server."""
    attached, streamed = tmp_path / "attached.duckdb", tmp_path / "streamed.duckdb"
    with open_pipelines() as pipelines:
        published = publish(pipelines, str(attached))
        assert publish(pipelines._replace(database=None), str(streamed))[1:] == published[1:]
    columns = "select schema_name, table_name, column_index, column_name, data_type from duckdb_columns() order by all"
    assert Engine("duckdb", str(attached)).rows(columns) == Engine("duckdb", str(streamed)).rows(columns)
    assert tables_of(Engine("duckdb", str(attached))) == tables_of(Engine("duckdb", str(streamed)))
    keys = "select table_name, constraint_column_names from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
    for copy in (attached, streamed):
        assert Engine("duckdb", str(copy)).rows(keys) == [("dim_users", ["user_key"])]


def test_every_dimension_has_the_key_that_facts_carry() -> None:
    keys = primary_keys()
    assert {f"{name}_key": keys[f"dim_{name}s"] for name in ("user", "model", "workspace")} == {
        f"{name}_key": (f"{name}_key",) for name in ("user", "model", "workspace")
    }
    assert (keys["dim_date"], keys["dim_users_current"]) == (("date_day",), ("user_id",))
    assert keys["dim_actions_current"] == ("model_id", "kind", "action_id")
    assert keys.keys() == {path.stem for path in MODELS_DIR.glob("marts/dim_*.sql")}


def test_failed_copy_leaves_no_trace(loaded: Tenant, tmp_path: Path) -> None:
    copy = tmp_path / "bi" / "copy.duckdb"
    copy.parent.mkdir()
    with open_pipelines() as pipelines:
        publish(pipelines, str(copy))
        before = copy.read_bytes()
        pipelines.database.execute("alter table anaplan_audit.fct_events rename to fct_hidden")
        with pytest.raises(duckdb.CatalogException):
            publish(pipelines, str(copy))
        pipelines.database.execute("alter table anaplan_audit.fct_hidden rename to fct_events")
        assert (os.listdir(copy.parent), copy.read_bytes()) == (["copy.duckdb"], before)
        publish(pipelines, str(copy))


def test_folder_is_swapped_as_a_whole(loaded: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = publish_to(monkeypatch, tmp_path / "bi" / "audit")
    copy.parent.mkdir()
    versions, contents = [], []
    for _ in range(3):
        check(loaded, copy)
        versions.append(copy.resolve())
        contents.append(parquet_tables(copy))
    assert len({*versions}) == 3
    # The version before stays for a reader that was between two files; older ones go.
    assert sorted(copy.parent.iterdir()) == sorted([copy, *versions[1:]])
    assert parquet_tables(versions[1]) == contents[1]
    sizes = [len(content["check_results"]) for content in contents]
    assert sizes == [sizes[0], sizes[0] * 3 // 2, sizes[0] * 2]


def test_nothing_is_published_when_a_check_fails(
    loaded: Tenant, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish_to(monkeypatch, tmp_path / "copy.duckdb")
    check(loaded, copy)
    published = copy.read_bytes()
    with duckdb.connect(str(database)) as connection:
        connection.execute("insert into anaplan_audit.fct_sign_ins select * from anaplan_audit.fct_sign_ins")
    outcome = loaded.run("check")
    assert outcome.code == 6
    assert f"nothing was published: `{copy}` stays as it was" in outcome.err
    assert copy.read_bytes() == published


@pytest.mark.long
@pytest.mark.parametrize("name", ["copy.duckdb", "audit"])
def test_killed_while_publishing(
    loaded: Tenant, tmp_path: Path, month_models: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish_to(monkeypatch, tmp_path / "bi" / name)
    copy.parent.mkdir()
    check(loaded, copy)
    before = copy.resolve()
    prepare = (use_models, str(month_models)), (kill_at, "pipelines.publish.writer:_flush", "before", 1)
    assert Child(tmp_path, dict(os.environ), ["check"], prepare).end().code == -signal.SIGKILL
    assert copy.resolve() == before and len(os.listdir(copy.parent)) > len({before.name, name})
    check(loaded, copy)
    assert sorted(os.listdir(copy.parent)) == sorted({name, before.name, copy.resolve().name})


def refusal(tenant: Tenant) -> str:
    outcome = tenant.at("http://127.0.0.1:9").run("run")
    assert outcome.code == 2 and outcome.err.count("\n") == 1
    return outcome.err


def test_foreign_files_are_not_overwritten(tenant: Tenant, tmp_path: Path, monkeypatch: Any) -> None:
    foreign = publish_to(monkeypatch, tmp_path / "foreign.duckdb")
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("create table precious as select 1")
    assert "was not published by this pipeline" in refusal(tenant)
    text = publish_to(monkeypatch, tmp_path / "notes")
    text.write_text("precious")
    assert "was not published by this pipeline" in refusal(tenant)
    folder = publish_to(monkeypatch, tmp_path / "folder")
    folder.mkdir()
    (folder / "fct_events.parquet").touch()
    assert "was not published by this pipeline" in refusal(tenant)
    link = publish_to(monkeypatch, tmp_path / "link")
    link.symlink_to("folder")
    assert "was not published by this pipeline" in refusal(tenant)
    with duckdb.connect(str(foreign), read_only=True) as connection:
        assert connection.execute("from precious").fetchall() == [(1,)]


def test_invalid_targets_are_refused(tenant: Tenant, tmp_path: Path, database: Path, monkeypatch: Any) -> None:
    publish_to(monkeypatch, database)
    assert "the database that the pipeline works in" in refusal(tenant)
    publish_to(monkeypatch, tmp_path / "anaplan_audit.duckdb")
    assert "also the name of a dataset" in refusal(tenant)
    publish_to(monkeypatch, tmp_path / "nowhere" / "copy.duckdb")
    assert "is not a writable folder" in refusal(tenant)
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TOO", "x")
    assert "Did you mean `publish_to`?" in refusal(tenant)


@pytest.mark.long
def test_copy_that_is_open_for_writing_is_replaced(
    loaded: Tenant, duck: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish_to(monkeypatch, tmp_path / "copy.duckdb")
    check(loaded, copy)
    command = f"import duckdb; c = duckdb.connect({str(copy)!r}); c.execute('create table mine as select 1'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "open\n"
        check(loaded, copy)
        assert duckdb_tables(copy) == {*tables_of(duck), "_published"}
        writer.communicate("\n")
    assert duckdb_tables(copy) == {*tables_of(duck), "_published"}


def duckdb_tables(path: Path) -> set[str]:
    return {name for (name,) in Engine("duckdb", str(path)).rows("select table_name from duckdb_tables()")}


def start_check(models: Path, wait_seconds: int) -> Child:
    environment = {**os.environ, "PIPELINES__ANAPLAN_AUDIT__WAIT_FOR_READERS_SECONDS": str(wait_seconds)}
    return Child(models.parent, environment, ["check"], [(use_models, str(models))])


@pytest.mark.long
def test_run_waits_for_a_reader_that_closes_the_file(loaded: Tenant, database: Path, month_models: Path) -> None:
    with holding(database) as ask:
        waiting = start_check(month_models, 60)
        # The reader closes the file only after the run has said that it waits.
        while not waiting.errors.endswith("\n"):
            assert waiting.process.is_alive()
            time.sleep(0.01)
        assert f"(PID {ask.process.pid}) to close `{database}`" in waiting.errors
        ask.process.stdin.close()
        ended = waiting.end()
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert "checks passed" in ended.out


def test_run_gives_up_on_a_reader_that_keeps_the_file_open(loaded: Tenant, database: Path, month_models: Path) -> None:
    with holding(database) as ask:
        ended = start_check(month_models, 1).end()
        assert ask() > 0
    assert ended.code == 75
    assert "waiting up to 1 s" in ended.err.splitlines()[0]
    assert f"(PID {ask.process.pid}), still after 1 s. Close it" in ended.err.splitlines()[-1]
