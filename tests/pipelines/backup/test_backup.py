"""Backups, archives and copies hold every row of the raw tables, and an interrupted command harms nothing."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.backup import database_file, rewrite, transfer
from pipelines.common.names import LOAD_NAME
from pipelines.warehouse.locks import machine_lock
from tests.conftest import Engine, Tenant, plain_server
from tests.support.plain_server import PlainServer
from tests.support.postgres import Postgres, for_dlt
from tests.support.tenant_records import LISTS, month_of_events

EVENTS = month_of_events(60)
RAW = "anaplan_audit_raw"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a DuckDB file with a month of events. Copy it before writing to it."""
    folder = tmp_path_factory.mktemp("loaded")
    with pytest.MonkeyPatch.context() as environment, plain_server(EVENTS, LISTS) as server:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        environment.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "audit_log.duckdb"))
        assert Tenant(environment).at(server.url).run("load").code == 0
    return folder / "audit_log.duckdb"


@pytest.fixture
def duck_copy(loaded: Path, duck: Engine) -> Engine:
    shutil.copy(loaded, duck.address)
    return duck


@pytest.fixture
def server() -> Iterator[PlainServer]:
    with plain_server(EVENTS, LISTS) as opened:
        yield opened


def raw_rows(engine: Engine) -> dict[str, list[str]]:
    """Return the rows of every raw table as text, by table and column name."""
    columns = engine.rows(
        "select table_name, column_name from information_schema.columns"
        f" where table_schema = '{RAW}' and table_name <> '_dlt_version' order by 1, 2"
    )
    tables: dict[str, list[str]] = {}
    for table, column in columns:
        tables.setdefault(table, []).append(f'"{column}"')
    with engine.opened() as ask:
        return {
            table: sorted(map(str, map(_plain, ask(f"select {', '.join(names)} from {RAW}.{table}"))))
            for table, names in tables.items()
        }


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [value.timestamp() if hasattr(value, "timestamp") else value for value in row]


def expect_nothing_new(tenant: Tenant, server: PlainServer, engine: Engine) -> None:
    """Load again: the state of the copy says that the days are loaded, and no row is doubled."""
    server.requests.clear()
    assert tenant.at(server.url).run("load").code == 0
    assert engine.rows(f"select count(*), count(distinct id) from {RAW}.events") == [(len(EVENTS), len(EVENTS))]
    # The newest days are fetched again, in case of late events; of the others only the totals.
    assert len([path for path in server.requests if "audit" in path and "limit=1&" not in path]) <= 3


def test_backup_and_restore_of_the_file(tenant: Tenant, duck_copy: Engine, tmp_path: Path) -> None:
    before = raw_rows(duck_copy)
    ended = tenant.run("backup", str(tmp_path / "b.duckdb"))
    assert (ended.code, ended.err) == (0, "") and "rows of" in ended.out
    with duckdb.connect(duck_copy.address) as connection:
        connection.execute(f"delete from {RAW}.events")
    assert tenant.run("backup", str(tmp_path / "b.duckdb")).code == 2
    restored = tenant.run("restore", str(tmp_path / "b.duckdb"))
    assert restored.code == 0 and raw_rows(duck_copy) == before
    [kept] = tmp_path.glob("audit_log-before-*.duckdb")
    assert str(kept) in restored.out
    with duckdb.connect(str(kept), read_only=True) as connection:
        assert connection.execute(f"select count(*) from {RAW}.events").fetchone() == (0,)


def test_damaged_or_foreign_backup_is_not_restored(tenant: Tenant, duck_copy: Engine, tmp_path: Path) -> None:
    before = Path(duck_copy.address).read_bytes()
    (tmp_path / "damaged.duckdb").write_bytes(before[: len(before) // 2])
    duckdb.connect(str(tmp_path / "foreign.duckdb")).execute("create table t as select 1 as a").close()
    (tmp_path / "folder").mkdir()
    for source, says in (("damaged.duckdb", "damaged"), ("foreign.duckdb", "has no dataset"), ("folder", "no archive")):
        ended = tenant.run("restore", str(tmp_path / source))
        assert ended.code in (1, 2) and says in ended.err and len(ended.err.splitlines()) == 1
    assert Path(duck_copy.address).read_bytes() == before


def test_a_broken_database_is_replaced_and_kept(tenant: Tenant, duck_copy: Engine, tmp_path: Path) -> None:
    assert tenant.run("backup", str(tmp_path / "b.duckdb")).code == 0
    Path(duck_copy.address).write_bytes(b"broken")
    Path(f"{duck_copy.address}.wal").write_bytes(b"of the broken file")
    assert tenant.run("restore", str(tmp_path / "b.duckdb")).code == 0
    assert len(duck_copy.rows(f"select * from {RAW}.events")) == len(EVENTS)
    assert sorted(path.read_bytes() for path in tmp_path.glob("audit_log-before-*")) == [
        b"broken",
        b"of the broken file",
    ]


@pytest.mark.parametrize("target", ["b.duckdb", pytest.param("archive", marks=pytest.mark.variant)])
def test_full_disk_leaves_the_backup_before_it(
    tenant: Tenant, duck_copy: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    assert tenant.run("backup", str(tmp_path / target)).code == 0
    before = {
        path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file() and "dlt" not in path.parts
    }

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(database_file.shutil, "copyfile", full)
    monkeypatch.setattr("pipelines.backup.archive.write_part", full)
    ended = tenant.run("backup", str(tmp_path / target), "--force")
    assert ended.code == 1 and "No space left" in ended.err
    after = {
        path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file() and "dlt" not in path.parts
    }
    assert after == before


def test_every_command_waits_for_no_run(tenant: Tenant, duck_copy: Engine, tmp_path: Path) -> None:
    assert tenant.run("backup", str(tmp_path / "b.duckdb")).code == 0
    with machine_lock(LOAD_NAME):
        for command in (
            ["backup", str(tmp_path / "c.duckdb")],
            ["backup", str(tmp_path / "archive")],
            ["restore", str(tmp_path / "b.duckdb")],
            ["compact"],
        ):
            assert tenant.run(*command).code == 75, command


def test_compact_shrinks_the_file_or_leaves_it(
    tenant: Tenant, duck_copy: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(duck_copy.address) as connection:
        connection.execute(f"create table {RAW}.filler as select md5(i::text) as a from range(80000) t(i)")
        connection.execute("checkpoint")
        connection.execute(f"drop table {RAW}.filler")
    before, size = raw_rows(duck_copy), Path(duck_copy.address).stat().st_size
    with monkeypatch.context() as killed:
        killed.setattr(rewrite.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert tenant.run("compact").code == 130
    assert Path(duck_copy.address).stat().st_size == size and raw_rows(duck_copy) == before
    assert tenant.run("compact").code == 0
    assert Path(duck_copy.address).stat().st_size < size - 1_000_000 and raw_rows(duck_copy) == before


def test_archive_by_month_restores_into_an_empty_database(
    tenant: Tenant, duck_copy: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    with duckdb.connect(duck_copy.address) as connection:
        # As an earlier version left it.
        connection.execute(f"alter table {RAW}.runs drop column history_seconds")
    before = raw_rows(duck_copy)
    assert tenant.run("backup", str(archive)).code == 0
    months = {
        f"{row[0]}.parquet" for row in duck_copy.rows(f"select distinct strftime(event_day, '%Y-%m') from {RAW}.events")
    }
    assert {path.name for path in (archive / "events").iterdir()} == months
    assert "holds data already" in tenant.run("restore", str(archive)).err
    new = Engine("duckdb", str(tmp_path / "new.duckdb"))
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", new.address)
    assert tenant.run("restore", str(archive)).code == 0
    with duckdb.connect(new.address) as connection:
        assert connection.execute(f"select distinct history_seconds from {RAW}.runs").fetchall() == [(None,)]
        connection.execute(f"alter table {RAW}.runs drop column history_seconds")
    assert raw_rows(new) == before
    users = archive / "users" / "all.parquet"
    duckdb.sql(f"copy (select * replace ('x' as id) from '{users}') to '{users}'")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "other.duckdb"))
    changed = tenant.run("restore", str(archive))
    assert changed.code == 1 and "table `users` in `duckdb` differs from its source" in changed.err


@pytest.mark.long
def test_copy_to_postgresql_goes_on_there(
    tenant: Tenant,
    server: PlainServer,
    duck_copy: Engine,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = postgres.new_database()
    target = Engine("postgres", address)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(address))
    before = raw_rows(duck_copy)
    load_file = transfer.load_file

    def killed(client: Any, table: str, path: str) -> None:
        if table == "users":
            raise KeyboardInterrupt
        load_file(client, table, path)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(transfer, "load_file", killed)
        assert tenant.run("copy-to", "postgres").code == 130
    ended = tenant.run("copy-to", "postgres")
    assert ended.code == 0 and f"{len(EVENTS):>14,}  events" in ended.out
    after = raw_rows(target)
    assert {table: len(rows) for table, rows in after.items()} == {table: len(rows) for table, rows in before.items()}
    assert raw_rows(duck_copy) == before
    assert tenant.run("copy-to", "duckdb").code == 2
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    expect_nothing_new(tenant, server, target)
