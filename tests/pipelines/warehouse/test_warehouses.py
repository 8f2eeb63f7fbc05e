"""docs/warehouses.md agrees with the installed dlt: keys exist, grants suffice, load formats accept every type."""

import re
import time
from typing import Any, get_args

import dlt
import psycopg2
import pyarrow as pa
import pytest
import tomlkit
from dlt.common.configuration.specs.base_configuration import extract_inner_hint
from dlt.common.destination import Destination

from audit_source import schema
from pipelines.warehouse.engine import Engine, engine_named
from tests.conftest import REPOSITORY, Tenant, event, plain_server
from tests.support.drivers import KINDS
from tests.support.json_hints import no_json_hints
from tests.support.postgres import Postgres
from tests.support.small_models import with_models
from tests.support.tenant_records import LISTS

PAGE = (REPOSITORY / "docs" / "warehouses.md").read_text(encoding="utf-8")


def settings(kind: str) -> dict[str, Any]:
    """Return what the page sets under `[destination.<kind>]`."""
    for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL):
        found: dict[str, Any] = tomlkit.parse(block).unwrap().get("destination", {})
        if kind in found:
            return dict(found[kind])
    raise AssertionError(f"the page has no [destination.{kind}]")


def assert_known(spec: Any, values: dict[str, Any]) -> None:
    classes = [one for one in get_args(spec) or (spec,) if hasattr(one, "get_resolvable_fields")]
    fields = {name: hint for one in classes for name, hint in one.get_resolvable_fields().items()}
    assert set(values) <= set(fields)
    for name, value in values.items():
        if isinstance(value, dict):
            assert_known(extract_inner_hint(fields[name], preserve_literal=True), value)


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_those_of_dlt(kind: str) -> None:
    assert_known(Destination.from_reference(kind).spec, settings(kind))


def format_of_arrow_tables(destination: Any, engine: Engine) -> str:
    """Return the file format in which dlt writes an Arrow table. It may differ from the preferred one."""
    from dlt.common.destination.client import DestinationClientDwhConfiguration

    pipeline = dlt.pipeline(f"format_of_{engine.name}", destination=destination, dataset_name="formats").drop()
    assert issubclass(destination.spec, DestinationClientDwhConfiguration)
    rows = dlt.resource(
        [pa.table({"id": [1], "attributes": ["{}"]})], name="things", columns={"attributes": {"data_type": "json"}}
    ).apply_hints(file_format=engine.load_format(destination))
    with no_json_hints():
        pipeline.extract(rows)
    pipeline.normalize()
    [load_id] = pipeline.list_normalized_load_packages()
    jobs = pipeline.get_load_package_info(load_id).jobs["new_jobs"]
    [file_format] = [job.job_file_info.file_format for job in jobs if job.job_file_info.table_name == "things"]
    return str(file_format)


@pytest.mark.parametrize("kind", ["duckdb", *KINDS])
def test_format_takes_every_raw_column(kind: str) -> None:
    engine = engine_named(kind)
    destination = Destination.from_reference(kind, **engine.destination_options())
    capabilities = destination.capabilities()
    chosen = format_of_arrow_tables(destination, engine)
    assert chosen in capabilities.supported_loader_file_formats
    for table in schema.TABLES:
        # The type mapper of Databricks reads this hint, which its client adds to each table.
        prepared: Any = {"name": table.name, "columns": table.dlt_columns, "x-insert-api": "copy_into"}
        for column in table.dlt_columns.values():
            capabilities.get_type_mapper().ensure_supported_type(column, prepared, chosen)


@with_models("few_models")
def test_grants_of_postgres_suffice(postgres: Postgres, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = postgres.new_database()
    grants = re.search(r"\[destination.postgres.*?```sql\n(.*?)```", PAGE, re.DOTALL)
    assert grants
    with psycopg2.connect(admin) as connection, connection.cursor() as cursor:
        cursor.execute("select current_database()")
        database = (cursor.fetchone() or ("",))[0]
        cursor.execute(f"revoke all on database {database} from public; revoke create on schema public from public")
        cursor.execute(grants[1].replace("database anaplan", f"database {database}"))
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    address = admin.replace("postgres:@/", "loader:none@localhost/")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    with plain_server([event(1, int(time.time() * 1000) - 600_000)], LISTS) as server:
        outcome = tenant.at(server.url).run("run")
    assert outcome.code == 0, outcome.err
