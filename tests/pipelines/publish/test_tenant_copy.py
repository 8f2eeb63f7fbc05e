"""One copy of all tenants is made of theirs, DuckDB files and folders alike."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.common.exit_codes import PipelineError
from pipelines.publish.tenant_copy import write_copy
from pipelines.publish.writer import MARK

SETTING = "PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO"
USERS = ("tenant", "user_key", "user_id", "size", "is_new")
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "fct_events": [("eu", 1, "eu:u1"), ("eu", 2, "eu:u1"), ("us", 1, "us:u1")],
    "dim_users": [("eu", "eu:u1", "u1", "7", None), ("us", "us:u1", "u1", "large", True)],
    "event_windows": [("eu", "complete")],
}


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copies of three tenants: a DuckDB file, a folder of another version, and none yet."""
    with duckdb.connect(str(tmp_path / "audit_eu.duckdb")) as eu:
        eu.execute("create schema raw_eu; create schema enriched_eu")
        eu.execute("create table raw_eu.event_windows as select 'complete' as status")
        eu.execute("create table enriched_eu.fct_events as select unnest([1, 2])::bigint as event_id, 'u1' as user_key")
        eu.execute("create table enriched_eu.dim_users as select 'u1' as user_key, 'u1' as user_id, 7::bigint as size")
        eu.execute("comment on column enriched_eu.dim_users.user_id is 'Who'")
        eu.execute(f"create table enriched_eu.{MARK} as select now() as published_at")
    (tmp_path / "us").mkdir()
    pq.write_table(pa.table({"event_id": [1], "user_key": ["u1"]}), tmp_path / "us" / "fct_events.parquet")
    users = {"user_key": ["u1"], "user_id": ["u1"], "is_new": [True], "size": ["large"]}
    pq.write_table(pa.table(users), tmp_path / "us" / "dim_users.parquet")
    for name in ("EU", "US", "NEW"):
        monkeypatch.setenv(f"TENANTS__{name}__REGION", "eu1")
    monkeypatch.setenv(SETTING, str(tmp_path / "audit.duckdb"))
    monkeypatch.setenv(f"TENANTS__US__{SETTING}", str(tmp_path / "us"))
    return tmp_path


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_copy_has_the_rows_of_each_tenant(copies: Path, kind: str) -> None:
    path = str(copies / ("all.duckdb" if kind == "file" else "all"))
    for _ in range(2):
        made = write_copy(["eu", "us", "new"], path)
    assert (made.tenants, made.left_out) == (["eu", "us"], {"new": "no copy yet"})
    assert (made.published.tables, made.published.rows) == (3, 6)
    with duckdb.connect(path, read_only=True) if kind == "file" else duckdb.connect() as copy:
        for table, rows in EXPECTED.items():
            dataset = "anaplan_audit_raw" if table == "event_windows" else "anaplan_audit"
            source = f"{dataset}.{table}" if kind == "file" else f"'{path}/{table}.parquet'"
            columns = ", ".join(USERS) if table == "dim_users" else "*"
            assert sorted(copy.execute(f"select {columns} from {source}").fetchall()) == rows
        if kind == "file":
            keys = "select constraint_column_names from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
            assert copy.execute(keys).fetchall() == [(["user_key"],)]
            comment = "select comment from duckdb_columns() where table_name = 'dim_users' and column_name = 'user_id'"
            assert copy.execute(comment).fetchall() == [("Who",)]


def test_without_any_copy_there_is_none_of_all(copies: Path) -> None:
    with pytest.raises(PipelineError, match="no tenant has a copy yet"):
        write_copy(["new"], str(copies / "all"))
    assert not (copies / "all").exists()


def test_copy_that_cannot_be_read_leaves_the_former_one(copies: Path) -> None:
    path = copies / "all.duckdb"
    write_copy(["eu", "us"], str(path))
    before = path.read_bytes()
    (copies / "audit_eu.duckdb").write_text("no database")
    with pytest.raises(PipelineError, match="the copy of a tenant cannot be read"):
        write_copy(["eu", "us"], str(path))
    assert path.read_bytes() == before
