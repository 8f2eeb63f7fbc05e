"""The same raw rows on DuckDB, PostgreSQL and Spark give equal enriched tables, row by row.

Run by `make test-engines`, not by `make test`, because Spark needs Java.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any

import duckdb
import pytest

from audit_source import schema
from pipelines.common.network_names import Network, Networks
from pipelines.transform.addresses import ADDRESSES
from pipelines.transform.plan import RECENT_DAYS
from pipelines.transform.summaries import Reach
from sandbox.server import Sandbox
from tests.conftest import Tenant
from tests.engines.spark import Spark, local_spark
from tests.support import scenario
from tests.support.activity_world import draw_world
from tests.support.harsh import HARSH
from tests.support.history_rows import HISTORY, change
from tests.support.lists_of_models import DIRECTORY, EVENTS, LISTS
from tests.support.model_warehouse import open_warehouse
from tests.support.network_list import write_list
from tests.support.raw_rows import Row, at, days_of, event, version
from tests.support.scenario import ANN, BOB
from tests.support.translation import ENRICHMENT, Translator

NOW = int(datetime(2026, 11, 18, 12, tzinfo=timezone.utc).timestamp() * 1000)

# An administrator who signs in from a new address: a finding that neither input contains.
NEWCOMER = [
    event(201, "AUTHZ-3", "2026-03-08 08:00", user_id=ANN, object_id=BOB, attr_role_name="Tenant Administrator"),
    *(event(202 + day, "USR-8", f"2026-03-{9 + day:02} 08:00", user_id=BOB, ip_address="10.0.0.1") for day in range(6)),
    event(209, "USR-8", "2026-03-16 08:00", user_id=BOB, ip_address="10.9.9.9"),
]

# On this day clocks in New York, the zone of Spark's session, are set forward at 07:00 UTC: a span that is counted by
# local time is an hour too long. A burst, the success behind it, and an event that is recorded an hour later.
DAYLIGHT = [
    *(event(301 + n, "USR-9", f"2026-03-08 06:{56 + n:02}", user_id=BOB) for n in range(4)),
    event(305, "USR-9", "2026-03-08 07:03", user_id=BOB),
    event(306, "USR-8", "2026-03-08 07:05", user_id=BOB, created_date=at("2026-03-08 08:05")),
    event(307, "USR-8", "2026-03-08 06:30", user_id=BOB, created_date=at("2026-03-08 07:30")),
]

# What rules look for: a late hour, a return, many deletions, a role for the own account that is taken soon, and another
# program of an account that runs integrations.
OWL = "0f1a" * 8
STRANGE = [
    *(event(501 + day, "USR-8", f"2026-04-{1 + day:02} 08:00", user_id=OWL) for day in range(21)),
    event(530, "USR-8", "2026-04-22 23:59", user_id=OWL),
    event(531, "USR-8", "2026-09-01 08:00", user_id=ANN),
    *(event(540 + n, "USR-29", f"2026-09-01 09:{n:02}", user_id=ANN, object_id=f"{n:032x}") for n in range(1, 12)),
    event(560, "AUTHZ-3", "2026-09-02 08:00", user_id=ANN, object_id=ANN, attr_role_name="Page Builder"),
    event(561, "AUTHZ-6", "2026-09-02 08:30", user_id=ANN, object_id=ANN, attr_role_name="Page Builder"),
    *(event(570 + day, "USR-8", f"2026-04-{1 + day:02} 12:00", user_id=BOB, user_agent="python") for day in range(6)),
    event(579, "USR-8", "2026-04-09 12:00", user_id=BOB, user_agent="curl/8.5.0"),
]

# Two countries within the hour in which New York sets its clocks forward.
NETWORKS = "10.7.0.0/16,Munich,Germany\n2001:db8::/32,Lyon,France"
TRAVEL = [
    event(590, "USR-8", "2026-03-08 05:30", user_id=BOB, ip_address="10.7.0.1"),
    event(591, "USR-8", "2026-03-08 09:29", user_id=BOB, ip_address="2001:db8::1"),
]

# A row by a user whose name only one user has, with the columns that no other row fills.
CHANGE = change(
    95, "2026-03-04 09:00", "Change Line Item", user_name="p0", target_user="P1", export="Out", table_name="T"
)
CHANGE |= {"line_item_or_property": "Margin", "data_types": "NUMBER", "object": "O"}

# A workspace that is renamed after an event, and one that is removed.
SPACE, CLOSED = "ca" * 16, "cb" * 16
RENAMED = [
    version(SPACE, "2026-03-01 00:00", "2026-03-05 00:00", name="Old"),
    version(SPACE, "2026-03-05 00:00", name="New"),
    version(CLOSED, "2026-03-01 00:00", "2026-03-05 00:00", name="Closed"),
]
VISIT = event(401, "USR-13", "2026-03-03 08:00", user_id=BOB, attr_workspace_id=SPACE, success=True)

Tables = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def raw_rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Return a month of a small company, loaded over HTTP, plus the scenario of the model tests."""
    folder = tmp_path_factory.mktemp("load")
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        environment.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "audit_log.duckdb"))
        with Sandbox(events=3_000, users=40, clock_ms=NOW, rate_limit=0, **HARSH) as sandbox:
            outcome = Tenant(environment).at(sandbox.url, password="sandbox").run("load")
    assert outcome.code == 0, outcome.err
    with duckdb.connect(str(folder / "audit_log.duckdb"), read_only=True) as database:
        database.execute("set TimeZone = 'UTC'")
        rows = {table.name: _rows(database, table.name) + _scenario(table.name) for table in schema.TABLES}
    # Those of the worlds too, as `Warehouse.load` records them.
    return {**rows, "event_days": days_of(rows["events"])}


def _rows(database: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
    found = database.execute(f"select * from anaplan_audit_raw.{table}")
    names = [column[0] for column in found.description or []]
    kept = [name for name in names if not name.startswith("_dlt") or name.startswith("_dlt_valid")]
    return [
        {name: row[name] for name in kept} for row in (dict(zip(names, one, strict=True)) for one in found.fetchall())
    ]


def _scenario(table: str) -> list[Row]:
    worlds = (scenario.WORLD, DIRECTORY, LISTS, HISTORY, _apart(draw_world(1, 400), 10_000))
    more = {
        "events": [*NEWCOMER, *DAYLIGHT, *STRANGE, *TRAVEL, VISIT, *_apart({"events": EVENTS}, 1_000)["events"]],
        "users": [version(OWL, "2026-03-01 00:00", first_name="Nina", last_name="Owl", email="nina@x.com")],
        "workspaces": RENAMED,
        "model_history": [CHANGE],
    }
    return [*(row for world in worlds for row in world.get(table, [])), *more.get(table, [])]


def _apart(world: dict[str, list[Row]], first: int) -> dict[str, list[Row]]:
    """Return a world whose events have numbers from `first`, so that none is the event of another world."""
    return {**world, "events": [{**row, "id": row["id"] + first} for row in world["events"]]}


@pytest.fixture(scope="session")
def warehouses(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, raw_rows: dict[str, list[Row]]
) -> Iterator[Callable[[str], Tables]]:
    """Load and enrich an engine through dlt once. Returns its enriched tables."""
    built: dict[str, Tables] = {}
    with pytest.MonkeyPatch.context() as environment, ExitStack() as stack:
        environment.setenv("DLT_DATA_DIR", str(tmp_path_factory.mktemp("dlt")))
        # The zone of PostgreSQL's sessions. Not UTC, as on Spark.
        environment.setenv("PGTZ", "America/New_York")
        networks = tmp_path_factory.mktemp("networks")

        def tables(engine: str) -> Tables:
            if engine not in built:
                warehouse = stack.enter_context(open_warehouse(engine, request, tmp_path_factory.mktemp(engine)))
                warehouse.load(**raw_rows)
                # Each test begins without the settings of the one before.
                write_list(networks, environment, NETWORKS)
                warehouse.enrich()
                built[engine] = warehouse.tables()
            return built[engine]

        yield tables


def recent_days(rows: dict[str, list[Row]]) -> Reach:
    """Return the reach of a run of today: summaries store older days than its recent ones."""
    newest = max(row["event_day"] for row in rows["events"])
    return Reach(since=min(newest, datetime.now(timezone.utc).date()) - timedelta(days=RECENT_DAYS))


def named_addresses(rows: dict[str, list[Row]]) -> list[Row]:
    """Return the rows of `dim_addresses`, which are found in Python on every engine."""
    networks = Networks([Network(*line.split(",")) for line in NETWORKS.splitlines()])
    found = {row["ip_address"]: networks.of(row["ip_address"]) for row in rows["events"] if row.get("ip_address")}
    return [{"ip_address": address, **one._asdict()} for address, one in found.items() if one]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory, raw_rows: dict[str, list[Row]]) -> Iterator[Spark]:
    with local_spark(tmp_path_factory.mktemp("spark"), recent_days(raw_rows)) as opened:
        opened.load(raw_rows)
        opened.enrich({ADDRESSES: named_addresses(raw_rows)})
        yield opened


def test_the_input_fills_every_raw_table(raw_rows: dict[str, list[Row]]) -> None:
    assert {name: len(rows) for name, rows in raw_rows.items() if not rows} == {}


def test_the_input_fills_every_table_and_every_rule(warehouses: Callable[[str], Tables]) -> None:
    """Empty tables would also be equal, so every table needs rows."""
    tables = warehouses("duckdb")
    assert [name for name, rows in tables.items() if not rows] == []
    empty = {
        f"{name}.{column}"
        for name, rows in tables.items()
        for column, values in zip(ENRICHMENT.tables[name].columns, zip(*rows, strict=True), strict=True)
        if set(values) == {None}
    }
    assert empty == set()
    rules = {row["rule"] for seed in ENRICHMENT.seeds if seed.name == "finding_rules" for row in seed.rows}
    column = list(ENRICHMENT.models["security_findings"].columns).index("rule")
    assert {row[column] for row in tables["security_findings"]} == rules


def test_postgres_equals_duckdb(warehouses: Callable[[str], Tables]) -> None:
    one, other = warehouses("duckdb"), warehouses("postgres")
    assert set(one) == set(other)
    for name, rows in one.items():
        assert other[name] == rows, name


@pytest.mark.parametrize("name", ENRICHMENT.tables)
def test_spark_equals_duckdb(warehouses: Callable[[str], Tables], spark: Spark, name: str) -> None:
    assert spark.rows(name, list(ENRICHMENT.tables[name].columns)) == warehouses("duckdb")[name]


def test_every_check_runs_on_spark_and_passes(spark: Spark) -> None:
    checks = spark.translator.checks()
    assert len(checks) > 40
    counts = [f"select '{name}' as check_name, count(*) as failing from ({query})" for name, query in checks.items()]
    assert [row for row in spark.sql(" union all ".join(counts)) if row.failing] == []


def test_databricks_gets_the_sql_that_ran_here(spark: Spark, raw_rows: dict[str, list[Row]]) -> None:
    assert Translator("databricks", recent_days(raw_rows)).models() == spark.translator.models()
