"""The lakehouse copy: rows, days that stay, kills, purges. Run by `make test-lakehouse`."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import duckdb
import pyarrow as pa
import pytest

from pipelines.common.lakehouse_settings import LakehouseSettings
from sandbox.server import Sandbox
from tests.conftest import Tenant, plain_server
from tests.support.children import Child
from tests.support.crash_world import use_models
from tests.support.killing import kill_at
from tests.support.lakehouse import (
    differing_tables,
    duckdb_tables,
    library_tables,
    source_tables,
    versions,
)
from tests.support.month import BY_DAY, EVENTS, database_of_a_month
from tests.support.postgres import Postgres, for_dlt
from tests.support.same_tables import NOW, SMALL, expect_success
from tests.support.tenant_records import LISTS


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if find_spec("deltalake") is None:
        pytest.skip("run by make test-lakehouse")
    monkeypatch.setenv("LAKEHOUSE__URL", str(tmp_path / "lake"))
    return tmp_path / "lake"


@pytest.fixture
def delta_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put DuckDB's extension where DuckDB looks for it."""
    spec = find_spec("duckdb_extension_delta")
    if spec is None or spec.origin is None:
        pytest.skip("run by make test-lakehouse")
    folder = tmp_path / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / "linux_amd64"
    folder.mkdir(parents=True)
    file = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}" / "delta.duckdb_extension"
    (folder / file.name).symlink_to(file)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock_ms=NOW, **SMALL) as running:
        yield running


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database_of_a_month(tmp_path_factory)


@pytest.fixture
def loaded(tenant: Tenant, prepared: Path, database: Path, month_models: Path) -> Tenant:
    shutil.copy(prepared, database)
    return tenant


def files_of(table: Path) -> set[str]:
    from deltalake import DeltaTable

    return set(DeltaTable(str(table)).file_uris())


def expect_equal(lake: Path, database: Path) -> None:
    copied = library_tables(lake)
    assert differing_tables(copied, source_tables(database, copied)) == []


@pytest.mark.usefixtures("delta_extension")
def test_copy_follows_late_events_and_renamed_users(
    tenant: Tenant, sandbox: Sandbox, lake: Path, database: Path
) -> None:
    tenant.at(sandbox.url, password="sandbox")
    expect_success(tenant, "run")
    copied = library_tables(lake)
    assert len(copied) > 60 and len(copied["anaplan_audit.fct_events"]) > 300
    assert differing_tables(copied, source_tables(database, copied)) == []
    before = {name: files_of(lake / name) for name in ("anaplan_audit/fct_events", "anaplan_audit_raw/events")}

    sandbox.advance(hours=30)
    user = sandbox.requests and next(iter(duckdb_users(database)))
    sandbox.rename_user(str(user), firstName="Renamed")
    expect_success(tenant, "run")
    copied = library_tables(lake)
    assert differing_tables(copied, source_tables(database, copied)) == []
    assert differing_tables(duckdb_tables(lake), copied) == []
    assert any("Renamed" in map(str, row) for row in copied["anaplan_audit_raw.users"])
    # Days that nothing touched keep their files.
    for name, files in before.items():
        assert files & files_of(lake / name) and files_of(lake / name) - files

    stood = versions(lake)
    expect_success(tenant, "run")
    moved = {name for name, version in versions(lake).items() if version != stood[name]}
    # The ledger of windows, and what says when the copy was complete.
    assert "anaplan_audit._published" in moved and not {name for name in moved if "fct_" in name or "dim_" in name}


def duckdb_users(database: Path) -> list[str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return [user for (user,) in connection.execute("select id from anaplan_audit_raw.users order by id").fetchall()]


def test_columns_and_tables_carry_their_descriptions(loaded: Tenant, lake: Path) -> None:
    from deltalake import DeltaTable

    expect_success(loaded, "check")
    for table in lake.glob("*/[!_]*"):
        found = DeltaTable(str(table))
        assert found.metadata().description, table
        texts = {field.name: field.metadata.get("comment") for field in found.schema().fields}
        # The month has a field that no document describes.
        without = {name for name, text in texts.items() if not text and not name.startswith("_dlt")}
        assert without <= {"sensitivity"}, table
    assert DeltaTable(str(lake / "anaplan_audit" / "fct_events")).metadata().partition_columns == ["event_day"]


def test_logs_hold_no_values_but_days_and_loads(loaded: Tenant, lake: Path) -> None:
    """They outlive the files, and would quote what a purge removes."""
    expect_success(loaded, "check")
    actions = [json.loads(line) for log in lake.rglob("_delta_log/*.json") for line in log.read_text().splitlines()]
    statistics = [json.loads(action["add"]["stats"]) for action in actions if "add" in action]
    assert {name for one in statistics for name in (*one["minValues"], *one["maxValues"])} == {"_dlt_load_id"}
    assert {name for action in actions for name in action.get("add", {}).get("partitionValues", ())} <= {
        "event_day",
        "change_day",
    }


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [4, 6])
def test_killed_while_publishing(
    loaded: Tenant, lake: Path, database: Path, tmp_path: Path, month_models: Path, when: str, number: int
) -> None:
    expect_success(loaded, "check")
    old = library_tables(lake)
    with duckdb.connect(str(database)) as connection:
        for table in ("anaplan_audit.fct_events", "anaplan_audit.fct_sign_ins", "anaplan_audit_raw.events"):
            connection.execute(f"update {table} set _dlt_load_id = '9999999999.5' where event_day > current_date - 9")
        for table in ("users", "workspaces", "models", "user_logins"):
            connection.execute(f"update anaplan_audit_raw.{table} set {LAST[table]} where true")
    prepare = (
        (use_models, str(month_models)),
        (kill_at, "pipelines.publish.lakehouse.delta_table:LakeTable._write", when, number),
    )
    assert Child(tmp_path, dict(os.environ), ["check"], prepare).end().code == -signal.SIGKILL
    new = source_tables(database, old)
    seen = library_tables(lake)
    kept = {name for name in new if seen[name] == old[name]}
    assert kept != set(new) and all(seen[name] == new[name] for name in new if name not in kept)
    assert any(new[name] != old[name] for name in kept)
    expect_success(loaded, "check")
    expect_equal(lake, database)


LAST = {
    "users": "last_name = 'New'",
    "workspaces": "name = 'New'",
    "models": "name = 'New'",
    "user_logins": "last_login_date = null",
}


def test_purged_rows_leave_every_file(loaded: Tenant, lake: Path, database: Path) -> None:
    expect_success(loaded, "check")
    day = datetime.now(timezone.utc).date() - timedelta(days=10)
    files = {path for path in lake.rglob("*.parquet") if "_delta_log" not in path.parts}
    outcome = loaded.run("purge", "--before", str(day), "--yes")
    assert outcome.code == 0, outcome.err
    expect_equal(lake, database)
    left = {path for path in lake.rglob("*.parquet") if "_delta_log" not in path.parts}
    current = set().union(*(files_of(table) for table in lake.glob("*/*")))
    # No file of an older version is left, and no folder of a purged day holds any.
    assert {str(path) for path in left} == current and left != files
    assert [path for path in left if path.parent.name.partition("=")[2] in days_before(day)] == []


def days_before(day: date) -> list[str]:
    assert isinstance(day, date)
    return [str(day - timedelta(days=number)) for number in range(1, 60)]


def test_failed_check_publishes_nothing(loaded: Tenant, lake: Path, database: Path) -> None:
    expect_success(loaded, "check")
    stood = versions(lake)
    with duckdb.connect(str(database)) as connection:
        connection.execute("insert into anaplan_audit.fct_sign_ins select * from anaplan_audit.fct_sign_ins")
    outcome = loaded.run("check")
    assert outcome.code == 6 and f"nothing was published: `{lake}` stays as it was" in outcome.err
    assert versions(lake) == stood


def test_foreign_table_is_not_overwritten(loaded: Tenant, lake: Path) -> None:
    from deltalake import write_deltalake

    foreign = lake / "anaplan_audit" / "fct_events"
    write_deltalake(str(foreign), pa.table({"precious": [1]}))
    outcome = loaded.run("check")
    assert outcome.code == 2 and outcome.err.count("\n") == 1
    assert f"`{foreign}` is a table that this pipeline did not write" in outcome.err
    assert library_tables(lake)["anaplan_audit.fct_events"] == [(1,)]


def test_bucket_out_of_reach_fails_the_run_in_one_line(
    loaded: Tenant, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE__URL", "s3://bucket/lake")
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key-of-a-reader",
        "AWS_SECRET_ACCESS_KEY": "secret-of-a-reader",
        "max_retries": "0",
    }.items():
        monkeypatch.setenv(f"LAKEHOUSE__STORAGE_OPTIONS__{name.upper()}", value)
    outcome = loaded.run("check")
    assert outcome.code == 1 and outcome.err.count("\n") == 1 and "s3://bucket/lake" in outcome.err
    assert "reader" not in outcome.err and "seconds   check" in outcome.out


def test_days_are_replaced_and_columns_and_texts_taken_over(lake: Path) -> None:
    from deltalake import DeltaTable

    from pipelines.publish.lakehouse.delta_table import LakeTable

    settings = LakehouseSettings(str(lake), 7, {})
    lake.mkdir()

    def table(*fields: pa.Field) -> LakeTable:
        schema = pa.schema([pa.field("day", pa.date32()), *fields])
        return LakeTable(settings, "data", "days", schema, "day", f"{len(fields)} columns")

    def rows(target: LakeTable, *values: dict[str, Any]) -> list[pa.Table]:
        return [pa.Table.from_pylist([*values], target._schema)]

    first, second = date(2026, 1, 1), date(2026, 1, 2)
    number, text = pa.field("number", pa.int64()), pa.field("text", pa.string(), metadata={"comment": "A text."})
    narrow = table(number)
    assert not narrow.fits
    narrow.replace(rows(narrow, {"day": first, "number": 1}, {"day": second, "number": 1}, {"number": 0}))
    assert narrow.fits and narrow.days().keys() == {first, second, None}

    narrow.replace_days(rows(narrow, {"day": second, "number": 2}, {"number": 3}), [second, None])
    assert library_tables(lake) == {"data.days": [(None, 3), (first, 1), (second, 2)]}
    # A day that is gone, and one without rows, leave together.
    narrow.replace_days([], [second, None, date(2026, 1, 3)])
    assert library_tables(lake) == {"data.days": [(first, 1)]}

    wider = table(number, text)
    assert not wider.fits
    wider.replace(rows(wider, {"day": first, "number": 1, "text": "a"}))
    wider.describe()
    assert library_tables(lake) == {"data.days": [(first, 1, "a")]}
    found = DeltaTable(str(lake / "data" / "days"))
    assert found.metadata().description == "2 columns"
    assert [field.metadata for field in found.schema().fields if field.name == "text"] == [{"comment": "A text."}]
    other = table(number, text.with_metadata({"comment": "Another text."}))
    other.describe()
    found.update_incremental()
    assert other.fits and found.schema().fields[2].metadata == {"comment": "Another text."}


def test_interrupted_change_of_columns_is_completed(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.publish.lakehouse import writer
    from pipelines.publish.lakehouse.contents import DayState
    from pipelines.publish.lakehouse.delta_table import LakeTable

    settings, days = LakehouseSettings(str(lake), 7, {}), [date(2026, 1, day) for day in range(1, 8)]
    schema = pa.schema([("day", pa.date32()), ("number", pa.int64()), ("_dlt_load_id", pa.string())])
    rows = {day: {"day": day, "number": day.day, "_dlt_load_id": "1.5"} for day in days}
    contents: Any = Mock()
    contents.rows = lambda wanted: [pa.Table.from_pylist([rows[day] for day in wanted], schema)]
    monkeypatch.setattr(writer, "DAYS_TOGETHER", 2)

    def write() -> int | None:
        table = LakeTable(settings, "data", "days", schema, "day")
        return writer._write_days(table, contents, dict.fromkeys(days, DayState(1, "1.5")))

    with monkeypatch.context() as broken:
        broken.setattr(LakeTable, "replace_days", Mock(side_effect=OSError("the connection broke")))
        with pytest.raises(OSError, match="broke"):
            write()
    assert library_tables(lake) == {"data.days": [(day, day.day) for day in days[:2]]}
    assert (write(), write()) == (5, None)
    assert library_tables(lake) == {"data.days": [(day, day.day) for day in days]}


def test_copy_of_postgres_equals_that_of_duckdb(
    loaded: Tenant, lake: Path, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_success(loaded, "check")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(postgres.new_database()))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("LAKEHOUSE__URL", str(tmp_path / "other_lake"))
    with plain_server(EVENTS, LISTS) as server:
        expect_success(loaded.at(server.url), "run")
        expect_success(loaded, "run")
    one, other = library_tables(lake), library_tables(tmp_path / "other_lake")
    assert one.keys() == other.keys()
    for name in (*(f"anaplan_audit.{table}" for table in BY_DAY), "anaplan_audit_raw.events"):
        assert one[name] == other[name], name
    stood = versions(tmp_path / "other_lake")
    expect_success(loaded, "check")
    moved = {name for name, version in versions(tmp_path / "other_lake").items() if version != stood[name]}
    # Results of checks have a time.
    assert moved == {"anaplan_audit._published", "anaplan_audit.check_results"}
