import csv
import json
import re
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from sandbox.settings import Settings
from sandbox.world.catalogue import MESSAGES, PADDED
from sandbox.world.clock import DAY, HOUR, Clock, day_of
from sandbox.world.company import Company
from sandbox.world.events import DayMaker, volume_of
from sandbox.world.names import HOSTILE
from sandbox.world.store import Store
from tests.support.crash_world import TENANT as CRASHING
from tests.support.matrix import TENANT as FAULTY
from tests.support.sandbox_client import NOW

CODES = Path(__file__).parents[2] / "audit_source" / "event_types.csv"


def store(now: int = NOW, **knobs: object) -> Store:
    settings = Settings()
    settings.set(**{"events": 30_000, "users": 100, **knobs})
    return Store(Company(settings.seed, settings.users), settings, Clock(now))


@pytest.fixture(scope="module")
def month() -> list[dict]:
    """Return a month of events as a client receives them."""
    return store().truth()


@pytest.fixture(scope="module")
def odd_month() -> list[dict]:
    """Return the same month with all documented fields and with hostile texts."""
    return store(odd_shapes=True, hostile_percent=0.3).truth()


def test_events_have_the_fields_and_shares_of_a_live_tenant(month: list[dict]) -> None:
    fields = {
        "id", "eventTypeId", "userId", "tenantId", "objectId", "message", "success", "ipAddress", "userAgent", "hostName",
        "eventDate", "eventTimeZone", "createdDate", "createdTimeZone", "checksum", "additionalAttributes",
    }  # fmt: skip
    assert {frozenset(e) for e in month} == {frozenset(fields)}
    assert all(e["additionalAttributes"] is None or isinstance(e["additionalAttributes"], dict) for e in month)
    nothing = sum(e["additionalAttributes"] is None for e in month) / len(month)
    assert 0.0002 < nothing < 0.003
    assert {"NA"} < {e["hostName"] for e in month} and "NA" in {e["userAgent"] for e in month}
    prefixes = Counter(e["eventTypeId"].split("-")[0] for e in month)
    shares = {prefix: count / len(month) for prefix, count in prefixes.items()}
    assert 0.74 < shares["USR"] < 0.84 and 0.13 < shares["AUTHZ"] < 0.21 and 0.02 < shares["INT"] < 0.06
    codes = Counter(e["eventTypeId"] for e in month if e["eventTypeId"].startswith("AUTHZ"))
    assert codes.most_common(1)[0][0] == "AUTHZ-1" and codes["AUTHZ-2"] > codes["AUTHZ-0"] > 0


def test_ids_have_ten_digits(month: list[dict]) -> None:
    ids = [e["id"] for e in month]
    assert len(set(ids)) == len(ids) and all(10**9 <= number < 10**10 for number in ids)


def test_action_events_have_the_model_as_object_and_hardly_a_name(month: list[dict]) -> None:
    models = {model.id for model in store()._maker.company.models}
    ran = [e for e in month if e["eventTypeId"] in ("USR-20", "USR-36", "USR-41", "USR-51", "USR-52")]
    assert {e["objectId"] for e in ran} <= models
    given = [e["additionalAttributes"] for e in ran if e["additionalAttributes"]]
    assert not any({"modelId", "processId", "actionName", "processName"} & set(found) for found in given)
    kinds = {"USR-36": "116", "USR-41": "118", "USR-51": "112", "USR-52": "112"}
    for e in ran:
        if e["eventTypeId"] in kinds and e["additionalAttributes"]:
            assert e["additionalAttributes"]["actionId"].startswith(kinds[e["eventTypeId"]])


def test_checksums_are_short_numbers_or_64_hex_digits(month: list[dict]) -> None:
    assert all(e["checksum"].isdigit() and len(e["checksum"]) <= 10 for e in month)
    long = [e["checksum"] for e in store(long_checksums=True).truth()]
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in long)
    assert len(set(long)) > 0.99 * len(long)


def test_two_connections_differ_in_case_only() -> None:
    ids = [one.id for one in store()._maker.company.connections]
    assert all(one.startswith("con_") and len(one) == 20 for one in ids)
    assert len(set(ids)) == len(ids) == 1 + len({one.lower() for one in ids})


def test_volume_is_about_what_was_asked_for(month: list[dict]) -> None:
    assert 27_000 < len(month) < 33_000
    size = sum(len(json.dumps(e, ensure_ascii=False, separators=(",", ":")).encode()) for e in month) / len(month)
    assert 500 < size < 800


def test_the_week_has_the_same_shape_in_every_week() -> None:
    settings = Settings()
    week = [volume_of(day, settings) for day in range(20_000, 20_007)]
    assert week == [volume_of(day, settings) for day in range(20_700, 20_707)]
    assert abs(sum(week) - settings.events * 7 / settings.days) < 7
    assert max(week) > 4 * min(week)


def test_odd_ids_are_unique_and_too_large_for_a_float(odd_month: list[dict]) -> None:
    ids = [e["id"] for e in odd_month]
    assert len(set(ids)) == len(ids)
    assert min(ids) > 2**53
    assert len({float(number) for number in ids}) < len(ids)


def test_fields_of_every_event(month: list[dict]) -> None:
    always = {
        "id", "eventTypeId", "userId", "tenantId", "message", "eventDate", "eventTimeZone", "createdDate",
        "createdTimeZone", "checksum",
    }  # fmt: skip
    assert all(always <= set(e) for e in month)
    assert all(e["eventDate"] <= e["createdDate"] <= NOW for e in month)
    users = {e["userId"] for e in month}
    assert all(user.startswith("INTERNAL_") or len(user) == 32 for user in users)


def test_additional_attributes_come_in_all_forms(odd_month: list[dict]) -> None:
    month = odd_month
    forms = Counter(type(e.get("additionalAttributes", ())).__name__ for e in month)
    assert {"dict", "NoneType", "str", "tuple"} <= set(forms)
    assert any(e.get("additionalAttributes") == {} for e in month)
    actions = {(e.get("additionalAttributes") or {}).get("actionId") for e in month if e["eventTypeId"] == "USR-20"}
    assert {"-1", -1} <= actions


def test_codes_are_known_and_some_are_zero_padded(month: list[dict], odd_month: list[dict]) -> None:
    with CODES.open(newline="") as file:
        known = {row["event_type_id"] for row in csv.DictReader(file)}
    assert set(MESSAGES) <= known
    assert {e["eventTypeId"] for e in odd_month} & set(PADDED.values())
    assert len({e["eventTypeId"] for e in month}) > 30


def test_pages_name_app_and_page_or_the_text_null(month: list[dict]) -> None:
    objects = [e["objectId"] for e in month if e["eventTypeId"] in ("USR-43", "USR-44", "USR-45")]
    assert all(len(path.split("/")) == 2 for path in objects)
    assert any(path.endswith("/null") for path in objects)
    assert any(path.startswith("null/") for path in objects)


def test_people_work_on_weekdays_and_by_day(month: list[dict]) -> None:
    month = [e for e in month if not e["userId"].startswith("INTERNAL")]
    hours = Counter(datetime.fromtimestamp(e["eventDate"] / 1000, timezone.utc).hour for e in month)
    assert hours[10] > 2.5 * hours[23]
    days = Counter(datetime.fromtimestamp(e["eventDate"] / 1000, timezone.utc).weekday() for e in month)
    assert days[1] > 3 * days[6]


def test_some_events_are_late_by_hours_and_by_days(month: list[dict]) -> None:
    late = [e["createdDate"] - e["eventDate"] for e in month if e["createdDate"] - e["eventDate"] > HOUR // 2]
    assert 0.002 < len(late) / len(month) < 0.008
    assert max(late) > DAY
    assert min(late) < 12 * HOUR
    prompt = store(late_percent=0).truth()
    assert all(e["createdDate"] - e["eventDate"] < 5_000 for e in prompt)


def test_hostile_texts_and_long_user_agents_occur(odd_month: list[dict]) -> None:
    month = odd_month
    text = json.dumps(month, ensure_ascii=False)
    for sign in ("<script>", "=HYPERLINK", "🚀", "\\n", "\\u0000"):
        assert sign in text
    assert max(len(e["userAgent"]) for e in month) > 2_000


def test_planted_incidents_occur(month: list[dict]) -> None:
    failures = Counter((e["userId"], e["ipAddress"]) for e in month if e["eventTypeId"] == "USR-9")
    (user, address), count = failures.most_common(1)[0]
    assert count >= 8
    assert any(e["userId"] == user and e["ipAddress"] == address for e in month if e["eventTypeId"] == "USR-8")
    exports = Counter((e["userId"], e["eventDate"] // HOUR) for e in month if e["eventTypeId"] == "USR-36")
    assert exports.most_common(1)[0][1] >= 50
    roles = [e["additionalAttributes"]["roleName"] for e in month if e["eventTypeId"] == "AUTHZ-3"]
    assert "Tenant Administrator" in roles


def test_some_users_of_events_are_in_no_list(month: list[dict]) -> None:
    company = Company(7, 100)
    listed = {person.id for person in company.people(day_of(NOW))}
    gone = {person.id for day in range(day_of(NOW) - 29, day_of(NOW)) for person in company.people(day)} - listed
    seen = {e["userId"] for e in month if not e["userId"].startswith("INTERNAL_")}
    assert seen & gone
    assert seen - gone - listed


def test_a_restart_serves_the_same_earlier_events_and_the_new_ones(month: list[dict]) -> None:
    later = store(NOW + 3 * HOUR).truth()
    shared = [e for e in later if e["createdDate"] <= NOW]
    assert shared == [e for e in month if e["eventDate"] >= NOW + 3 * HOUR - 30 * DAY]
    assert len(later) > len(shared)


def test_a_day_is_the_same_whatever_was_made_before() -> None:
    settings, day = Settings(events=6_000, users=60), day_of(NOW)
    alone = DayMaker(Company(7, 60), settings).make(day)
    other = DayMaker(Company(7, 60), settings)
    for earlier in range(day - 5, day):
        other.make(earlier)
    assert other.make(day).pieces == alone.pieces
    assert DayMaker(Company(8, 60), settings).make(day).pieces != alone.pieces


def test_history_is_no_longer_than_days_and_then_grows_to_the_retention() -> None:
    small = store(events=2_000, days=3)
    assert min(e["eventDate"] for e in small.truth()) >= NOW - 3 * DAY
    before = {e["id"] for e in small.truth()}
    small.clock.advance(5 * DAY)
    assert before <= {e["id"] for e in small.truth()}
    small.clock.advance(26 * DAY)
    assert not before <= {e["id"] for e in small.truth()}


def test_a_company_without_events_or_users_works() -> None:
    assert store(events=0).truth() == []
    assert {e["userId"][:9] for e in store(events=500, users=0).truth()} == {"INTERNAL_"}


def test_pages_skip_late_events_that_are_still_hidden() -> None:
    """Every second event of the last days is late."""
    log = store(events=3_000, late_percent=50)
    window = log.window(NOW - DAY, NOW + 1)
    one_by_one = [bytes(window.page(i, 1)[0]) for i in range(window.total)]
    assert b",".join(one_by_one) == b"".join(window.page(0, window.total))
    assert window.total < sum(len(log._day(day_of(NOW) - i).dates) for i in range(2))


@pytest.mark.parametrize("tenant", [FAULTY, CRASHING], ids=["faults", "kills"])
def test_exactness_tests_use_odd_shapes_and_hostile_texts(tenant: dict[str, Any]) -> None:
    """A milder default of the sandbox must not make these tests milder unnoticed."""
    made = store(**tenant).truth()
    assert min(event["id"] for event in made) > 2**53
    assert {dict, type(None)} < {type(event.get("additionalAttributes", ())) for event in made}
    shown = json.dumps(made)
    assert any(json.dumps(text) in shown for text in HOSTILE)


def test_more_incidents_are_planted_on_request() -> None:
    """Level 1 is the default and adds nothing."""
    usual, more = store(), store(incident_level=2)
    assert usual.truth() == store(incident_level=1).truth()
    changes = [e for e in more.truth() if e["eventTypeId"] in ("AUTHZ-3", "AUTHZ-6") and e["userId"] == e["objectId"]]
    assert {e["eventTypeId"] for e in changes} == {"AUTHZ-3", "AUTHZ-6"}
    deleted = Counter((e["userId"], day_of(e["eventDate"])) for e in more.truth() if e["eventTypeId"] == "INT-07")
    assert max(deleted.values()) == 12
    failed = {e["eventTypeId"] for e in more.truth() if not e["success"]}
    assert {"USR-51", "USR-52", "USR-36", "AUTHZ-4"} <= failed
    before = Counter(e["eventTypeId"] for e in usual.truth())
    assert not before["INT-07"] and not before["AUTHZ-4"]
