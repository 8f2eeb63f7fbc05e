"""Undocumented events: impossible dates, changed contents, values that break a parser.

Each is loaded, checked, enriched and published, and costs nothing but its own finer columns. See docs/odd-events.md.
"""

import json
import time
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Any

import pytest

from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.hostile_values import nested
from tests.support.small_models import with_models

HOUR = 3_600_000
RAW = "select event_day, event_date from anaplan_audit_raw.events where id = "


def served(events: list[dict[str, Any]], **shape: Any) -> Any:
    return plain_server(events, {}, **shape)


@pytest.fixture
def base() -> int:
    """Noon of three days ago, in ms."""
    now = int(time.time() * 1000)
    return now - now % (24 * HOUR) - 3 * 24 * HOUR + 12 * HOUR


def in_window_of(base: int, odd: list[dict[str, Any]], plain: list[dict[str, Any]]) -> Callable[[int, int], list[Any]]:
    def found(start: int, end: int) -> list[Any]:
        inside = [sent for sent in plain if start <= sent["eventDate"] < end]
        return inside + (odd if start <= base < end else [])

    return found


DATES: dict[str, tuple[Any, str]] = {
    "null": (None, "created"),
    "1970": (0, "1970-01-01"),
    "year 1": (-62_135_596_800_000, "0001-01-01"),
    "year 9999": (253_402_300_799_000, "9999-12-31"),
    "beyond any year": (10**17, "created"),
    "far future": (4_102_444_800_000, "2100-01-01"),
    "a text": ("soon", "created"),
}


@pytest.mark.usual_engine("duckdb")
@with_models("event_model")
def test_events_with_impossible_dates_are_loaded(tenant: Tenant, engine: Engine, base: int) -> None:
    odd = [event(100 + n, base, eventDate=value, createdDate=base) for n, (value, _) in enumerate(DATES.values())]
    plain = [event(n, base + n * HOUR) for n in range(5)]
    tenant.set("HISTORY_DAYS", 5)
    with served(plain) as server:
        server.select = in_window_of(base, odd, plain)
        tenant.at(server.url)
        for _ in range(2):
            outcome = tenant.run("run")
            assert outcome.code == 0, outcome
    today = datetime.fromtimestamp(base / 1000, timezone.utc).date()
    for n, (_, kept_under) in enumerate(DATES.values()):
        ((day, _),) = engine.rows(f"{RAW}{2**60 + 100 + n}")
        assert str(day)[:10] == (str(today) if kept_under == "created" else kept_under), n
    assert engine.rows("select count(*) from anaplan_audit.fct_events") == [(len(odd) + len(plain),)]


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("event_model")
def test_changed_event_is_enriched_again(tenant: Tenant, engine: Engine) -> None:
    now = int(time.time() * 1000)
    sent = [event(n, now - (n + 5) * 60_000) for n in range(5)]
    tenant.set("HISTORY_DAYS", 2)
    with served(sent) as server:
        tenant.at(server.url)
        assert tenant.run("run").code == 0
        sent[2] |= {"message": "another text", "success": False, "checksum": "changed"}
        outcome = tenant.run("run")
        assert outcome.code == 0, outcome
    query = "select message, success from {} where {} = " + str(2**60 + 2)
    assert engine.rows(query.format("anaplan_audit_raw.events", "id")) == [("another text", False)]
    assert engine.rows(query.format("anaplan_audit.fct_events", "event_id")) == [("another text", False)]


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
@with_models("few_models")
def test_event_that_moves_to_another_day_passes_all_checks(tenant: Tenant, engine: Engine, base: int) -> None:
    sent = [event(n, base + n * HOUR) for n in range(5)]
    tenant.set("HISTORY_DAYS", 8)
    with served(sent) as server:
        tenant.at(server.url)
        assert tenant.run("run").code == 0
        sent[1]["eventDate"] = base + 24 * HOUR
        for _ in range(2):
            outcome = tenant.run("run")
            assert outcome.code == 0, outcome
    moved = datetime.fromtimestamp(base / 1000 + 24 * 3600, timezone.utc).date()
    ((day, _),) = engine.rows(f"{RAW}{2**60 + 1}")
    assert date.fromisoformat(str(day)[:10]) == moved
    assert engine.rows("select count(*) from anaplan_audit.fct_events") == [(5,)]


POISON: dict[str, str] = {
    "nested 3,000 deep": f'"additionalAttributes": {nested(3_000)}',
    "nested in an unknown field": f'"shape": {"[" * 5_000 + "]" * 5_000}',
    "a code of 5,000 digits": f'"eventTypeId": "USR-{"9" * 5_000}"',
    "a number of 5,000 digits": f'"additionalAttributes": {{"x": {"7" * 5_000}}}',
    "a number as code": f'"eventTypeId": {"8" * 5_000}',
    "beyond any float": '"additionalAttributes": {"x": 1e400, "modelId": -1e999}',
    "no number": '"additionalAttributes": {"x": NaN, "y": Infinity}',
    "half a surrogate pair": '"message": "\\ud83d", "additionalAttributes": {"\\udc00": "\\ud800"}',
    "a key twice": '"message": "one", "message": "two", "additionalAttributes": {"x": 1, "x": 2}',
    "a long key and text": f'"additionalAttributes": {{"{"k" * 20_000}": "{"v" * 2_000_000}"}}',
    "types all wrong": '"userId": 5, "success": "perhaps", "ipAddress": {"v": 6}, "tenantId": [1], "checksum": 1.5',
}


@pytest.mark.usual_engine("duckdb")
@with_models("event_model")
def test_malformed_event_loses_only_its_own_typed_columns(tenant: Tenant, engine: Engine, base: int) -> None:
    plain = [event(n, base + n * HOUR) for n in range(5)]
    odd = []
    for n, field in enumerate(POISON.values()):
        sent = json.dumps({**event(100 + n, base), "eventTypeId": "USR-8"})
        odd.append(sent[:-1] + ", " + field + "}")
    tenant.set("HISTORY_DAYS", 5)
    with served(plain) as server:
        server.select = in_window_of(base, odd, plain)
        tenant.at(server.url)
        for _ in range(2):
            outcome = tenant.run("run")
            assert outcome.code == 0, outcome
    loaded = {row[0] for row in engine.rows("select id from anaplan_audit_raw.events")}
    assert loaded == {2**60 + n for n in [*range(5), *range(100, 100 + len(POISON))]}
    assert engine.rows("select count(*) from anaplan_audit.fct_events") == [(len(loaded),)]
    incomplete = "select count(*) from anaplan_audit_raw.event_windows where status <> 'complete'"
    assert engine.rows(incomplete) == [(0,)]


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
@with_models("event_model")
def test_malformed_directory_record_keeps_the_others(tenant: Tenant, engine: Engine, base: int) -> None:
    lists = {
        "users": [
            {
                "id": "u1",
                "firstName": {"deep": [1] * 50},
                "lastLoginDate": "0001-01-01T00:00:00.000+1400",
                "x": 10**400,
            },
            {"id": "u2", "firstName": "Ann", "active": "yes", "lastLoginDate": 10**30},
        ],
        "models": [{"id": "m1", "name": 5, "memoryUsage": "much", "lastSavedSerialNumber": 2.5}],
    }
    tenant.set("HISTORY_DAYS", 5)
    with plain_server([event(0, base)], lists) as server:
        tenant.at(server.url)
        outcome = tenant.run("run")
        assert outcome.code == 0, outcome
    assert engine.rows("select id from anaplan_audit_raw.users order by 1") == [("u1",), ("u2",)]
    assert engine.rows("select name from anaplan_audit_raw.models") == [("5",)]
