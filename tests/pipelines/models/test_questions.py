"""Each query of docs/questions.md gives the answer that its rows, written by hand, have."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import duckdb
import psycopg2
import pytest
import sqlglot

from pipelines.common.names import DIALECT
from pipelines.warehouse.sql_fixes import for_dialect
from tests.conftest import REPOSITORY
from tests.support.raw_rows import Row, at
from tests.support.translation import ENRICHMENT

pytestmark = pytest.mark.usual_engine("duckdb")

TYPES = {"text": "varchar", "bool": "boolean", "timestamp": "timestamptz"}
TEXT = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^## (.*?)\n.*?```sql\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL))

MONDAY, SUNDAY, NEXT_MONDAY = date(2026, 3, 2), date(2026, 3, 8), date(2026, 3, 9)
SIGN_IN: Row = {"kind": "sign_in", "event_day": MONDAY}
FAILED: Row = {**SIGN_IN, "outcome": "failure"}
CHANGED: Row = {"model_name": "Plan", "event_day": MONDAY, "success": True}
EXPORTED: Row = {**CHANGED, "kind": "export", "user_label": "Ann", "export_name": "Grid"}
VISIT: Row = {"kind": "board", "app_id": "a1", "app_name": "Budget", "event_day": MONDAY}
ROLE: Row = {"role_kind": "tenant_role", "is_held": True, "granted_by": "Zoe"}
GRANT: Row = {"kind": "tenant_role", "action": "granted", "outcome": "done", "user_label": "Zoe"}
PERSON: Row = {"user_kind": "person", "user_label": "Ann", "user_email": "ann@x.com"}
SESSION: Row = {"use_kind": "human", "user_id": "u1", "event_count": 4}

ROWS: dict[str, list[Row]] = {
    "fct_sign_ins": [
        {**SIGN_IN, "outcome": "success", "user_id": "u1", "occurred_at": at("2026-03-02 08:00")},
        {**SIGN_IN, "outcome": "success", "user_id": "u1", "event_day": SUNDAY, "occurred_at": at("2026-03-08 08:00")},
        # Before the account was created, a sign-in is another's of the same id.
        {**SIGN_IN, "outcome": "success", "user_id": "u2", "occurred_at": at("2026-03-02 07:00")},
        {**FAILED, "user_id": "u1", "ip_address": "10.1.2.3"},
        {**FAILED, "user_id": "u2", "ip_address": "10.1.2.250"},
        {**FAILED, "user_id": "u2", "ip_address": "2001:db8::1"},
        {"kind": "sign_out", "outcome": "sign_out", "event_day": MONDAY},
    ],
    "user_activity": [
        {"user_id": "u1", "user_label": "Ann", "idle_days": 89},
        {"user_id": "u2", "user_label": "Bob", "idle_days": 90},
        {"user_id": "u3", "user_label": "Cy", "idle_days": 59},
        {"user_id": "u4", "user_label": "No licence", "idle_days": 400},
        {"user_id": "u5", "user_label": "Left", "idle_days": 400},
    ],
    "dim_users_current": [
        {"user_id": "u1", "user_label": "Ann", "is_entitled": True, "is_removed": False}
        | {"created_at": at("2026-02-27 23:30")},
        {"user_id": "u2", "is_entitled": True, "is_removed": False, "created_at": at("2026-03-02 07:30")},
        {"user_id": "u3", "is_entitled": True, "is_removed": False},
        {"user_id": "u4", "is_entitled": False, "is_removed": False},
        {"user_id": "u5", "is_entitled": True, "is_removed": True},
    ],
    "fct_page_visits": [
        {**VISIT, "object_id": "p1", "object_name": "Home", "user_id": "u1"},
        {**VISIT, "object_id": "p1", "object_name": "Home", "user_id": "u2"},
        *[{**VISIT, "object_id": "p2", "object_name": "Costs", "user_id": "u1", "event_day": NEXT_MONDAY}] * 3,
        {"kind": "model", "object_id": "m1", "object_name": "Plan", "user_id": "u1", "event_day": MONDAY},
    ],
    "fct_model_changes": [
        {**EXPORTED, "event_id": 1, "occurred_at": at("2026-03-02 09:00")},
        {**EXPORTED, "event_id": 2, "occurred_at": at("2026-03-09 09:00"), "event_day": NEXT_MONDAY},
        {**EXPORTED, "event_id": 3, "success": False, "model_name": "Other", "occurred_at": at("2026-03-02 09:30")},
        {**CHANGED, "event_id": 4, "kind": "import", "user_label": "Bob", "import_name": "Actuals", "action_name": "x"}
        | {"event_day": SUNDAY, "occurred_at": at("2026-03-08 09:00")},
    ],
    "role_assignments": [
        {**ROLE, "user_label": "Ann", "role_label": "Tenant Administrator", "from_at": at("2026-03-01 00:00")},
        {**ROLE, "user_label": "Bob", "role_label": "Tenant Administrator", "is_held": False},
        {**ROLE, "user_label": "Cy", "role_label": "Page Builder"},
    ],
    "fct_access_changes": [
        {**GRANT, "target_user_id": "u1"},
        {**GRANT, "target_user_id": "u1"},
        {**GRANT, "target_user_id": "u2", "action": "revoked"},
        {**GRANT, "target_user_id": "u2", "outcome": "failed"},
        {**GRANT, "target_user_id": "u2", "kind": "user"},
    ],
    "fct_events": [
        # Monday 14:00 in London is 09:00 in New York and 23:00 in Tokyo.
        {**PERSON, "occurred_at": at("2026-03-02 14:00")},
        {**PERSON, "occurred_at": at("2026-03-02 14:00"), "user_email": "bob@x.com", "user_label": "Bob"},
        {**PERSON, "occurred_at": at("2026-03-02 14:00"), "user_email": None, "user_label": "Cy"},
        {**PERSON, "occurred_at": at("2026-03-07 14:00"), "user_email": None, "user_label": "Cy"},
        {**PERSON, "occurred_at": at("2026-03-07 14:00"), "user_kind": "system", "user_label": "Robot"},
    ],
    "fct_integration_runs": [
        {"run_id": "r1", "integration_id": "i1", "outcome": "failure"},
        {"run_id": "r2", "integration_id": "i1", "outcome": "success"},
        {"run_id": "r3", "integration_id": "i2", "outcome": "success"},
    ],
    "dim_integrations_current": [{"integration_id": "i1", "integration_name": "Nightly"}],
    "fct_sessions": [
        # One session over midnight.
        {**SESSION, "first_event_id": 1, "session_id": "s", "started_at": at("2026-03-02 23:00")}
        | {"ended_at": at("2026-03-02 23:50")},
        {**SESSION, "first_event_id": 2, "session_id": "s", "started_at": at("2026-03-03 00:10")}
        | {"ended_at": at("2026-03-03 01:00")},
        {**SESSION, "first_event_id": 3, "started_at": at("2026-03-02 08:00"), "ended_at": at("2026-03-02 09:00")},
        {**SESSION, "first_event_id": 4, "started_at": at("2026-03-02 10:00"), "ended_at": at("2026-03-02 10:01")}
        | {"use_kind": "api"},
    ],
    "workspace_activity": [
        {"workspace_label": "Sales", "size_bytes": 10, "size_allowance": 100, "user_count": 0, "use_count": 0}
        | {"is_removed": False},
        {"workspace_label": "Ops", "size_bytes": 20, "size_allowance": 30, "user_count": 2, "use_count": 9}
        | {"is_removed": False, "last_use_at": at("2026-03-02 14:00")},
        {"workspace_label": "Unknown size", "user_count": 1, "use_count": 1, "is_removed": False},
        {"workspace_label": "Gone", "size_bytes": 99, "is_removed": True},
    ],
    "dim_date": [
        {"date_day": MONDAY, "iso_year": 2026, "iso_week": 10},
        {"date_day": NEXT_MONDAY, "iso_year": 2026, "iso_week": 11},
    ],
}

ANSWERS: list[list[tuple[Any, ...]]] = [
    [(MONDAY, "failure", 3), (MONDAY, "success", 2), (SUNDAY, "success", 1)],
    [("Bob", 90, 90), ("Ann", 89, 60)],
    [("p1", "Home", 2, 2), ("p2", "Costs", 1, 3)],
    [(at("2026-03-02 09:00"), "Ann", "export", "Grid"), (at("2026-03-08 09:00"), "Bob", "import", "Actuals")],
    [("Grid", "Plan", "Ann", 2, at("2026-03-09 09:00"))],
    [("10.1.2.0/24", 2, 2), ("2001:db8::1", 1, 1)],
    [("Ann", "Tenant Administrator", "Zoe", at("2026-03-01 00:00"))],
    [("Zoe", "tenant_role", "granted", 2, 1), ("Zoe", "tenant_role", "revoked", 1, 1)],
    [("Bob", 1), ("Cy", 1)],
    [("i1", "Nightly", 2, 1)],
    [("api", 1, 1, 4), ("human", 1, 2, 12)],
    [
        ("Ops", 20, 30, 2, 9, at("2026-03-02 14:00")),
        ("Sales", 10, 100, 0, 0, None),
        ("Unknown size", None, None, 1, 1, None),
    ],
    [(2026, 10, "a1", "Budget", 2), (2026, 11, "a1", "Budget", 1)],
    [("Ann", 3)],
    [("api", 1, 1, 1), ("human", 2, 90, 120)],
]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def facts(request: pytest.FixtureRequest) -> Iterator[Callable[[str], list[Any]]]:
    """Ask a database that holds the rows."""
    if request.param == "duckdb":
        connection = duckdb.connect()
        connection.execute("set TimeZone = 'UTC'")
        cursor: Any = connection
    else:
        connection = psycopg2.connect(request.getfixturevalue("postgres").new_database())
        cursor = connection.cursor()
        cursor.execute("set time zone 'UTC'")
    mark = "?" if request.param == "duckdb" else "%s"
    for table, rows in ROWS.items():
        columns = ENRICHMENT.tables[table].columns
        cursor.execute(
            f"create table {table} ({', '.join(f'{name} {TYPES.get(t, t)}' for name, t in columns.items())})"
        )
        for row in rows:
            marks = ", ".join([mark] * len(row))
            cursor.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))

    def answer(query: str) -> list[Any]:
        parsed: Any = sqlglot.parse_one(query, dialect=DIALECT)
        cursor.execute(for_dialect(parsed, request.param).sql(request.param))
        return [tuple(row) for row in cursor.fetchall()]

    yield answer
    connection.close()


@pytest.mark.parametrize(("question", "expected"), list(zip(QUESTIONS, ANSWERS, strict=True)))
def test_each_question_has_its_answer(
    facts: Callable[[str], list[Any]], question: str, expected: list[tuple[Any, ...]]
) -> None:
    assert facts(QUESTIONS[question]) == expected
