"""Each rule of security_findings: a planted case that it finds, and the near miss that it does not."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from pipelines.transform.parse import MODELS_DIR, Model, read_tables
from pipelines.transform.seeds import Seed
from tests.support.raw_rows import at

TABLES = {table.name: table for table in read_tables(MODELS_DIR)}
SQL_TYPES = {"text": "varchar", "bool": "boolean", "timestamp": "timestamptz"}
START = at("2026-03-01 10:00")
FIND = "select rule, user_id, evidence_count, evidence_event_ids from security_findings order by finding_id"

Insert = Callable[..., None]
Findings = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty tables of the second layer, and the rules as they are shipped."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        model = TABLES["security_findings"]
        for name in (*model.inputs,) if isinstance(model, Model) else ():
            columns = ", ".join(f"{one} {SQL_TYPES.get(kind, kind)}" for one, kind in TABLES[name].columns.items())
            connection.execute(f"create table {name} ({columns})")
        rules = TABLES["finding_rules"]
        assert isinstance(rules, Seed)
        for row in rules.rows:
            _insert(connection, "finding_rules", row)
        yield connection


def _insert(connection: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    connection.execute(f"insert into {table} ({names}) values ({', '.join('?' * len(row))})", list(row.values()))


@pytest.fixture
def insert(database: duckdb.DuckDBPyConnection) -> Insert:
    """Adds a row; `minute` counts from the start."""

    def add(table: str, number: int, minute: float = 0, **values: Any) -> None:
        moment = START + timedelta(minutes=minute)
        times = {"event_day": moment.date(), "occurred_at": moment}
        row = {"event_id": number, "user_id": "u", **times, **values}
        # Users without a name have their id as label.
        labels = {f"{who}_label": row.get(f"{who}_id") for who in ("user", "target_user")}
        known = {name: label for name, label in labels.items() if name in TABLES[table].columns}
        _insert(database, table, {**known, **row})

    return add


@pytest.fixture
def findings(database: duckdb.DuckDBPyConnection) -> Findings:
    def find() -> list[tuple[Any, ...]]:
        model = TABLES["security_findings"]
        assert isinstance(model, Model)
        database.execute(f"create or replace temp table security_findings as {model.query.sql('duckdb')}")
        return database.execute(FIND).fetchall()

    return find


def sign_ins(insert: Insert, outcomes: str, minutes_apart: float, first: int = 1, **values: Any) -> None:
    """`f` is a failed and `s` a successful sign-in."""
    for place, outcome in enumerate(outcomes):
        name = {"f": "failure", "s": "success"}[outcome]
        insert("fct_sign_ins", first + place, place * minutes_apart, outcome=name, **values)


def test_five_failures_in_ten_minutes_are_a_burst(insert: Insert, findings: Findings) -> None:
    sign_ins(insert, "fffff", 2.5)
    assert findings() == [("failed_sign_in_burst", "u", 5, "1,2,3,4,5")]


def test_failures_a_little_further_apart_or_of_two_users_are_none(insert: Insert, findings: Findings) -> None:
    sign_ins(insert, "fffff", 2.51)
    sign_ins(insert, "ff", 1, first=11, user_id="v")
    sign_ins(insert, "ffff", 1, first=21, user_id="w")
    assert findings() == []


def test_a_long_attack_is_one_finding_and_a_later_one_another(insert: Insert, findings: Findings) -> None:
    sign_ins(insert, "f" * 12, 1)
    for place in range(5):
        insert("fct_sign_ins", 101 + place, 600 + place, outcome="failure")
    assert findings() == [
        ("failed_sign_in_burst", "u", 12, "1,2,3,4,5,6,7,8,9,10,11,12"),
        ("failed_sign_in_burst", "u", 5, "101,102,103,104,105"),
    ]


def test_failures_of_nobody_known_are_counted_by_address(insert: Insert, findings: Findings) -> None:
    sign_ins(insert, "ffff", 1, user_id=None, ip_address="10.0.0.1")
    sign_ins(insert, "f", 1, first=9, user_id=None, ip_address="10.0.0.2")
    assert findings() == []
    insert("fct_sign_ins", 5, 5, outcome="failure", user_id=None, ip_address="10.0.0.1")
    assert findings() == [("failed_sign_in_burst", None, 5, "1,2,3,4,5")]


def test_a_success_after_five_failures_is_found(insert: Insert, findings: Findings) -> None:
    sign_ins(insert, "sfffffs", 5)
    assert findings() == [("success_after_failures", "u", 6, "2,3,4,5,6,7")]


def test_a_success_after_four_or_after_a_success_between_is_not(insert: Insert, findings: Findings) -> None:
    sign_ins(insert, "ffffs", 5)
    sign_ins(insert, "ffsfffs", 5, first=11, user_id="v")
    sign_ins(insert, "fffffs", 10, first=21, user_id="w")
    assert findings() == []


def grant(insert: Insert, number: int, minute: float = 0, **values: Any) -> None:
    row = {"kind": "tenant_role", "action": "granted", "outcome": "done", "role_name": "Tenant Administrator"}
    insert("fct_access_changes", number, minute, **{"user_id": "boss", "target_user_id": "u", **row, **values})


def test_an_administrator_role_is_found(insert: Insert, findings: Findings) -> None:
    grant(insert, 1)
    assert findings() == [("admin_role_granted", "boss", 1, "1")]


@pytest.mark.parametrize(
    "values",
    [{"outcome": "denied"}, {"action": "revoked"}, {"role_name": "Page Builder"}, {"role_name": None}],
    ids=["denied", "revoked", "other role", "no name"],
)
def test_no_other_change_is(insert: Insert, findings: Findings, values: dict[str, Any]) -> None:
    grant(insert, 1, **values)
    assert findings() == []


def test_of_a_workspace_administrator_it_is_not_claimed_that_the_role_was_given(
    insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection
) -> None:
    grant(insert, 1, kind="workspace_admin", action="changed", role_name=None)
    findings()
    text = database.execute("select finding from security_findings").fetchall()
    assert text == [("Workspace Administrator role given to or taken from u by boss",)]


def test_an_administrator_from_a_new_address_is_found(insert: Insert, findings: Findings) -> None:
    grant(insert, 1, minute=-1)
    sign_ins(insert, "sssss", 100, first=11, ip_address="10.0.0.1")
    insert("fct_sign_ins", 99, 600, outcome="success", ip_address="10.9.9.9")
    assert ("first_seen_address", "u", 1, "99") in findings()


def test_no_new_address_of_others_of_newcomers_or_before_the_role(insert: Insert, findings: Findings) -> None:
    grant(insert, 1, minute=550)
    sign_ins(insert, "sssss", 100, first=11, ip_address="10.0.0.1")
    insert("fct_sign_ins", 98, 500, outcome="success", ip_address="10.9.9.9")
    sign_ins(insert, "sssss", 100, first=31, ip_address="10.0.0.1", user_id="v")
    insert("fct_sign_ins", 99, 600, outcome="success", ip_address="10.9.9.9", user_id="v")
    grant(insert, 2, target_user_id="w")
    sign_ins(insert, "ss", 100, first=51, ip_address="10.0.0.1", user_id="w")
    assert {rule for rule, *_ in findings()} == {"admin_role_granted"}


def exports(insert: Insert, day: int, count: int, first: int) -> None:
    for place in range(count):
        insert("fct_model_changes", first + place, day * 1440 + place, kind="export")


def test_many_more_exports_than_before_are_a_spike(
    insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection
) -> None:
    day_of(database, "u", "2026-02-01")
    exports(insert, day=-10, count=10, first=1)
    exports(insert, day=0, count=20, first=101)
    assert [(rule, count) for rule, _, count, _ in findings()] == [("export_spike", 20)]
    text = "20 exports of u in a day; the log shows 10 on the 28 days before"
    assert database.execute("select finding from security_findings").fetchall() == [(text,)]


def test_a_user_who_always_exports_much_has_none(
    insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection
) -> None:
    day_of(database, "u", "2026-01-01")
    for day in range(-30, 0):
        exports(insert, day=day, count=5, first=10_000 + day * 100)
    exports(insert, day=0, count=24, first=100_000)
    assert findings() == []


def test_nineteen_exports_or_any_number_on_the_first_day_of_the_log_are_none(
    insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection
) -> None:
    day_of(database, "u", "2026-02-27")
    exports(insert, day=0, count=19, first=1)
    exports(insert, day=-2, count=90, first=1001)
    assert findings() == []


def user(database: duckdb.DuckDBPyConnection, user_id: str, kind: str, removed: Any = None) -> None:
    row = {"user_id": user_id, "kind": kind, "is_current": True, "is_removed": removed is not None, "valid_to": removed}
    _insert(database, "dim_users", row)


def day_of(database: duckdb.DuckDBPyConnection, user_id: str, day: str, first: str = "08:00") -> None:
    row = {"user_id": user_id, "event_day": day, "event_count": 3, "first_event_id": 7, "last_event_id": 9}
    row |= {"first_at": at(f"{day} {first}"), "last_at": at(f"{day} 18:00")}
    _insert(database, "agg_daily_users", row)


def test_a_user_in_no_directory_is_found_where_there_is_one(
    database: duckdb.DuckDBPyConnection, findings: Findings
) -> None:
    user(database, "ghost", "unknown")
    user(database, "INTERNAL_1", "system")
    for name in ("ghost", "INTERNAL_1", "ann"):
        day_of(database, name, "2026-03-01")
    assert findings() == []
    user(database, "ann", "person")
    assert findings() == [("unlisted_user", "ghost", 3, "7,9")]


def test_a_removed_user_is_found_after_the_removal(database: duckdb.DuckDBPyConnection, findings: Findings) -> None:
    user(database, "bob", "person", removed=at("2026-03-02 09:00"))
    day_of(database, "bob", "2026-03-01")
    day_of(database, "bob", "2026-03-02", first="08:59")
    assert findings() == []
    day_of(database, "bob", "2026-03-03", first="00:10")
    assert findings() == [("removed_user", "bob", 3, "7,9")]


def test_a_rule_without_its_row_is_off(database: duckdb.DuckDBPyConnection, insert: Insert, findings: Findings) -> None:
    sign_ins(insert, "fffff", 1)
    database.execute("delete from finding_rules where rule = 'failed_sign_in_burst'")
    assert findings() == []


def test_each_rule_has_its_row_and_one_file() -> None:
    """A file holds one rule, or those that are found in the same way."""
    model, rules = TABLES["security_findings"], TABLES["finding_rules"]
    assert isinstance(model, Model) and isinstance(rules, Seed)
    named = {row["rule"] for row in rules.rows}
    literals = [set(re.findall(r"'(\w+)'", part.file.read_text(encoding="utf-8"))) for part in model.files]
    assert all(found & named for found in literals)
    assert sorted(rule for found in literals for rule in found & named) == sorted(named)


def refuse(insert: Insert, first: int, minutes: list[float], **values: Any) -> None:
    for number, minute in enumerate(minutes):
        insert("fct_denied_access", first + number, minute, **values)


def test_burst_of_refused_access(insert: Insert, findings: Findings) -> None:
    refuse(insert, 100, [*range(10), 60, 61], user_id="u")
    # Nine, and ten that take a minute too long, are none.
    refuse(insert, 200, list(range(9)), user_id="few")
    refuse(insert, 300, [n * 1.2 for n in range(10)], user_id="slow")
    # Nobody is known: the address counts. Two series an hour apart are two findings.
    refuse(
        insert, 400, [*(n / 10 for n in range(12)), *(100 + n / 10 for n in range(10))], user_id=None, ip_address="a"
    )
    assert findings() == [
        ("denied_access_burst", "u", 10, ",".join(str(n) for n in range(100, 110))),
        ("denied_access_burst", None, 12, ",".join(str(n) for n in range(400, 412))),
        ("denied_access_burst", None, 10, ",".join(str(n) for n in range(412, 422))),
    ]


def test_a_million_refusals_of_one_account_take_linear_time(
    database: duckdb.DuckDBPyConnection, findings: Findings
) -> None:
    """The plan joins by equality only; with a join by range this would not end."""
    database.execute(
        "insert into fct_denied_access (event_id, user_id, occurred_at, event_day)"
        " select n, 'u', timestamptz '2026-03-01 00:00:00+00' + to_milliseconds(n * 100), date '2026-03-01'"
        " from range(300000) as t(n)"
    )
    assert [row[2] for row in findings()] == [300_000]


def runs(database: duckdb.DuckDBPyConnection, outcomes: str, integration: str = "i") -> None:
    """`f` is a failed run, `s` a successful one, `?` one whose end nobody knows; one an hour."""
    for place, outcome in enumerate(outcomes):
        moment = START + timedelta(hours=place)
        row = {"integration_id": integration, "integration_name": "Nightly", "model_name": "Plan", "user_id": "u"}
        row |= {"outcome": {"f": "failure", "s": "success", "?": "unknown"}[outcome], "message": "no source"}
        times = {"started_at": moment, "ended_at": moment + timedelta(minutes=5)}
        _insert(database, "fct_integration_runs", {"run_id": f"{integration}{place}", **row, **times})


def test_failed_runs_of_an_integration_are_one_finding_until_it_succeeds(
    database: duckdb.DuckDBPyConnection, findings: Findings
) -> None:
    runs(database, "sff?fsfs")
    runs(database, "ss", integration="j")
    assert findings() == [("integration_failed", "u", 3, "i1,i2,i4"), ("integration_failed", "u", 1, "i6")]
    texts = database.execute("select finding, started_at from security_findings order by 2").fetchall()
    assert texts == [
        ("Integration Nightly failed 3 times in a row in Plan: no source", START + timedelta(hours=1)),
        ("Integration Nightly failed 1 time in Plan: no source", START + timedelta(hours=6)),
    ]


def change_model(database: duckdb.DuckDBPyConnection, number: int, change: str, kind: str, **values: Any) -> None:
    row = {
        "history_row_id": f"r{number:03}",
        "change_day": START.date(),
        "changed_at": START + timedelta(minutes=number),
    }
    row |= {"model_id": "m", "model_name": "Plan", "user_id": "u", "user_name": "Una", "is_production": True}
    values = {"change_kind": change, "object_kind": kind, "object_count": 1, **values}
    _insert(database, "fct_model_history", {**row, **values})


def test_roles_and_formulas_changed_by_hand_in_production_are_found(
    database: duckdb.DuckDBPyConnection, findings: Findings
) -> None:
    change_model(database, 1, "changed", "user_role", target_user_id="v", target_user_name="Vera")
    change_model(database, 2, "added", "access_driver")
    change_model(database, 3, "changed", "line_item", previous_value="A", new_value="B")
    change_model(database, 4, "changed", "formula", new_value="C", user_id=None, user_name="somebody")
    # Not in production, by an import, without a difference, and of something else.
    change_model(database, 11, "changed", "role", is_production=False)
    change_model(database, 12, "changed", "formula", is_production=False, new_value="C")
    change_model(database, 13, "changed", "user_role", import_name="HR")
    change_model(database, 14, "changed", "line_item", previous_value="A", new_value="A")
    change_model(database, 15, "added", "line_item", new_value="New")
    change_model(database, 16, "changed", "cell", previous_value="1", new_value="2")
    assert findings() == [
        ("formula_changed", None, 1, "r004"),
        ("formula_changed", "u", 1, "r003"),
        ("model_access_changed", "u", 2, "r001,r002"),
    ]
    query = "select finding, target_user_name from security_findings where rule = 'model_access_changed'"
    assert database.execute(query).fetchall() == [
        ("2 changes of roles or access drivers by Una in production: Plan", "Vera")
    ]


def test_a_mass_deletion_of_list_items_is_found(database: duckdb.DuckDBPyConnection, findings: Findings) -> None:
    values: dict[str, Any] = {"module_or_list": "SKU", "is_production": False}
    change_model(database, 1, "deleted", "list_item", **values, object_count=60)
    change_model(database, 2, "deleted", "list_item", **values, object_count=39)
    # Another list and another user.
    change_model(database, 3, "deleted", "list_item", **{**values, "module_or_list": "Regions"}, object_count=99)
    change_model(database, 4, "deleted", "list_item", **{**values, "user_id": "v"}, object_count=99)
    change_model(database, 5, "added", "list_item", **values, object_count=500)
    assert findings() == []
    change_model(database, 6, "deleted", "list_item", **values)
    assert findings() == [("list_items_deleted", "u", 100, "r001,r002,r006")]
    text = database.execute("select finding from security_findings").fetchall()
    assert text == [("100 list items deleted from SKU by Una in Plan",)]


def days(database: duckdb.DuckDBPyConnection, name: str, first: int, hours: list[tuple[int, int]], **row: Any) -> None:
    """Insert a day of activity for each pair of hours, from the `first` day after the start."""
    for number, (begin, end) in enumerate(hours, first):
        day = (START + timedelta(days=number)).date()
        moments = {"first_at": at(f"{day} {begin:02}:00"), "last_at": at(f"{day} {end:02}:00")}
        about = {"user_id": name, "user_kind": "person", "event_day": day, "event_count": 4}
        ids = {"first_event_id": number * 10, "last_event_id": number * 10 + 3}
        _insert(database, "agg_daily_users", {**about, **ids, **moments, **row})


def test_activity_outside_the_usual_hours(database: duckdb.DuckDBPyConnection, findings: Findings) -> None:
    usual = [(8, 17)] * 19 + [(9, 18)]
    # Late by three hours, early by three; then the hours are usual.
    days(database, "late", 0, [*usual, (9, 21), (10, 21)])
    days(database, "early", 100, [*usual, (5, 12)])
    # Two hours, a newcomer, and a process of Anaplan.
    days(database, "near", 200, [*usual, (6, 20)])
    days(database, "new", 300, [*usual[1:], (2, 23)])
    days(database, "INTERNAL_1", 400, [*usual, (2, 23)], user_kind="system")
    assert findings() == [("unusual_hours", "early", 4, "1200,1203"), ("unusual_hours", "late", 4, "200,203")]


def test_a_dormant_account_that_returns(database: duckdb.DuckDBPyConnection, findings: Findings) -> None:
    for name, returns in (("gone", 91), ("away", 90)):
        days(database, name, 0, [(8, 17)])
        days(database, name, returns, [(8, 17), (8, 17)])
    days(database, "first", 500, [(8, 17)])
    assert findings() == [("dormant_account", "gone", 4, "910,913")]
    text = database.execute("select finding from security_findings").fetchall()
    assert text == [("gone returned after 90 days without an event",)]


def test_many_deletions_in_a_day(insert: Insert, findings: Findings) -> None:
    for number in range(5):
        insert("fct_access_changes", number, number, kind="user", action="deleted", outcome="done")
        outcome = "partly_done" if number else "done"
        insert("fct_platform_changes", 5 + number, number, kind="key", action="deleted", outcome=outcome)
        # Failed, another day, and another user.
        insert("fct_access_changes", 20 + number, number, action="deleted", outcome="failed", user_id="v")
        insert("fct_access_changes", 30 + number, number, action="deleted", outcome="done", user_id="v")
        insert("fct_platform_changes", 40 + number, 1440 + number, action="deleted", outcome="done", user_id="v")
        insert("fct_platform_changes", 50 + number, number, action="deleted", outcome="done", user_id="w")
    assert findings() == [("mass_deletion", "u", 10, "0,1,2,3,4,5,6,7,8,9")]


def test_a_role_for_the_own_account(insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection) -> None:
    grant(insert, 1, role_name="Page Builder", user_id="u")
    grant(insert, 2, kind="workspace", role_name=None, user_id="u")
    grant(insert, 3, role_name="Page Builder")
    grant(insert, 4, role_name="Page Builder", user_id="u", outcome="denied")
    grant(insert, 5, role_name="Page Builder", user_id="u", action="revoked", minute=900)
    assert findings() == [("self_granted_role", "u", 1, "1"), ("self_granted_role", "u", 1, "2")]
    texts = database.execute("select finding from security_findings order by finding_id").fetchall()
    assert texts == [
        ("u gave the own account the role Page Builder",),
        ("u gave the own account access to a workspace",),
    ]


def test_a_role_that_is_taken_soon(insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection) -> None:
    grant(insert, 1, role_name="Page Builder")
    grant(insert, 2, minute=60, role_name="Page Builder", action="revoked")
    # A minute too long; another role and another user; a removal of what was held before.
    grant(insert, 3, minute=100, role_name="Page Builder")
    grant(insert, 4, minute=161, role_name="Page Builder", action="revoked")
    grant(insert, 5, minute=200, role_name="Page Builder", target_user_id="v")
    grant(insert, 6, minute=201, role_name="Integration Builder", target_user_id="v", action="revoked")
    assert findings() == [("short_lived_role", "boss", 2, "1,2")]
    text = database.execute("select finding from security_findings").fetchall()
    assert text == [("Role Page Builder of u was taken after 60 minutes; boss had given it",)]


def test_a_new_program_of_an_account_of_integrations(
    insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection
) -> None:
    for number, name in enumerate(("u", "new", "person")):
        if name != "person":
            runs(database, "s", integration=name)
            database.execute("update fct_integration_runs set user_id = ? where integration_id = ?", [name, name])
        count = 4 if name == "new" else 5
        sign_ins(insert, "s" * count, 60, first=100 * number, user_id=name, client="anaplan-sdk")
        insert("fct_sign_ins", 100 * number + 50, 700, outcome="success", user_id=name, client="curl")
        insert("fct_sign_ins", 100 * number + 51, 800, outcome="success", user_id=name, client="curl")
    assert findings() == [("new_client", "u", 1, "50")]


def test_techniques_are_written_as_mitre_writes_them() -> None:
    rules = TABLES["finding_rules"]
    assert isinstance(rules, Seed)
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", row["technique"]) for row in rules.rows if row["technique"])


def travel(insert: Insert, number: int, minute: float, country: str | None, **values: Any) -> None:
    name = {"network_name": f"Office in {country}"} if country else {}
    insert("fct_sign_ins", number, minute, outcome="success", country=country, **{**name, **values})


def test_sign_ins_from_two_countries_within_four_hours_are_found_once_a_day(
    insert: Insert, findings: Findings, database: duckdb.DuckDBPyConnection
) -> None:
    travel(insert, 1, 0, "Germany")
    travel(insert, 2, 35, "Brazil")
    assert findings() == [("impossible_travel", "u", 2, "1,2")]
    text = "u signed in from Germany (Office in Germany) and then from Brazil (Office in Brazil) within 35 minutes"
    assert database.execute("select finding from security_findings").fetchall() == [(text,)]
    travel(insert, 3, 50, "Germany")
    assert findings() == [("impossible_travel", "u", 3, "1,2,3")]
    more = f"{text}, and changed the country once more that day"
    assert database.execute("select finding from security_findings").fetchall() == [(more,)]


def test_slow_travel_other_people_failures_and_unnamed_addresses_are_none(insert: Insert, findings: Findings) -> None:
    travel(insert, 1, 0, "Germany")
    travel(insert, 2, 240, "Brazil")
    travel(insert, 3, 250, "brazil")
    travel(insert, 4, 251, None)
    travel(insert, 5, 252, "France", user_id="v")
    travel(insert, 6, 253, "France", user_id=None)
    insert("fct_sign_ins", 7, 254, outcome="failure", country="France", network_name="Lyon")
    assert findings() == []
