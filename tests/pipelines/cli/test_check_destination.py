"""`check-destination` tries the destination as runs use it, and leaves nothing behind."""

import re
from pathlib import Path

import psycopg2
import pytest

from tests.conftest import Engine
from tests.support.crash_world import use_models
from tests.support.places import place
from tests.support.postgres import Postgres, for_dlt
from tests.support.small_models import copy_models

STEPS = [
    "open",
    "create and load",
    "enrich all days",
    "load a late event",
    "enrich two days",
    "check",
    "read",
    "delete",
]


def schemas(engine: Engine) -> set[str]:
    return {row[0] for row in engine.rows("select schema_name from information_schema.schemata")}


@pytest.mark.parametrize(
    ("kind", "models"),
    [
        pytest.param("postgres", ("fct_events", "dim_users"), id="postgres"),
        pytest.param("postgres", None, id="postgres-all models", marks=pytest.mark.variant),
        pytest.param("duckdb", None, id="duckdb-all models", marks=pytest.mark.variant),
    ],
)
def test_trial_passes_and_removes_what_it_made(
    kind: str, models: tuple[str, ...] | None, tmp_path: Path, postgres: Postgres
) -> None:
    # No tenant is asked: nothing listens there.
    tried = place(kind, tmp_path, "http://127.0.0.1:9", postgres)
    prepare = [(use_models, str(copy_models(tmp_path / "models", models)))] if models else []
    ended = tried.start("check-destination", prepare=prepare).end(timeout=300)
    assert (ended.code, ended.err) == (0, "")
    shown = [line.rstrip() for line in ended.out.splitlines()]
    assert [re.split(" {2,}", line)[0] for line in shown[1:10]] == [*STEPS, "remove"]
    assert shown[1].endswith(tried.engine.rows("select split_part(version(), ',', 1)")[0][0])
    assert "10 events, " in shown[2] and "all days" in shown[3] and ", 2 days" in shown[5]
    statements = {line[:18].strip(): int(line[27:37].replace(",", "")) for line in shown[1:10]}
    assert all(number > 0 for step, number in statements.items() if step != "open")
    assert "The destination works." in shown[11]
    assert int(re.findall(r"about (\d+) statements", shown[12])[0]) > 20
    assert not any("trial" in name or "anaplan" in name for name in schemas(tried.engine))


def test_missing_right_stops_at_its_step(tmp_path: Path, postgres: Postgres) -> None:
    tried = place("postgres", tmp_path, "http://127.0.0.1:9", postgres)
    owner = tried.engine.address
    user = postgres.new_user(owner, "secret-4711")
    with psycopg2.connect(owner) as connection, connection.cursor() as cursor:
        cursor.execute("select current_database()")
        (database,) = cursor.fetchone() or ("",)
        cursor.execute(f"revoke create on database {database} from public")
        cursor.execute(f"revoke create on database {database} from {user.partition('//')[2].partition(':')[0]}")
    tried.set("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(user))
    ended = tried.run("check-destination")
    assert ended.code == 1 and f"permission denied for database {database}" in ended.err
    assert len(ended.err.strip().splitlines()) == 1 and "secret-4711" not in ended.err
    assert [line[:18].strip() for line in ended.out.splitlines()] == ["step", "open", "create and load", "remove"]
