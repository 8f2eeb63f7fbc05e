"""Loads over HTTP into both engines: every event exactly once, field for field, however the server deviates."""

import json
import socket
from datetime import datetime, timezone
from typing import Any

import pytest

from audit_source.events.decode import normalise_code
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.tenant_records import LISTS, USERS, month_of_events


def expected_row(sent: dict[str, Any]) -> tuple:
    def text(value: Any) -> Any:
        return value.replace("\0", "\ufffd") if value else None

    attributes = sent["additionalAttributes"]
    known = attributes if isinstance(attributes, dict) else {}
    sensitivity = sent.get("sensitivity")
    return (
        sent["id"], sent["eventTypeId"], normalise_code(sent["eventTypeId"]), sent["userId"], text(sent["message"]),
        text(sent["userAgent"]), None, datetime.fromtimestamp(sent["eventDate"] / 1000, timezone.utc),
        datetime.fromtimestamp(sent["eventDate"] / 1000, timezone.utc).date(), known.get("modelId"),
        text(known.get("name")), json.dumps(sensitivity, separators=(",", ":")) if sensitivity else None,
    )  # fmt: skip


def loaded_rows(engine: Engine) -> list[tuple]:
    return engine.rows(
        "select id, event_type_id, event_type_code, user_id, message, user_agent, error_number, event_date, event_day, "
        "additional_attributes__model_id, additional_attributes__name, sensitivity "
        "from anaplan_audit_raw.events order by id"
    )


SHAPES: list[Any] = [
    {},
    {"newest_first": True, "page_cap": 9},
    pytest.param({"end_inclusive": True}, marks=pytest.mark.variant),
    pytest.param({"no_meta": True, "page_cap": 11}, marks=pytest.mark.long),
    # `test_live_tenant.py` has such a tenant too.
    pytest.param({"meta_if_needed": True}, marks=pytest.mark.variant),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_event_arrives_once_field_for_field(tenant: Tenant, duck: Engine, shape: dict[str, Any]) -> None:
    events = month_of_events()
    with plain_server(events, LISTS, **shape) as server:
        tenant.at(server.url).set("PAGE_SIZE", 20)
        first = tenant.run("load")
        second = tenant.run("load")

    assert (first.code, first.err) == (0, "")
    assert (second.code, second.err) == (0, "")
    assert "400 new events" in first.out
    assert "loaded    0 new events" in second.out
    assert loaded_rows(duck) == [expected_row(sent) for sent in events]


@pytest.mark.usual_engine("duckdb")
def test_both_engines_hold_the_expected_tables_and_lists(tenant: Tenant, engine: Engine) -> None:
    events = month_of_events(60)
    with plain_server(events, LISTS) as server:
        assert tenant.at(server.url).run("load")[::2] == (0, "")
        LISTS_LATER = {**LISTS, "users": [{**USERS[0], "lastName": "Renamed"}, *USERS[2:]]}
        server.lists = LISTS_LATER
        later = tenant.run("load")

    assert (later.code, later.err) == (0, "")
    assert "users 2 of 4, workspaces 0 of 1, models 0 of 1 changed" in later.out
    assert [row[0] for row in loaded_rows_of_ids(engine)] == [sent["id"] for sent in events]
    assert engine.rows(
        "select id, last_name, _dlt_valid_to is null from anaplan_audit_raw.users order by id, _dlt_valid_from"
    ) == [
        ("u0", "Last", False), ("u0", "Renamed", True), ("u1", "Last", False), ("u2", "Last", True),
        ("u3", "Last", True), ("u4", "Last", True),
    ]  # fmt: skip
    assert engine.rows("select count(*), count(last_login_date) from anaplan_audit_raw.user_logins") == [(5, 4)]
    assert engine.rows("select id, name, size_allowance from anaplan_audit_raw.workspaces") == [
        ("w1", "Finance", 2**40)
    ]
    assert engine.rows("select id, name, last_modified from anaplan_audit_raw.models") == [
        ("ABCDEF", "Forecast", datetime(2026, 11, 1, 8, tzinfo=timezone.utc))
    ]
    assert engine.rows("select count(*) from anaplan_audit_raw.event_types") == [(253,)]
    assert engine.rows("select distinct status from anaplan_audit_raw.event_windows") == [("complete",)]
    assert engine.rows(
        "select sum(distinct_events) from anaplan_audit_raw.event_windows"
    ) == [(60,)]  # fmt: skip


def loaded_rows_of_ids(engine: Engine) -> list[tuple]:
    return engine.rows("select id from anaplan_audit_raw.events order by id")


@pytest.mark.usual_engine("duckdb")
def test_empty_tenant_gets_all_tables_and_later_loads_succeed(tenant: Tenant, engine: Engine) -> None:
    from audit_source.schema import TABLES

    with plain_server([]) as server:
        assert tenant.at(server.url).run("load")[::2] == (0, "")
        assert engine.rows("select count(*) from anaplan_audit_raw.events") == [(0,)]
        server.events, server.lists = month_of_events(40), LISTS
        assert tenant.run("load")[::2] == (0, "")
    assert loaded_rows(engine) == [expected_row(sent) for sent in server.events]
    for name, number in (("users", 5), ("user_logins", 5), ("workspaces", 1), ("models", 1)):
        assert engine.rows(f"select count(*) from anaplan_audit_raw.{name}") == [(number,)], name
    for table in TABLES:
        columns = {
            name
            for (name,) in engine.rows(
                "select column_name from information_schema.columns "
                f"where table_schema = 'anaplan_audit_raw' and table_name = '{table.name}'"
            )
        }
        assert columns >= {column.name for column in table.columns}, table.name


def test_late_event_of_a_past_day_is_found_and_loaded(tenant: Tenant, duck: Engine) -> None:
    events = month_of_events(90)
    late = event(999_999, events[30]["eventDate"] + 1)
    with plain_server(events) as server:
        tenant.at(server.url).run("load")
        server.events = [*events, late]
        found = tenant.run("load")
        assert "1 new event, 1 of them late" in found.out
        server.requests.clear()
        assert "0 new events" in tenant.run("load").out
        asked = [path for path in server.requests if "limit=1&" in path]

    assert len(asked) in (30, 31, 32)
    assert {row[0] for row in loaded_rows_of_ids(duck)} == {sent["id"] for sent in [*events, late]}


@pytest.mark.long
def test_only_days_with_new_events_are_marked_for_enrichment(tenant: Tenant, duck: Engine) -> None:
    days = "select event_day, loaded_at from anaplan_audit_raw.event_days order by event_day"
    events = month_of_events(90)
    newest = max(events, key=lambda one: int(one["eventDate"]))
    with plain_server(events) as server:
        tenant.at(server.url).run("load")
        first = duck.rows(days)
        assert "0 new events" in tenant.run("load").out
        # The overlap was fetched again without new events.
        assert duck.rows(days) == first
        server.events = [*events, event(999_999, int(newest["eventDate"]) - 1)]
        assert "1 new event," in tenant.run("load").out
        second = duck.rows(days)
        assert [day for day, _ in second] == [day for day, _ in first]
        assert [new[0] for new, old in zip(second, first, strict=True) if new != old] == [first[-1][0]]
        # An explicit reload may change events, so its days are enriched again.
        assert tenant.run("load", "--since", str(first[-2][0])).code == 0
        third = duck.rows(days)
    assert third[:-2] == second[:-2] and all(new > old for new, old in zip(third[-2:], second[-2:], strict=True))


@pytest.mark.long
def test_window_with_a_wrong_total_is_incomplete_and_fetched_again(tenant: Tenant, duck: Engine) -> None:
    events = month_of_events(90)
    hidden = events[30]
    with plain_server(events) as server:
        # The server counts an event that it does not deliver.
        server.shape["withhold"] = hidden["id"]
        first = tenant.at(server.url).run("load")
        incomplete = duck.rows(
            "select reported_events - distinct_events from anaplan_audit_raw.event_windows where status = 'incomplete'"
        )
        after_first = duck.rows("select count(*), count(distinct id) from anaplan_audit_raw.events")
        del server.shape["withhold"]
        second = tenant.run("load")

    assert first.code == 5 and "stays `incomplete`" in first.err
    # That load fetched the window four times, and yet each event is stored once.
    assert after_first == [(89, 89)]
    assert incomplete == [(1,)]
    assert (second.code, second.err) == (0, "")
    assert duck.rows("select distinct status from anaplan_audit_raw.event_windows") == [("complete",)]
    assert len(loaded_rows_of_ids(duck)) == 90


def test_truncated_user_list_retires_no_user(tenant: Tenant, duck: Engine) -> None:
    with plain_server([], LISTS) as server:
        tenant.at(server.url).run("load")
        server.lists = {**LISTS, "users": USERS[:2]}
        server.shape["list_total"] = 5
        outcome = tenant.run("load")

    assert outcome.code == 4 and "2 users, but 5 reported" in outcome.err
    assert duck.rows("select count(*) from anaplan_audit_raw.users where _dlt_valid_to is null") == [(5,)]


@pytest.mark.long
def test_reload_requests_only_its_span(tenant: Tenant, duck: Engine) -> None:
    events = month_of_events(60)
    day = datetime.fromtimestamp(events[30]["eventDate"] / 1000, timezone.utc).date()
    with plain_server(events) as server:
        tenant.at(server.url).run("load")
        server.requests.clear()
        outcome = tenant.run("load", "--since", str(day), "--until", str(day))
        assert outcome.code == 0
        assert not [path for path in server.requests if "/events" in path]
        following = datetime.fromtimestamp(events[30]["eventDate"] / 1000 + 86_400, timezone.utc).date()
        assert tenant.run("load", "--since", str(day), "--until", str(following)).code == 0
        assert len([path for path in server.requests if "/events" in path]) == 1
    assert len(loaded_rows_of_ids(duck)) == 60


def test_reversed_span_is_rejected(tenant: Tenant) -> None:
    outcome = tenant.at("http://127.0.0.1:9").run("load", "--since", "2026-02-01", "--until", "2026-01-01")
    assert outcome.code == 2 and "--since is later than --until" in outcome.err


def test_events_load_while_the_directory_is_down(tenant: Tenant, duck: Engine) -> None:
    with plain_server(month_of_events(20), LISTS) as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        tenant.at(server.url).set("API_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        outcome = tenant.run("load")

    assert outcome.code == 4 and "/2/0/users: the host refused the connection" in outcome.err
    assert len(loaded_rows_of_ids(duck)) == 20


@pytest.mark.long
def test_next_run_repeats_a_failed_count_of_a_past_window(tenant: Tenant, duck: Engine) -> None:
    events = month_of_events(90)
    late = event(999_999, events[30]["eventDate"] + 1)
    with plain_server(events) as server:
        tenant.at(server.url).run("load")
        server.events = [*events, late]
        server.shape["no_single_event"] = True
        assert tenant.run("load")[::2] == (0, "")
        assert len(loaded_rows_of_ids(duck)) == 90
        del server.shape["no_single_event"]
        assert "1 new event, 1 of them late" in tenant.run("load").out
    assert len(loaded_rows_of_ids(duck)) == 91


@pytest.mark.long
def test_large_backfill_is_split_into_many_loads(tenant: Tenant, duck: Engine) -> None:
    tenant.set("EVENTS_PER_LOAD", 50)
    events = month_of_events(400)
    with plain_server(events) as server:
        outcome = tenant.at(server.url).run("load")
    assert "400 new events" in outcome.out
    loads = duck.rows("select count(distinct _dlt_load_id), count(*) from anaplan_audit_raw.events")
    assert loads[0][0] >= 7 and loads[0][1] == 400
