"""A purge removes what users could do before its date, and users who left before it, unless a kept row names them."""

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.month import OF_A_MONTH
from tests.support.published_tables import tables_of
from tests.support.small_models import build_only, copy_models, with_models
from tests.support.status_command import write
from tests.support.tenant_records import DAY as DAY_MS
from tests.support.tenant_records import LISTS, USERS

RAW = "anaplan_audit_raw"
TODAY = datetime.now(timezone.utc).date()
DAY = TODAY - timedelta(days=10)
# Left before the date: u1 without a kept row, u2 acts in a kept event, u3 is the target of one.
LEFT = ("u1", "u2", "u3")


@pytest.fixture
def naming_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build the tables of users, and those that name users."""
    names = (*OF_A_MONTH, "fct_model_history", "fct_integration_runs")
    build_only(copy_models(tmp_path / "models", names), monkeypatch)


def some_events() -> list[dict[str, Any]]:
    now = int(time.time() * 1000)
    target = {"eventTypeId": "AUTHZ-1", "additionalAttributes": {"targetUserId": "u3"}}
    return [
        event(1, now - 15 * DAY_MS, userId="u1"),
        event(2, now - 5 * DAY_MS, userId="u2"),
        event(3, now - 4 * DAY_MS, userId="u0", **target),
        event(4, now - DAY_MS, userId="u0"),
    ]


def without_records(engine: Engine) -> dict[str, list[tuple]]:
    return {name: rows for name, rows in tables_of(engine).items() if name != "check_results"}


def as_if_long_ago(engine: Engine) -> None:
    """Date the end of the users who left, and give every user entitlements: one that ended before, one of today."""
    begin, end = DAY - timedelta(days=8), DAY - timedelta(days=2)
    for table in ("users", "user_entitlements"):
        write(engine, f"update {RAW}.{table} set _dlt_valid_from = timestamptz '{begin} 00:00:00+00'")
    write(
        engine,
        f"update {RAW}.users set _dlt_valid_to = timestamptz '{end} 00:00:00+00' where _dlt_valid_to is not null",
    )
    columns = "user_id, workspace_id, row_version, _dlt_valid_from, _dlt_valid_to, _dlt_load_id"
    for user in USERS:
        write(
            engine,
            f"insert into {RAW}.scim_users (id, user_name, _dlt_load_id) values ('{user['id'].upper()}', '{user['email']}', '1')",
        )
        for workspace, ended in (("w0", f"timestamptz '{end} 00:00:00+00'"), ("w1", "null")):
            version = f"'{user['id']}{workspace}'"
            values = f"'{user['id']}', '{workspace}', {version}, timestamptz '{begin} 00:00:00+00', {ended}, '1'"
            write(engine, f"insert into {RAW}.user_entitlements ({columns}) values ({values})")


@pytest.mark.usual_engine("duckdb")
@with_models("naming_models")
def test_users_who_left_go_with_their_rows(tenant: Tenant, engine: Engine) -> None:
    stay = [user for user in USERS if user["id"] not in LEFT]
    with plain_server(some_events(), {**LISTS}) as server:
        tenant.at(server.url)
        assert tenant.run("load").code == 0
        server.lists["users"] = stay
        assert tenant.run("load", "--accept-directory").code == 0
        as_if_long_ago(engine)
        assert tenant.run("enrich").code == 0
        # Nobody had left by then.
        asked = tenant.run("purge", "--before", str(DAY - timedelta(days=5)))
        assert asked.code == 2 and "users" not in asked.out

        purged = tenant.run("purge", "--before", str(DAY), "--yes")
    assert (purged.code, purged.err) == (0, "")
    shown = dict(reversed(line.split()) for line in purged.out.split("purged")[0].splitlines()[1:])
    assert {table: shown[table] for table in ("users", "user_logins", "scim_users", "user_entitlements")} == {
        "users": "1", "user_logins": "1", "scim_users": "1", "user_entitlements": "6",
    }  # fmt: skip
    kept = [("u0",), ("u2",), ("u3",), ("u4",)]
    assert engine.rows(f"select id from {RAW}.users order by 1") == kept
    assert engine.rows(f"select lower(id) from {RAW}.scim_users order by 1") == kept
    assert engine.rows(f"select user_id, workspace_id from {RAW}.user_entitlements order by 1") == [
        (user, "w1") for (user,) in kept
    ]
    assert engine.rows(f"select count(*) from {RAW}.user_logins where id = 'u1'") == [(0,)]
    assert engine.rows("select user_id from anaplan_audit.dim_users where user_id like 'u%' order by 1") == kept
    found = str(
        [
            *engine.rows("select * from anaplan_audit.dim_users"),
            *engine.rows("select * from anaplan_audit.user_activity"),
        ]
    )
    assert "u1@example.com" not in found and "u2@example.com" in found
    names = "select user_name, target_user_name from anaplan_audit.fct_events where event_id in ({}) order by event_id"
    assert engine.rows(names.format(f"{2**60 + 2}, {2**60 + 3}")) == [
        ("First2 Last", None),
        ("First0 Last", "First3 Last"),
    ]

    rows = without_records(engine)
    assert tenant.run("enrich", "--full-refresh").code == 0
    assert without_records(engine) == rows
