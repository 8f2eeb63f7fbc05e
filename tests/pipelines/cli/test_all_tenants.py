"""What readers get of all tenants: views over the tables of each, in one dataset."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import tenant_options
from pipelines.common import exit_codes
from tests.conftest import REPOSITORY, event, plain_server
from tests.support.children import Ended
from tests.support.crash_world import WITHOUT_DETAILS, use_models, write_few_models
from tests.support.places import Place, place
from tests.support.small_models import write_model

NOW = int(time.time() * 1000)
# The ids of both begin with 1: another tenant's event may have the same.
EVENTS = {
    name: [event(1 + n, NOW - 600_000 - n * 7_000_000, userId=f"user-of-{name}") for n in range(number)]
    for name, number in (("production", 5), ("test", 3))
}
both = pytest.mark.parametrize("kind", ["duckdb", "postgres"])
RAW_COLUMNS = "window_start, window_end, event_type, status, distinct_events"


@pytest.fixture
def two(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place whose settings name two tenants, whose events have the same ids."""
    postgres = request.getfixturevalue("postgres") if kind == "postgres" else None
    with plain_server(EVENTS["production"]) as production, plain_server(EVENTS["test"]) as test:
        general = place(kind, tmp_path, "http://127.0.0.1:9", postgres, **WITHOUT_DETAILS)
        for name, url in (("PRODUCTION", production.url), ("TEST", test.url)):
            for service in ("AUTH", "API", "AUDIT", "OAUTH"):
                general.set(f"TENANTS__{name}__{service}_URL", url)
            general.set(f"TENANTS__{name}__CREDENTIALS__EMAIL", "auditor@example.com")
            general.set(f"TENANTS__{name}__CREDENTIALS__PASSWORD", "secret")
        general.set("PIPELINES__ANAPLAN_AUDIT_ENRICH__ALL_TENANTS_DATASET", "everybody")
        yield general


@both
@pytest.mark.long
def test_views_have_the_rows_of_each_tenant_and_follow_its_tables(two: Place) -> None:
    code, out, err = _start(two, "run", "--all-tenants")
    assert code == 0 and out.splitlines()[-2] == "== all tenants ==", err
    assert "of 2 tenants in `everybody`, replaced" in out.splitlines()[-1]
    tables = _columns(two, "anaplan_audit_test")
    assert len(tables) > 30 and _columns(two, "everybody").keys() == {*tables, "event_windows", "tenants"}
    for table, columns in tables.items():
        assert _of_all(two, table, columns) == _of_each(two, table, columns), table
    assert two.engine.rows(f"select tenant, {RAW_COLUMNS} from everybody.event_windows order by 1, 2, 3") == [
        row
        for name in EVENTS
        for row in two.engine.rows(
            f"select '{name}', {RAW_COLUMNS} from anaplan_audit_raw_{name}.event_windows order by 2, 3"
        )
    ]
    # Keys of both tenants differ, and still join.
    joined = "select count(*), count(distinct f.user_key) from everybody.fct_events f join everybody.dim_users"
    assert two.engine.rows(f"{joined} d on f.user_key = d.user_key and f.tenant = d.tenant") == [(8, 2)]
    assert two.engine.rows(f"{joined} d on f.user_key = d.user_key") == [(8, 2)]


@both
@pytest.mark.usual_engine("postgres")
def test_views_follow_columns_and_tenants_that_change(two: Place) -> None:
    models = two.folder / "models"
    write_few_models(models)
    for name in EVENTS:
        assert _run(two, models, name) == exit_codes.DONE
    assert "7 views of 2 tenants in `everybody`, replaced" in _update(two).out
    assert _of_all(two, "fct_events", ["event_id"]) == [
        (name, one["id"]) for name, events in EVENTS.items() for one in events
    ]
    # Once only one tenant has a column, and another one as a different type.
    query = "select cast(user_id as varchar) as user_id, cast({value}) as {name} from fct_events group by user_id"
    for name, value in (("a_key", "min(user_id) as varchar"), ("number", "1 as bigint")):
        write_model(models, "users_seen", query.format(value=value, name=name), columns=["user_id", name])
        assert _run(two, models, "production", "enrich") == exit_codes.DONE
    write_model(
        models, "users_seen", query.format(value="'x' as varchar", name="number"), columns=["user_id", "number"]
    )
    assert _run(two, models, "test", "enrich") == exit_codes.DONE
    assert "replaced" in _update(two).out
    assert _of_all(two, "users_seen", ["user_id", "number"]) == [
        ("production", "user-of-production", "1"),
        ("test", "user-of-test", "x"),
    ]
    assert "unchanged" in _update(two).out
    two.set("TENANTS__NEW__REGION", "us1")
    two.set("TENANTS__FAR__DESTINATION__DUCKDB__CREDENTIALS", "far.duckdb")
    for name in [one for one in two.environment if one.startswith("TENANTS__TEST__")]:
        del two.environment[name]
    ended = _update(two)
    assert "7 views of 1 tenant in `everybody`, replaced" in ended.out and ended.code == exit_codes.DONE
    assert "tenant `new` has no part in the views in `everybody`: no tables yet." in ended.err
    assert (
        "tenant `far` has no part in the views in `everybody`: its own setting `destination.duckdb.credentials`."
        in ended.err
    )
    assert {row[0] for row in _of_all(two, "fct_events", ["event_id"])} == {"production"}
    assert two.engine.rows("select tenant, dataset from everybody.tenants") == [
        ("production", "anaplan_audit_production")
    ]


@pytest.mark.parametrize("kind", ["duckdb"])
def test_tables_that_are_elsewhere_are_missed(two: Place) -> None:
    ended = _update(two)
    assert ended.code == exit_codes.CONFIGURATION
    assert "no tenant has tables in" in ended.err and len(ended.err.splitlines()) == 1


def _run(two: Place, models: Path, name: str, command: str = "run") -> int:
    return two.run(command, "--tenant", name, prepare=[(use_models, str(models))]).code


def _update(two: Place) -> Ended:
    """Do what `run --all-tenants` does at its end."""
    return two.run("run", "--all-tenants", prepare=[(_run_for_none,)])


def _run_for_none() -> None:
    tenant_options.run_for_all = lambda *_, **__: exit_codes.DONE  # type: ignore[assignment]


def _of_each(two: Place, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    rows = []
    for name in EVENTS:
        values = [f"'{name}:' || \"{one}\"" if one.endswith("_key") else f'"{one}"' for one in columns]
        rows += two.engine.rows(f"select '{name}', {', '.join(values)} from anaplan_audit_{name}.{table}")
    return sorted(rows, key=repr)


def _of_all(two: Place, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{one}"' for one in columns)
    return sorted(two.engine.rows(f"select tenant, {names} from everybody.{table}"), key=repr)


def _columns(two: Place, schema: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in two.engine.rows(
        "select table_name, column_name from information_schema.columns"
        f" where table_schema = '{schema}' and table_name not like '\\_dlt%' escape '\\' order by ordinal_position"
    ):
        if not column.startswith("_dlt"):
            found.setdefault(table, []).append(column)
    return found


def _start(two: Place, *arguments: str) -> tuple[int, str, str]:
    """Run a command as a user does: `--all-tenants` repeats the command line of its process."""
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines.audit", *arguments],
        cwd=two.folder,
        env={**two.environment, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return ended.returncode, ended.stdout, ended.stderr
