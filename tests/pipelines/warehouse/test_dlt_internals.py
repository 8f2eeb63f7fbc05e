"""Contracts with parts of dlt that are private or undocumented: each fails when an upgrade of dlt moves them."""

import inspect
import logging
import os
import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dlt.common import validation
from dlt.common.destination.client import RunnableLoadJob
from dlt.common.destination.exceptions import DestinationException
from dlt.common.schema.typing import TColumnSchema
from dlt.common.time import increasing_precise_time
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.load.exceptions import LoadClientJobRetry
from dlt.pipeline.exceptions import PipelineStepFailed
from sqlglot import exp, parse_one

from pipelines.warehouse import dlt_internals, session
from pipelines.warehouse.duckdb import dlt_internals as duckdb_internals
from pipelines.warehouse.duckdb.engine import DuckDb
from pipelines.warehouse.duckdb.merge import DirectDuckDb
from pipelines.warehouse.postgres import is_lock_timeout

SEEN_IN = "1.31"


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.fixture
def pipeline(tmp_path: Path) -> Any:
    with duckdb.connect(str(tmp_path / "contract.duckdb")) as connection:
        yield dlt.pipeline("contract", destination=DirectDuckDb(connection), dataset_name="rows").drop()


def test_the_version_is_the_one_that_was_looked_at() -> None:
    """After an upgrade: read each part of dlt_internals again, then write the new version here and there."""
    assert version("dlt").startswith(f"{SEEN_IN}.")
    for module in (dlt_internals, duckdb_internals, session):
        source = inspect.getsource(module)
        versions = re.findall(r"Seen in\s+(?:# )?dlt (\d+\.\d+)", source)
        assert set(versions) == {SEEN_IN} and len(versions) == source.count("Seen in")


def test_load_ids_rise_above_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(increasing_precise_time, "_last", increasing_precise_time._last)
    ahead = increasing_precise_time() + 86_400
    dlt_internals.keep_load_ids_above(ahead)
    assert ahead < increasing_precise_time() < ahead + 1
    dlt_internals.keep_load_ids_above(ahead - 3_600)
    assert increasing_precise_time() > ahead
    # The load id of a package comes from this clock.
    from dlt.common.storages.load_package import create_load_id

    assert float(create_load_id()) > ahead


def test_state_is_read_as_dlt_stores_it(pipeline: dlt.Pipeline) -> None:
    @dlt.resource(name="remembered")
    def remembered() -> Any:
        dlt.current.resource_state()["windows"] = [1, 2]
        yield {"id": 1}

    pipeline.run(remembered())
    with pipeline.sql_client() as client:
        [(text,)] = client.execute_sql("select state from _dlt_pipeline_state") or []
    [source] = dlt_internals.read_state(text)["sources"].values()
    assert source["resources"]["remembered"]["windows"] == [1, 2]


def test_tables_of_the_destination_are_listed_and_created_again(pipeline: dlt.Pipeline) -> None:
    pipeline.run([{"id": 1, "name": "x"}], table_name="things")
    assert dlt_internals.stored_columns(pipeline, ["things"])["things"] >= {"id", "name"}
    with pipeline.sql_client() as client:
        client.execute_sql("alter table things drop column name")
    assert "name" not in dlt_internals.stored_columns(pipeline, ["things"])["things"]
    with pipeline.destination_client() as job_client:
        dlt_internals.create_tables(job_client, ["things"])
    assert "name" in dlt_internals.stored_columns(pipeline, ["things"])["things"]
    assert parameters(SqlJobClientBase.update_stored_schema)[1:] == ["only_tables", "expected_update", "force"]


def test_a_raw_relation_is_sent_as_it_is(pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the search for column types, which fails here: a table function has none."""
    pipeline.run([{"id": 1}], table_name="things")
    monkeypatch.setattr(import_module("dlt.dataset.lineage"), "compute_columns_schema", None)
    query = parse_one("select n.i as i from range(2) as n(i)", dialect="duckdb")
    assert isinstance(query, exp.Query)
    relation = dlt_internals.raw_relation(pipeline.dataset(), query)
    assert relation.to_sql() == "SELECT n.i AS i FROM RANGE(0, 2) AS n(i)"
    assert sorted(relation.fetchall()) == [(0,), (1,)]


def test_type_hints_of_a_schema_are_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    module: Any = validation
    original = module.get_type_hints

    def noted(spec: Any, globalns: Any = None) -> Any:
        asked.append(spec)
        return original(spec, globalns=globalns)

    monkeypatch.setattr(module, "get_type_hints", noted)
    column: Any = {"name": "id", "data_type": "bigint"}
    with dlt_internals.cached_type_hints():
        for _ in range(2):
            validation.validate_dict(TColumnSchema, column, ".")
    assert asked == [TColumnSchema]
    validation.validate_dict(TColumnSchema, column, ".")
    assert asked == [TColumnSchema] * 2


def test_causes_are_found_through_all_that_wraps_them(pipeline: dlt.Pipeline) -> None:
    root = duckdb.OutOfMemoryException("no memory")
    of_database = DatabaseTransientException(root)
    of_job = LoadClientJobRetry("1.0", "things.parquet", 1, 1, "failed", of_database)
    of_step = PipelineStepFailed(pipeline, "load", "1.0", of_job, None)  # type: ignore[arg-type]
    assert list(dlt_internals.causes(of_step)) == [of_step, of_job, of_database, root]
    of_step.__context__ = of_step
    assert DuckDb("duckdb").is_out_of_memory(of_step)
    assert not DuckDb("duckdb").is_out_of_memory(
        LoadClientJobRetry("1", "x", 1, 1, "Out of Memory Error", ValueError())
    )


def test_duckdb_says_what_kind_of_error_it_is() -> None:
    with duckdb.connect(config={"memory_limit": "1MB"}) as connection, pytest.raises(duckdb.OutOfMemoryException):
        connection.execute("create table large as select repeat('x', 1000) as x, i from range(1000000) r(i)")


@pytest.mark.parametrize("name", ["pgcode", "sqlstate"])
def test_a_lock_timeout_is_known_by_its_state(name: str) -> None:
    error = type("DriverError", (Exception,), {name: "55P03"})("abgebrochen wegen Zeitüberschreitung")
    assert is_lock_timeout(DatabaseTransientException(error))
    assert not is_lock_timeout(DatabaseTransientException(ValueError("lock timeout")))


def test_both_drivers_of_postgres_give_the_state() -> None:
    import psycopg2
    from adbc_driver_manager import AdbcStatusCode, Error

    assert "pgcode" in dir(psycopg2.Error)
    assert Error("x", status_code=AdbcStatusCode.INTERNAL, sqlstate="55P03").sqlstate == "55P03"


def test_what_is_dropped_of_the_log_comes_from_where_it_is_looked_for() -> None:
    def passes(path: str, text: str, error: bool = False) -> bool:
        info = (ValueError, ValueError(), None) if error else None
        return dlt_internals.RepeatedLogs().filter(logging.LogRecord("dlt", 30, path, 1, text, None, info))

    assert passes("dlt/extract/extract.py", "A warning")
    assert not passes("/lib/dlt/load/load.py", "Job failed")
    assert not passes("dlt/pipeline/pipeline.py", "Anything", error=True)
    package = Path(dlt.__file__).parent
    text = "in state differs from destination"
    assert not passes("dlt/pipeline/pipeline.py", f"... {text} ...")
    # The message is written in pieces.
    source = re.sub(r'"\s+f?"', "", (package / "pipeline" / "pipeline.py").read_text(encoding="utf-8"))
    assert text in source
    assert (package / "load" / "load.py").exists() and os.sep == "/"


def test_the_hint_of_the_direct_write_is_that_of_dlt(pipeline: dlt.Pipeline) -> None:
    merge: Any = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
    resource = dlt.resource([{"id": 1}], name="things", primary_key="id", write_disposition=merge)
    assert resource.compute_table_schema()[dlt_internals.DEDUPLICATED_HINT] is True  # type: ignore[literal-required]


def test_jobs_and_client_of_duckdb_have_the_methods_that_are_overridden() -> None:
    assert parameters(DuckDbClient.create_load_job) == ["self", "table", "file_path", "load_id", "restore"]
    assert parameters(DuckDbClient.should_load_data_to_staging_dataset) == ["self", "table_name"]
    for name in ("_create_merge_followup_jobs", "_create_replace_followup_jobs"):
        assert parameters(getattr(DuckDbClient, name)) == ["self", "table_chain"]
    assert issubclass(DuckDbCopyJob, RunnableLoadJob) and parameters(DuckDbCopyJob.__init__) == ["self", "file_path"]
    assert "_file_path" in vars(DuckDbCopyJob("/jobs/things.1.0.parquet"))
    assert parameters(dlt.destinations.duckdb.capabilities) == ["self", "config", "naming"]
    assert parameters(dlt.destinations.duckdb.configuration) == ["self", "initial_config", "accept_partial"]


def test_settings_of_duckdb_are_read_once_for_each_naming(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    configuration = dlt.destinations.duckdb.configuration

    def counted(self: Any, *values: Any, **options: Any) -> Any:
        read.append(str(options))
        return configuration(self, *values, **options)

    monkeypatch.setattr(dlt.destinations.duckdb, "configuration", counted)
    naming = dlt.Schema("any").naming
    destination: Any = pipeline.destination
    found = [destination.capabilities(naming=naming) for _ in range(3)]
    assert len(read) == 1
    assert found[0] is not found[1] and dict(found[0]) == dict(found[1])
    assert dict(found[0]) == dict(dlt.destinations.duckdb.capabilities(destination, naming=naming))


def test_rows_of_the_direct_write_pass_no_staging_table(pipeline: dlt.Pipeline) -> None:
    merge: Any = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}

    def load(rows: list[dict[str, Any]]) -> None:
        resource = dlt.resource(rows, name="things", primary_key="id", write_disposition=merge, file_format="parquet")
        pipeline.run(resource)

    load([{"id": 1, "name": "old"}, {"id": 2, "name": "kept"}])
    load([{"id": 1, "name": "new"}, {"id": 3, "name": "added"}])

    with pipeline.sql_client() as client:
        rows = client.execute_sql("select id, name from things order by id")
        staged = client.execute_sql("select count(*) from duckdb_tables() where schema_name = 'rows_staging'")
    assert rows == [(1, "new"), (2, "kept"), (3, "added")]
    assert staged == [(0,)]


def test_clients_have_what_the_session_overrides() -> None:
    from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient

    assert parameters(SqlJobClientBase.is_storage_initialized) == ["self"]
    assert parameters(SqlJobClientBase.get_stored_schema_by_hash) == ["self", "version_hash"]
    assert parameters(SqlJobClientBase.get_stored_schema) == ["self", "schema_name"]
    assert parameters(SqlJobClientBase._execute_schema_update_sql) == ["self", "only_tables", "store_schema"]
    assert parameters(SqlJobClientBase._delete_schema_in_storage) == ["self", "schema"]
    assert "self._conn" in inspect.getsource(Psycopg2SqlClient.open_connection)


def test_a_synchronised_pipeline_reads_no_state_again(pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.run([{"id": 1}], table_name="things")
    pipeline = pipeline.drop()
    dlt_internals.synchronise(pipeline)
    assert "things" in pipeline.default_schema.tables
    monkeypatch.setattr(type(pipeline), "_sync_destination", None)
    pipeline.run([{"id": 2}], table_name="things")


@pytest.mark.parametrize("table", ["_dlt_loads", "_dlt_pipeline_state"])
def test_a_pipeline_that_stored_no_state_gets_the_schema_that_it_stored(pipeline: dlt.Pipeline, table: str) -> None:
    """As after a kill between the rows of a first load and its record: dlt restores a schema by the state only."""
    pipeline.run([{"id": 1}], table_name="things")
    name = pipeline.default_schema_name
    with pipeline.sql_client() as client:
        client.execute_sql(f"delete from {table}")
    pipeline = pipeline.drop()
    dlt_internals.synchronise(pipeline, "other")
    assert pipeline.default_schema_name is None
    dlt_internals.synchronise(pipeline, name)
    assert pipeline.default_schema.data_table_names(seen_data_only=True) == ["things"]
    pipeline.run([{"id": 2}], table_name="things")
    assert pipeline.dataset().table("things").select("id").fetchall() == [(1,), (2,)]


def test_an_empty_destination_has_no_stored_schema(pipeline: dlt.Pipeline) -> None:
    dlt_internals.synchronise(pipeline, "contract")
    assert pipeline.default_schema_name is None


def test_a_state_row_is_what_an_extraction_stores(pipeline: dlt.Pipeline) -> None:
    pipeline.run([{"id": 1}], table_name="things")
    row = dlt_internals.state_row(pipeline, "numbers", {"one": 1}, "5.0")
    with pipeline.sql_client() as client, client.execute_query("select * from _dlt_pipeline_state") as cursor:
        assert {column[0] for column in cursor.description} == row.keys()
        [stored] = [
            dict(zip(row_names, values, strict=True))
            for row_names, values in [([column[0] for column in cursor.description], one) for one in cursor.fetchall()]
        ]
    assert row["version"] == stored["version"] + 1 and row["engine_version"] == stored["engine_version"]
    assert dlt_internals.read_state(row["state"])["sources"]["numbers"] == {"one": 1}
    assert pipeline.state["_local"]["_last_extracted_hash"] == row["version_hash"] != stored["version_hash"]


def test_documents_of_the_configuration_are_where_they_are_looked_for() -> None:
    """`common/configuration.py` and `common/redaction.py` read the keys of each file from `_config_doc`."""
    files = [one for one in dlt.config.config_providers if one.name in ("config.toml", "secrets.toml")]
    assert len(files) == 2 and all(isinstance(one._config_doc, dict) for one in files)  # type: ignore[attr-defined]
    assert all(isinstance(one.present_locations, list) for one in files)


def test_clients_send_every_statement_by_one_method(pipeline: dlt.Pipeline) -> None:
    pipeline.run([{"id": 1}], table_name="counted")
    with dlt_internals.counted_statements(pipeline) as count, pipeline.sql_client() as client:
        client.execute_sql("select 1")
        client.execute_many(["select 2", "select 3"])
        pipeline.dataset()["counted"].fetchall()
    assert 3 <= count.number <= 5
    with pipeline.sql_client() as client:
        client.execute_sql("select 1")
    assert 3 <= count.number <= 5
    with dlt_internals.counted_statements(None) as nothing:
        assert nothing.number == 0


def test_clients_of_pipelines_and_datasets_come_from_the_destination(pipeline: Any) -> None:
    made: list[str] = []
    with dlt_internals.with_each_client(pipeline.destination, lambda client, schema: made.append(schema)):
        pipeline.sql_client()
        of_pipeline = list(made)
        dlt.dataset(pipeline.destination, "any", schema=dlt.Schema("another")).sql_client  # noqa: B018
        assert of_pipeline and made[-1] == "another"
        count = len(made)
        pipeline.run([{"id": 1}], table_name="things")
        assert len(made) > count
    count = len(made)
    pipeline.sql_client()
    assert len(made) == count and "client" not in vars(pipeline.destination)


def test_each_job_is_prepared_in_its_thread_before_it_runs() -> None:
    """Before it, the guard of a lease asks whether the job may still write."""
    source = inspect.getsource(RunnableLoadJob.run_managed)
    assert "self._job_client.prepare_load_job_execution(self)\n                self.run()" in source


def test_every_statement_of_a_client_goes_through_execute_query() -> None:
    for name in ("duckdb.sql_client:DuckDbSqlClient", "postgres.sql_client:Psycopg2SqlClient"):
        module, _, owner = name.partition(":")
        client = getattr(import_module(f"dlt.destinations.impl.{module}"), owner)
        assert "self.execute_query(" in inspect.getsource(client.execute_sql)
        assert "self.commit_transaction()" in inspect.getsource(client.begin_transaction)


def test_a_file_is_loaded_outside_of_a_load(pipeline: Any, tmp_path: Path) -> None:
    pipeline.run([{"number": 1}], table_name="numbers")
    pq.write_table(pa.table({"number": [2, 3], "_dlt_load_id": ["a", "a"], "_dlt_id": ["x", "y"]}), tmp_path / "rows")
    with pipeline.destination_client() as client:
        dlt_internals.load_file(client, "numbers", str(tmp_path / "rows"))
    with pipeline.sql_client() as rows:
        assert rows.execute_sql("select number from numbers order by 1") == [(1,), (2,), (3,)]
    with pipeline.destination_client() as client:
        pq.write_table(pa.table({"unknown": [2]}), tmp_path / "rows")
        with pytest.raises(DestinationException):
            dlt_internals.load_file(client, "numbers", str(tmp_path / "rows"))
