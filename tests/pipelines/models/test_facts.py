"""Input rows to expected rows, on DuckDB and on PostgreSQL."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest

from pipelines.cli.report_tables import format_table, summary_tables
from pipelines.transform.checks import CheckResult
from pipelines.transform.parse import MODELS_DIR, read_tables
from pipelines.transform.seeds import Seed
from pipelines.warehouse.reader import Reader
from tests.support import scenario
from tests.support.model_warehouse import Warehouse, open_warehouse
from tests.support.raw_rows import at
from tests.support.scenario import ANN, APP, BOB, EVE, GHOST, GONE, LOST_MODEL, PAGE, PLAN, SALES, SYSTEM

FIRST_ID = 971529164212789000
Facts = Callable[..., Any]


@pytest.fixture(scope="module")
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Warehouse]]:
    """The scenario, enriched once an engine for all tests of this file."""
    opened: dict[str, Warehouse] = {}
    with pytest.MonkeyPatch.context() as environment, ExitStack() as stack:
        environment.setenv("DLT_DATA_DIR", str(tmp_path_factory.mktemp("dlt")))

        def world(engine: str) -> Warehouse:
            if engine not in opened:
                warehouse = stack.enter_context(open_warehouse(engine, request, tmp_path_factory.mktemp(engine)))
                # One engine in steps: an empty tenant, then every other event comes late, and so do most names.
                early = {"events": scenario.EVENTS[::2], "users": scenario.USERS[2:3], "models": []}
                if engine == "duckdb":
                    warehouse.load("2026-03-08 00:00")
                    warehouse.first = warehouse.enrich(), warehouse.tables()
                    warehouse.load("2026-03-09 00:00", **{**scenario.WORLD, **early})
                    warehouse.enrich()
                warehouse.load(**scenario.WORLD)
                warehouse.enrich()
                warehouse.results = warehouse.check()
                opened[engine] = warehouse
            return opened[engine]

        yield world


@pytest.fixture(params=["duckdb", "postgres"])
def world(request: pytest.FixtureRequest, worlds: Callable[[str], Warehouse]) -> Warehouse:
    return worlds(request.param)


@pytest.fixture
def fact(world: Warehouse) -> Facts:
    """The named columns of one event in fct_events."""

    def columns(number: int, *names: str) -> Any:
        row = world.row("fct_events", *names, where=f"event_id = {FIRST_ID + number}")
        return row if len(names) > 1 else row[0]

    return columns


def test_every_event_is_one_fact(world: Warehouse) -> None:
    ids = [row[0] for row in world.rows("fct_events", "event_id")]
    assert ids == sorted(row["id"] for row in scenario.EVENTS)


def test_both_engines_give_equal_rows_whatever_the_steps(worlds: Callable[[str], Warehouse]) -> None:
    one, other = worlds("duckdb").tables(), worlds("postgres").tables()
    del one["check_results"], other["check_results"]
    assert one == other


@pytest.mark.usual_engine("duckdb")
def test_a_full_refresh_gives_the_rows_that_the_increments_gave(world: Warehouse) -> None:
    before = world.tables()
    assert world.enrich(full_refresh=True).days is None
    assert world.tables() == before


def test_an_empty_tenant_has_every_table(worlds: Callable[[str], Warehouse]) -> None:
    report, tables = worlds("duckdb").first
    assert set(tables) == set(report.tables)
    seeds = {table.name for table in read_tables(MODELS_DIR) if isinstance(table, Seed)}
    seeds |= {"event_subjects", "dim_event_types"}
    assert {name: rows for name, rows in tables.items() if name not in seeds and rows} == {}


def test_all_checks_pass(world: Warehouse) -> None:
    results: list[CheckResult] = world.results
    assert [result.line() for result in results if not result.passed] == []
    assert len(results) > 40


def test_built_columns_are_those_of_models_yml(world: Warehouse) -> None:
    built = {name: set(world.columns(name)) for name in world.tables() if name != "check_results"}
    assert built == {table.name: set(table.docs.columns) for table in read_tables(MODELS_DIR)}


def test_fct_events_begins_with_the_columns_of_the_contract(world: Warehouse) -> None:
    contract = [
        "event_id",
        "event_day",
        "occurred_at",
        "recorded_at",
        "seconds_late",
        "event_type_id",
        "event_category",
        "event_message",
        "message",
        "success",
        "error_number",
        "user_id",
        "user_kind",
        "user_name",
        "user_email",
        "tenant_id",
        "workspace_id",
        "workspace_name",
        "model_id",
        "model_name",
        "object_kind",
        "object_id",
        "object_name",
        "app_id",
        "app_name",
        "page_id",
        "page_name",
        "action_id",
        "action_name",
        "action_type",
        "process_id",
        "process_name",
        "integration_id",
        "integration_name",
        "role_id",
        "role_name",
        "target_user_id",
        "target_user_name",
        "ip_address",
        "user_agent",
        "client",
        "session_id",
        "host_name",
        "service_version",
        "checksum",
    ]
    assert world.columns("fct_events")[: len(contract)] == contract


def test_names_are_those_of_the_time_and_the_present_name_stands_beside(fact: Facts) -> None:
    columns = ("user_id", "user_kind", "user_name", "user_name_now", "user_email")
    assert fact(1, *columns) == (ANN, "person", "Ann Lee", "Ann Bell", "ann@x.com")
    assert fact(2, *columns) == (ANN, "person", "Ann Lee", "Ann Bell", "ann@x.com")
    assert fact(3, *columns) == (ANN, "person", "Ann Bell", None, "ann@x.com")


def test_a_user_who_left_keeps_the_last_name_and_a_gap_takes_the_version_before(fact: Facts) -> None:
    assert fact(5, "user_name", "user_kind", "object_status") == ("bob@x.com", "person", "deleted")
    assert [fact(number, "user_name") for number in (6, 7, 8)] == ["Eve Early", "Eve Early", "Eve Later"]


def test_people_system_and_unknown_are_told_apart(fact: Facts) -> None:
    assert fact(9, "user_id", "user_kind", "user_name") == (None, "unknown", None)
    assert fact(10, "user_id", "user_kind", "user_name") == (SYSTEM, "system", None)
    assert fact(11, "user_id", "user_kind", "user_name") == (GHOST, "unknown", None)


def test_models_and_workspaces_are_resolved_in_either_case(fact: Facts) -> None:
    columns = ("model_id", "model_name", "workspace_id", "workspace_name", "object_name", "object_status")
    assert fact(11, *columns) == (PLAN, "Plan", SALES, "Sales", "Plan", "named")
    assert fact(12, *columns) == (PLAN, "Plan", SALES, "Sales", "Plan", "named")
    assert fact(13, *columns) == (PLAN, "Plan", SALES, "Sales", "Plan", "deleted")
    assert fact(14, *columns) == (LOST_MODEL, "Lost", None, None, "Lost", "named")


def test_an_unsaved_action_says_so(fact: Facts) -> None:
    assert fact(29, "action_id", "action_name") == ("-1", "unsaved action")


def test_what_happened_in_a_model_does_not_name_the_model(fact: Facts) -> None:
    columns = ("model_id", "model_name", "object_name", "object_status", "sent_name", "sent_type")
    assert fact(28, *columns) == (PLAN, "Plan", "Plan", "named", "Grid", "xlsx")
    assert fact(29, *columns) == (LOST_MODEL, None, None, "unknown", None, None)


def test_pages_take_the_names_that_other_events_of_the_day_tell(fact: Facts) -> None:
    columns = ("app_name", "page_name", "object_name", "object_status")
    assert fact(30, *columns) == ("Plans", "Home", "Home", "named")
    assert fact(31, *columns) == ("Plans", "Home", "Home", "named")
    assert fact(32, *columns) == (None, None, None, "unknown")


def test_a_dashboard_is_told_from_its_model(world: Warehouse, fact: Facts) -> None:
    assert fact(33, "object_name", "page_id", "page_name") == ("Plan", "D1", "Start page")
    columns = ("object_id", "object_name", "page_id", "model_name")
    visit = world.row("fct_page_visits", *columns, where="kind = 'dashboard'")
    assert visit == (f"{PLAN}/D1", "Start page", "D1", "Plan")


def test_an_object_of_no_kind_is_told_by_its_form_or_its_type(fact: Facts) -> None:
    columns = ("object_kind", "app_id", "page_id", "object_name", "object_status")
    assert fact(34, *columns) == ("app_page", APP, PAGE, "Home", "named")
    assert fact(37, "object_kind", "object_id", "object_name") == ("workspace", SALES, "Sales")


def test_the_domain_of_an_encryption_event_is_no_user(fact: Facts) -> None:
    columns = ("object_id", "target_user_id", "target_user_name", "target_user_kind")
    assert fact(35, *columns) == ("domain-1", None, None, None)
    assert fact(36, *columns) == (ANN, ANN, "Ann Bell", "person")


def test_present_names_stand_beside_those_of_objects_and_targets(fact: Facts) -> None:
    columns = ("object_name", "object_name_now", "target_user_name", "target_user_name_now", "target_user_email")
    assert fact(1, *columns) == ("Ann Lee", "Ann Bell", "Ann Lee", "Ann Bell", "ann@x.com")
    assert fact(3, *columns) == ("Ann Bell", None, "Ann Bell", None, "ann@x.com")


def test_pages_are_split_and_null_parts_are_nothing(fact: Facts) -> None:
    columns = ("app_id", "page_id", "page_name", "object_id", "object_status")
    assert fact(15, *columns) == (APP, PAGE, "Board", f"{APP}/{PAGE}", "named")
    assert fact(16, *columns) == (None, PAGE, None, f"null/{PAGE}", "unknown")
    assert fact(17, *columns) == (APP, None, None, f"{APP}/null", "unknown")
    assert fact(18, "app_id", "app_name", "object_name") == (APP, "App", "App")


def test_codes_are_normalised_and_unknown_codes_kept(world: Warehouse, fact: Facts) -> None:
    assert fact(19, "event_type_id", "event_message") == ("USR-4", "User disabled")
    assert fact(20, "event_type_id", "event_category", "event_message") == ("NEW-7", "unknown", None)
    assert fact(27, "event_type_id", "event_category") == (None, "unknown")
    assert world.row("dim_event_types", "is_listed", where="event_type_id = 'NEW-7'") == (False,)


def test_roles_and_targets(fact: Facts) -> None:
    columns = ("role_id", "role_name", "target_user_id", "target_user_name")
    assert fact(21, *columns) == ("r1", "Tenant Administrator", EVE, "Eve Early")
    assert fact(22, *columns) == ("m1", "Viewer", "9999", "Zed")
    assert fact(38, "target_user_name", "target_user_email") == ("gone@x.com", "gone@x.com")


def test_lateness_and_missing_dates(fact: Facts) -> None:
    assert fact(25, "seconds_late") == 9 * 3600
    assert fact(24, "occurred_at", "seconds_late", "event_day", "user_name") == (
        None,
        None,
        date(2026, 3, 1),
        "Ann Lee",
    )


def test_clients(fact: Facts) -> None:
    assert [fact(number, "client") for number in (1, 2, 3)] == [None, "Firefox", "curl"]


def test_processes_and_integrations(fact: Facts) -> None:
    assert fact(26, "process_id", "process_name", "object_name", "model_name") == ("P1", "Close", "Close", "Plan")
    assert fact(10, "integration_id", "integration_name") == ("F10", "Nightly")


def test_dim_users(world: Warehouse) -> None:
    columns = ("version", "user_name", "kind", "is_current", "is_removed", "valid_from", "last_login_at")
    ann = world.rows("dim_users", *columns, where=f"user_id = '{ANN}'")
    login = at("2026-03-05 09:00")
    assert ann == [
        (1, "Ann Lee", "person", False, False, at("2026-03-02 00:00"), login),
        (2, "Ann Bell", "person", True, False, at("2026-03-05 00:00"), login),
    ]
    assert [row[:5] for row in world.rows("dim_users", *columns, where=f"user_id = '{BOB}'")] == [
        (1, "bob@x.com", "person", True, True)
    ]
    assert [row[1] for row in world.rows("dim_users", *columns, where=f"user_id = '{EVE}'")] == [
        "Eve Early",
        "Eve Later",
    ]
    unlisted = world.rows("dim_users", "user_id", "kind", where="valid_from is null")
    assert unlisted == [(GONE, "unknown"), ("9999", "unknown"), (SYSTEM, "system"), (GHOST, "unknown")]


def test_users_in_no_list_are_called_as_events_call_them(world: Warehouse) -> None:
    named = world.rows("dim_users", "user_id", "user_name", "email", where="kind = 'unknown'")
    assert named == [(GONE, "gone@x.com", "gone@x.com"), ("9999", "Zed", None), (GHOST, None, None)]


def test_dim_models_and_workspaces(world: Warehouse) -> None:
    assert world.rows("dim_models", "model_id", "model_name", "last_modified_by", "is_listed", "is_removed") == [
        (PLAN, "Plan", SYSTEM, True, True),
        (LOST_MODEL, None, None, False, False),
    ]
    assert world.rows("dim_workspaces", "workspace_id", "workspace_name") == [(SALES, "Sales")]


def test_sign_ins(world: Warehouse) -> None:
    rows = world.rows("fct_sign_ins", "event_id", "outcome", "user_id", "user_name")
    nobody = world.row("fct_sign_ins", "user_kind", "user_id", where=f"event_id = {FIRST_ID + 9}")
    assert nobody == ("person", EVE)
    assert [(event_id - FIRST_ID, *rest) for event_id, *rest in rows] == [
        (1, "success", ANN, "Ann Lee"),
        (2, "success", ANN, "Ann Lee"),
        (3, "success", ANN, "Ann Bell"),
        (4, "sign_out", ANN, "Ann Bell"),
        (5, "failure", BOB, "bob@x.com"),
        (6, "time_out", EVE, "Eve Early"),
        (7, "time_out", EVE, "Eve Early"),
        (8, "time_out", EVE, "Eve Later"),
        (9, "failure", EVE, "Eve Early"),
        (24, "success", ANN, "Ann Lee"),
        (25, "success", ANN, "Ann Lee"),
    ]


def test_page_visits_leave_out_failed_ones(world: Warehouse) -> None:
    rows = world.rows("fct_page_visits", "event_id", "kind", "object_name")
    assert [(event_id - FIRST_ID, *rest) for event_id, *rest in rows] == [
        (11, "model", "Plan"),
        (12, "model", "Plan"),
        (13, "model", "Plan"),
        (14, "model", "Lost"),
        (15, "board", "Board"),
        (16, "board", None),
        (18, "app", "App"),
        (30, "board", "Home"),
        (31, "board", "Home"),
        (32, "board", None),
        (33, "dashboard", "Start page"),
    ]


def test_model_changes(world: Warehouse) -> None:
    assert world.rows("fct_model_changes", "kind", "model_id", "action_name", "process_name") == [
        ("action", LOST_MODEL, "unsaved action", None),
        ("export", PLAN, "Grid", None),
        ("process", PLAN, None, "Close"),
    ]


def test_access_changes(world: Warehouse) -> None:
    rows = world.rows("fct_access_changes", "kind", "action", "outcome", "target_user_name", "role_name", "is_on_self")
    assert rows == [
        ("encryption_role", "granted", "done", "Ann Bell", None, True),
        ("encryption_role", "granted", "done", None, None, False),
        ("model_role", "granted", "done", "Zed", "Viewer", False),
        ("tenant_role", "granted", "done", "Eve Early", "Tenant Administrator", False),
        ("user", "deleted", "done", "gone@x.com", None, False),
        ("user", "disabled", "done", "bob@x.com", None, False),
        ("workspace_admin", "changed", "failed", "Ann Lee", None, True),
    ]


def test_daily_usage_counts_events_users_and_failures(world: Warehouse) -> None:
    rows = world.rows(
        "agg_daily_usage",
        "model_id",
        "event_category",
        "event_count",
        "user_count",
        "failure_count",
        where="event_day = '2026-03-02'",
    )
    assert rows == [
        (None, "unknown", 1, 1, 0),
        (None, "user_activity", 6, 2, 1),
        (PLAN, "user_activity", 1, 1, 0),
        (LOST_MODEL, "user_activity", 1, 1, 0),
    ]


def test_daily_pages(world: Warehouse) -> None:
    columns = ("kind", "object_name", "visit_count", "user_count")
    assert world.rows("agg_daily_pages", *columns, where="event_day = '2026-03-02'") == [
        ("app", "App", 1, 1),
        ("board", "Board", 1, 1),
        ("board", None, 1, 1),
        ("model", "Lost", 1, 1),
        ("model", "Plan", 1, 1),
    ]


def test_deprecated_measures_equal_their_successors(world: Warehouse) -> None:
    """The former names stay for one release."""
    deprecated = {
        (table.name, old, found[1])
        for table in read_tables(MODELS_DIR)
        for old, text in table.docs.columns.items()
        if (found := re.fullmatch(r"Deprecated: use `(\w+)`", text))
    }
    assert len(deprecated) == 3 + 2 + 6 + 5
    for table, old, new in deprecated:
        assert world.rows(table, old) == world.rows(table, new)
        assert any(row[0] for row in world.rows(table, new)), (table, new)


def test_user_activity(world: Warehouse) -> None:
    columns = (
        "event_count",
        "sign_in_count",
        "failed_sign_in_count",
        "active_days_7",
        "days_idle",
        "last_model_name",
        "is_seen",
    )
    assert world.row("user_activity", *columns, where=f"user_id = '{ANN}'") == (29, 5, 0, 6, 0, "Plan", True)
    assert world.row("user_activity", *columns, where=f"user_id = '{BOB}'") == (3, 0, 1, 2, 1, None, True)
    assert world.row("user_activity", *columns, where="user_id = '9999'") == (0, 0, 0, 0, None, None, False)


def test_one_row_per_user(world: Warehouse) -> None:
    users = {row[0] for row in world.rows("dim_users", "user_id")}
    assert [row[0] for row in world.rows("user_activity", "user_id")] == sorted(users)


def test_the_summary_reads_the_enriched_tables(world: Warehouse) -> None:
    with ExitStack() as held:
        tables = summary_tables(Reader(world.raw.destination, held, with_tables=False))
    out = "\n".join(line for table in tables for line in format_table(table))
    for line in ("Sign-ins", "success", "Most visited pages", "Plan", "Most active users", "Ann Lee", "Busiest models"):
        assert line in out


# Keys of facts, with the dimension, its key and its id.
KEYS = {
    "user_key": ("dim_users", "user_key", "user_id"),
    "target_user_key": ("dim_users", "user_key", "user_id"),
    "model_key": ("dim_models", "model_key", "model_id"),
    "workspace_key": ("dim_workspaces", "workspace_key", "workspace_id"),
}
KEYED = ("fct_events", "fct_sign_ins", "fct_page_visits", "fct_model_changes", "fct_access_changes")
KEYED += ("fct_denied_access", "fct_platform_changes")


def test_each_fact_joins_the_version_of_its_time(world: Warehouse) -> None:
    joined = set()
    for table in KEYED:
        for key in KEYS.keys() & set(world.columns(table)):
            dimension, key_there, id_there = KEYS[key]
            both = f"{table} as f left join anaplan_audit.{dimension} as d on f.{key} = d.{key_there}"
            own_id = f"f.{key.removesuffix('_key')}_id"
            ((rows, ids),) = world.rows(f"{table} as f", "count(*)", f"count({own_id})")
            assert world.rows(both, "count(*)", f"count(d.{id_there})") == [(rows, ids)], (table, key)
            assert world.rows(both, f"f.{key}", where=f"{own_id} <> d.{id_there}") == []
            # The first version is open to the past, and each holds until the next.
            assert world.rows(both, f"f.{key}", where="d.version > 1 and f.occurred_at < d.valid_from") == []
            later = f"select 1 from anaplan_audit.{dimension} as n where n.{id_there} = d.{id_there}"
            later += " and n.version > d.version and n.valid_from <= f.occurred_at"
            assert world.rows(both, f"f.{key}", where=f"exists ({later})") == []
            joined |= {(table, key)} if ids else set()
    assert joined >= {("fct_events", key) for key in KEYS} | {("fct_sign_ins", "user_key")}


def test_keys_name_the_version(fact: Facts) -> None:
    keys = [fact(number, "user_key") for number in (1, 2, 3, 9, 11)]
    assert keys == [f"{ANN}-1", f"{ANN}-1", f"{ANN}-2", None, f"{GHOST}-1"]
    assert fact(11, "model_key", "workspace_key", "target_user_key") == (f"{PLAN}-1", f"{SALES}-1", None)
    assert fact(21, "target_user_key") == f"{EVE}-1"
