"""Events as OCSF, ECS and CEF: valid for the schema, named, escaped, and each code of the catalogue has its class."""

import json

import pytest

from audit_source.catalogue import catalogue_rows
from pipelines.export.siem.cef import cef_line
from pipelines.export.siem.classes import EventClass, EventClasses
from pipelines.export.siem.ecs import ecs_event
from pipelines.export.siem.lines import EventLines
from pipelines.export.siem.ocsf import ocsf_event
from tests.support.hostile_values import HOSTILE
from tests.support.siem_events import bare_event, classes, full_event, parsed_cef, schema_errors, seed_rows


def test_every_line_of_the_seed_gives_valid_ocsf_events() -> None:
    wrong = []
    for row in seed_rows():
        for event in (bare_event(event_type_id=row["event"]), full_event(event_type_id=row["event"])):
            sent = ocsf_event(event, classes().of(event))
            wrong += [(row["event"], error) for error in schema_errors(sent)]
            assert (sent["class_uid"], sent["activity_id"]) == (int(row["class_uid"]), int(row["activity_id"]))
    assert wrong == []


def test_the_schema_refuses_what_it_does_not_know() -> None:
    sent = ocsf_event(full_event(), EventClass(3002, 1, None, "low"))
    assert schema_errors(sent) == []
    assert len(schema_errors({**sent, "usr": {}, "severity_id": 17, "time": "today"})) == 3


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("class_uid", [3001, 3002, 3004, 6003])
def test_hostile_texts_give_valid_ocsf_events(text: str, class_uid: int) -> None:
    assert schema_errors(ocsf_event(full_event(text), EventClass(class_uid, 99, "failure", "low"))) == []


def test_every_code_of_the_catalogue_has_a_class() -> None:
    known = {row["event"] for row in seed_rows()}
    categories = {row["category"] for row in catalogue_rows()}
    assert {*categories, "unknown"} <= known


def test_a_sign_in_as_ocsf() -> None:
    event = full_event(
        event_type_id="USR-9", event_category="user_activity", success=None, event_message="User login failure",
        user_id="u1", user_label="Nadia Brandt", user_email="nadia@example.com", ip_address="203.0.113.7",
        target_user_id=None, session_id="s1", host_name="us1a.app.anaplan.com",
    )  # fmt: skip
    sent = ocsf_event(event, classes().of(event))
    assert (sent["class_name"], sent["activity_name"], sent["type_uid"]) == ("Authentication", "Logon", 300201)
    assert (sent["status"], sent["severity"]) == ("Failure", "Low")
    # Microseconds are cut.
    assert (sent["time"], sent["metadata"]["logged_time"]) == (1772699415123, 1772699415123 + 9 * 3_600_000)
    assert sent["metadata"]["uid"] == str(2**63 - 1)
    assert sent["user"] == {
        "uid": "u1", "name": "Nadia Brandt", "email_addr": "nadia@example.com", "type_id": 1, "type": "User"
    }  # fmt: skip
    assert sent["src_endpoint"] == {"ip": "203.0.113.7"}
    assert sent["dst_endpoint"] == {"hostname": "us1a.app.anaplan.com"}


def test_a_role_as_ocsf_names_whom_it_was_given_to() -> None:
    event = full_event(event_type_id="AUTHZ-3", user_label="Ada", target_user_label="Bo", role_name="Tenant Admin")
    sent = ocsf_event(event, classes().of(event))
    assert (sent["user"]["name"], sent["actor"]["user"]["name"]) == ("Bo", "Ada")
    assert (sent["policy"]["name"], sent["activity_name"]) == ("Tenant Admin", "Attach Policy")


def test_events_without_a_time_or_an_address_keep_their_day() -> None:
    sent = ocsf_event(bare_event(ip_address="masked"), EventClass(6003, 2, None, "low"))
    assert (sent["time"], sent["src_endpoint"]) == (1772668800000, {"name": "masked"})
    assert ecs_event(bare_event(ip_address="masked"), EventClass(6003, 2, None, "low"))["source"] == {
        "address": "masked"
    }


def test_a_code_counts_before_its_category_and_an_unknown_one_is_no_loss() -> None:
    found = EventClasses(
        [
            {"event": "A-1", "class_uid": 3004, "activity_id": 4, "status": "failure", "severity": "high"},
            {"event": "user_activity", "class_uid": 3004, "activity_id": 1, "status": None, "severity": "low"},
            {"event": "A-2", "class_uid": 1, "activity_id": 4, "status": None, "severity": "odd"},
            {"event": "A-3", "class_uid": 3002, "activity_id": 44, "status": None, "severity": "low"},
        ]
    )

    def of(code: str | None, category: str | None, success: bool | None = None) -> tuple[int, int, str | None, str]:
        return found.of({"event_type_id": code, "event_category": category, "success": success})

    assert of("A-1", "user_activity", True) == (3004, 4, "failure", "high")
    assert of("B-1", "user_activity", True) == (3004, 1, "success", "low")
    assert of("A-2", None, False) == (6003, 99, "failure", "low")
    assert of("A-3", None) == (3002, 99, None, "low")
    assert of(None, None) == (6003, 99, None, "informational")


def test_a_sign_in_as_ecs() -> None:
    event = full_event(event_type_id="USR-8", event_message="User login success", user_label="Ada", ip_address="::1")
    sent = ecs_event(event, classes().of(event))
    assert sent["@timestamp"] == "2026-03-05T08:30:15.123Z"
    about = sent["event"]
    assert (about["category"], about["type"], about["outcome"]) == (["authentication"], ["start"], "success")
    assert (about["action"], about["id"], about["severity"]) == ("user-login-success", str(2**63 - 1), 1)
    assert (sent["user"]["name"], sent["source"]["ip"], sent["related"]["ip"]) == ("Ada", "::1", ["::1"])


@pytest.mark.parametrize("text", [*HOSTILE, "a|b=c\\", "one\r\ntwo", " x=1 y=2", "\x0b\x1f"])
def test_cef_escapes_what_would_end_a_field(text: str) -> None:
    event = full_event(text, ip_address="203.0.113.7", event_message="Model | changed\n")
    line = cef_line(event, EventClass(6003, 3, "success", "medium"))
    assert not any(mark in line for mark in "\r\n\0")
    head, fields = parsed_cef(line)
    assert head[:4] == ["CEF:0", "Anaplan", "Audit", "1"] and head[5:] == ["Model | changed ", "5"]
    plain = text.translate(dict.fromkeys([0, 9, 11, 31], " "))
    assert fields["msg"] == plain and fields["cs2"] == plain and fields["cs2Label"] == "model"
    assert (fields["rt"], fields["src"]) == ("1772699415123", "203.0.113.7")


def test_rows_of_an_earlier_version_lack_columns() -> None:
    row = {"event_id": 5, "event_day": bare_event()["event_day"], "event_type_id": "USR-8"}
    (line,) = EventLines("ocsf", classes()).of([row])
    assert json.loads(line)["metadata"]["uid"] == "5"
