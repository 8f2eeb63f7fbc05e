"""Values that `hash` and `drop` keep out are in no database, working file or log."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_source.directory.history_tables import MODEL_HISTORY
from audit_source.directory.tables import DETAIL_TABLES
from audit_source.privacy.history import mask_cells
from audit_source.privacy.masking import Privacy
from tests.conftest import Engine, Outcome, Tenant, event, plain_server
from tests.support.tenant_records import LISTS

KEY = "a key of sixteen characters or more"
ORIGINALS = (
    "quux",
    "corp.example",
    "corp%40",
    "203.0.113.7",
    "203.0.113.8",
    "2001:db8::7",
    "janey",
    "491512345678",
    "1512-3456789",
)
JANE, BOB = "8a80d86a5565443f01557f053e6719b1", "8a80d86a5565443f01557f053e6719b2"
MAIL = "Jane.Quux@corp.example"
USERS = [
    {"id": JANE, "firstName": "Jane", "lastName": "Quux", "email": MAIL, "active": True, "nickname": "Janey"},
    {"id": BOB, "firstName": "Bob", "lastName": "O'Quux", "email": "bob@corp.example", "active": True},
]
MODELS = [{"id": "ABCDEF", "name": f"Forecast of {MAIL}", "activeState": "UNLOCKED", "currentWorkspaceId": "w1"}]
RUN = {"triggeredBy": MAIL, "triggerSource": "manual", "startDate": "2026-11-01T08:00:00.000Z",
       "endDate": "2026-11-01T08:00:09.000Z", "success": False, "message": f"no mail to {MAIL}"}  # fmt: skip
INTEGRATION = {
    "integrationId": "1061928a4c5d4f0e9b7a6c3d2e1f0a9b", "name": f"Load for {MAIL}", "createdBy": "Jane Quux",
    "modifiedBy": MAIL, "modelId": "ABCDEF", "owner": "Jane Quux", "schedule": {"type": "daily", "by": "Janey"},
    "latestRun": RUN,
}  # fmt: skip
SCIM = {
    "id": JANE, "userName": MAIL, "displayName": "Jane Quux", "name": {"familyName": "Quux"}, "active": True,
    "emails": [{"value": MAIL}], "entitlements": [{"value": "w1", "display": f"Space of {MAIL}", "type": "WORKSPACE"}],
    "meta": {"created": "2026-01-01T08:00:00.000Z"},
}  # fmt: skip
ACTIONS = [{"id": "117000000001", "name": f"Send to {MAIL}", "actionType": "X", "author": "Jane Quux"}]
HELD = {
    **LISTS, "users": USERS, "models": MODELS, "integrations": [INTEGRATION], "scim": [SCIM], "actions": ACTIONS,
}  # fmt: skip
MESSAGE = "User login success"


def personal_events() -> list[dict[str, Any]]:
    start = int(time.time() * 1000) - 3 * 86_400_000
    shapes: list[dict[str, Any]] = [
        {"ipAddress": "203.0.113.7"},
        {"ipAddress": "203.0.113.7", "message": f"Jane Quux <{MAIL}> did it"},
        {"ipAddress": "203.0.113.8", "userId": BOB, "eventTypeId": "USR-23",
         "additionalAttributes": {"targetUserId": JANE, "targetUserName": MAIL.lower(), "roleName": "Planner"}},
        {"eventTypeId": "USR-23", "additionalAttributes": {"targetUserId": JANE, "targetUserName": "jane  quux"}},
        {"eventTypeId": "USR-21", "objectId": JANE, "additionalAttributes": {"name": "Jane Quux"}},
        {"eventTypeId": "NEW-1", "additionalAttributes": {"name": "Jane Quux", "modelId": "ABCDEF"}},
        {"eventTypeId": "USR-13", "objectId": "abcdef", "additionalAttributes": {"name": f"Plan of {MAIL}", "modelId": "ABCDEF"}},
        {"requestor": {"fullName": "Jane Quux", "id": JANE, MAIL: 1}, "nickname": "Janey"},
        {"additionalAttributes": {"note": "Jane Quux", "folderId": JANE, "list": [{"who": MAIL}], "actionName": {"by": "Janey"}}},
        {"additionalAttributes": "Jane Quux"},
        {"createdDate": "no date", "ipAddress": ["203.0.113.7"], "message": {"by": "Jane Quux"}, "hostName": 5,
         "additionalAttributes": {"targetUserName": "Jane Quux"}},
        {"userAgent": f"AnaplanConnect/4.0.1.2 ({MAIL}; jane.quux%40corp.example) via 203.0.113.7:8080 Chrome/120.0.0.0"},
        {"ipAddress": "2001:db8::7", "hostName": "proxy [2001:db8::7] for 203.0.113.8."},
        {"userId": MAIL, "additionalAttributes": {"taskId": json.dumps({"by": "Jane Quux"})}},
        {"phone": "0049-1512-3456789", "additionalAttributes": {"mobile": "4915123456789", "fax": 4915123456780}},
    ]  # fmt: skip
    base = {"userId": JANE, "message": MESSAGE, "serviceVersion": "5.3.0.167"}
    return [event(i, start + i * 60_000, **{**base, **shape}) for i, shape in enumerate(shapes)]


EVENTS = personal_events()


@pytest.fixture
def working_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The contents of dlt's working files at the start of each load."""
    found: list[str] = []
    load = dlt.Pipeline.load

    def watched(pipeline: dlt.Pipeline, *args: Any, **kwargs: Any) -> Any:
        for file in (tmp_path / "dlt").rglob("*"):
            if file.suffix == ".parquet":
                found.append(str(pq.read_table(file).to_pylist()))
            elif file.is_file():
                found.append(file.read_bytes().decode("utf-8", "replace"))
        return load(pipeline, *args, **kwargs)

    monkeypatch.setattr(dlt.Pipeline, "load", watched)
    return found


def everything(engine: Engine) -> Iterator[str]:
    """Return the rows of every table of both datasets, including dlt's."""
    # Random ids of dlt's may hold any letters.
    columns = engine.rows(
        "select table_schema, table_name, string_agg('\"' || column_name || '\"', ', ') from information_schema.columns"
        " where table_schema like 'anaplan%' and column_name <> '_dlt_id' group by 1, 2"
    )
    assert len(columns) > 30
    with engine.opened() as ask:
        for schema, table, names in columns:
            yield from map(str, ask(f"select {names} from {schema}.{table}"))


def load_private(tenant: Tenant, how: str, server: Any, command: str = "run") -> Outcome:
    tenant.at(server.url).set("PRIVACY", how)
    tenant.set("PRIVACY_KEY", KEY)
    return tenant.run(command)


def leaks(texts: Iterator[str] | list[str]) -> list[str]:
    return [text[:500] for text in texts if any(original in text.lower() for original in ORIGINALS)]


@pytest.mark.usual_engine("duckdb")
def test_hashed_values_appear_nowhere_in_clear_text(
    tenant: Tenant, engine: Engine, working_files: list[str], capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "INFO")
    with plain_server(EVENTS, HELD) as server:
        first = load_private(tenant, "hash", server, "load")
        again = load_private(tenant, "hash", server, "load")
        server.lists = {**HELD, "users": [{**USERS[0], "lastName": "Quuxley"}, USERS[1]]}
        renamed = load_private(tenant, "hash", server)
    assert [outcome.code for outcome in (first, again, renamed)] == [0, 0, 0]
    assert "users 0 of 2" in again.out and "users 1 of 2" in renamed.out
    printed = [first.out, first.err, again.out, again.err, renamed.out, *capfd.readouterr()]
    # Ids stay: what was looked through are the events themselves.
    assert len(working_files) > 10 and any(JANE in text for text in working_files)
    assert [leaks(everything(engine)), leaks(working_files), leaks(printed)] == [[], [], []]

    privacy = Privacy(KEY.encode())
    jane, quuxley, mail = (
        privacy.pseudonym("JANE QUUX"),
        privacy.pseudonym("Jane Quuxley"),
        privacy.pseudonym(MAIL.lower()),
    )
    assert jane and mail and jane.startswith("name_") and mail.startswith("email_")
    assert engine.rows(
        f"select first_name, last_name, email from anaplan_audit_raw.users where id = '{JANE}' order by _dlt_valid_from"
    ) == [(jane, None, mail), (quuxley, None, mail)]
    rows = {
        number - 2**60: row
        for number, *row in engine.rows(
            "select event_id, user_name, user_email, ip_address, message, target_user_name from anaplan_audit.fct_events"
        )
    }
    assert rows[0] == [jane, mail, privacy.pseudonym("203.0.113.7"), MESSAGE, None]
    assert rows[1][2] == rows[0][2] and rows[1][3] not in (None, MESSAGE)
    assert rows[2][4] == rows[3][4] == jane
    assert engine.rows(
        "select count(distinct ip_address) from anaplan_audit.fct_events where ip_address like 'ip!_%' escape '!'"
    ) == [(3,)]
    sent = {
        number - 2**60: row
        for number, *row in engine.rows(
            "select id, additional_attributes__target_user_name, additional_attributes__name, user_agent, service_version,"
            " additional_attributes__model_id, user_id from anaplan_audit_raw.events"
        )
    }
    assert sent[2][0] == mail and sent[3][0] == jane and sent[4][1] == sent[5][1] == jane
    assert sent[6][1] == f"Plan of {mail}" and sent[6][4] == "ABCDEF"
    assert sent[11][2] == (
        f"AnaplanConnect/4.0.1.2 ({mail}; {mail}) via {privacy.pseudonym('203.0.113.7')}:8080 Chrome/120.0.0.0"
    )
    assert sent[0][3] == "5.3.0.167" and sent[13][5] == mail
    [(attributes,)] = engine.rows(f"select additional_attributes from anaplan_audit_raw.events where id = {2**60 + 8}")
    kept = json.loads(attributes) if isinstance(attributes, str) else attributes
    assert kept == {
        "note": jane, "folderId": JANE, "list": [{"who": mail}], "actionName": {"by": privacy.pseudonym("janey")}
    }  # fmt: skip


def test_dropped_values_appear_nowhere(tenant: Tenant, duck: Engine, working_files: list[str]) -> None:
    with plain_server(EVENTS, HELD) as server:
        assert load_private(tenant, "drop", server).code == 0
    assert [leaks(everything(duck)), leaks(working_files)] == [[], []]
    assert duck.rows("select distinct first_name, last_name, email from anaplan_audit_raw.users") == [
        (None, None, None)
    ]
    assert duck.rows("select distinct ip_address from anaplan_audit.fct_events") == [(None,)]
    assert duck.rows("select count(*), count(distinct user_kind) from anaplan_audit.fct_events") == [(len(EVENTS), 2)]


@pytest.mark.parametrize("how", ["hash", pytest.param("drop", marks=pytest.mark.variant)])
def test_numeric_directory_columns_are_kept(tenant: Tenant, duck: Engine, how: str) -> None:
    sizes = {"memoryUsage": 123_456_789_012, "lastSavedSerialNumber": 98_765_432}
    lists = {
        **LISTS,
        "workspaces": [{**LISTS["workspaces"][0], "sizeAllowance": 2**40, "currentSize": 7_654_321_000}],
        "models": [{**LISTS["models"][0], **sizes}],
    }
    odd = event(1, int(time.time() * 1000) - 3_600_000, eventTimeZone={"zone": "UTC"})
    with plain_server([odd], lists) as server:
        outcome = load_private(tenant, how, server, "load")
    assert outcome.code == 0 and "memoryUsage" not in outcome.out and "Size" not in outcome.out
    assert duck.rows("select size_allowance, current_size from anaplan_audit_raw.workspaces") == [
        (2**40, 7_654_321_000)
    ]
    assert duck.rows("select memory_usage, last_saved_serial_number from anaplan_audit_raw.models") == [
        (123_456_789_012, 98_765_432)
    ]
    # The whole record of an event that fits no column keeps its moments.
    ((raw_record,),) = duck.rows("select raw_record from anaplan_audit_raw.events")
    assert json.loads(raw_record)["eventDate"] == odd["eventDate"]


@pytest.mark.parametrize(
    ("how", "key", "said"),
    [("hash", "", "privacy_key"), ("hash", "short", "16 characters"), ("hide", KEY, "Use keep, hash or drop")],
)
def test_invalid_privacy_settings_are_rejected(tenant: Tenant, duck: Engine, how: str, key: str, said: str) -> None:
    tenant.at("http://127.0.0.1:9").set("PRIVACY", how)
    tenant.set("PRIVACY_KEY", key)
    outcome = tenant.run("load")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert said in outcome.err and KEY not in outcome.err


def test_people_in_integrations_and_entitlements_have_the_same_tokens_as_in_the_directory(
    tenant: Tenant, duck: Engine
) -> None:
    with plain_server([], HELD) as server:
        assert load_private(tenant, "hash", server, "load").code == 0
    raw = "anaplan_audit_raw"
    [(name, mail)] = duck.rows(f"select first_name, email from {raw}.users where id = '{JANE}'")
    assert name.startswith("name_") and mail.startswith("email_")
    assert duck.rows(f"select created_by, modified_by, schedule_type from {raw}.integrations") == [
        (name, mail, "daily")
    ]
    assert duck.rows(f"select triggered_by, trigger_source, success from {raw}.integration_runs") == [
        (mail, "manual", False)
    ]
    assert duck.rows(f"select display_name, user_name from {raw}.scim_users") == [(name, mail)]
    assert duck.rows(f"select user_id, workspace_id, workspace_name from {raw}.user_entitlements") == [
        (JANE, "w1", f"Space of {mail}")
    ]
    assert duck.rows(f"select action_id, name from {raw}.model_actions") == [("117000000001", f"Send to {mail}")]


# The columns with the name or the address of a person. All others name things.
PEOPLE = {
    "integrations": {"created_by", "modified_by"},
    "integration_runs": {"triggered_by"},
    "integration_flows": {"created_by", "modified_by"},
    "scim_users": {"user_name", "display_name"},
}


@pytest.mark.parametrize("key", [KEY.encode(), None])
def test_each_column_of_a_list_without_its_people_and_addresses(key: bytes | None) -> None:
    privacy = Privacy(key)
    for table in DETAIL_TABLES:
        people = set()
        for column in table.columns:
            field = column.field or column.name
            masked = privacy.record(table.name, {field: f"Plan of {MAIL}, 203.0.113.7"})
            nested = privacy.record(table.name, {field: {"by": ["Jane Quux", MAIL]}})
            assert leaks([str(masked), str(nested)]) == [], (table.name, field)
            if column.field and leaks([str(privacy.record(table.name, {field: "Jane Quux"}))]) == []:
                people.add(column.name)
        assert people == PEOPLE.get(table.name, set()), table.name


@pytest.mark.parametrize("key", [KEY.encode(), None])
def test_each_column_of_model_history_without_its_people_and_addresses(key: bytes | None) -> None:
    ids = {"history_row_id", "model_id", "workspace_id", "transaction_id"}
    # None is a header that is not known.
    names = [column.name for column in MODEL_HISTORY.columns if column.data_type == "text" and column.name not in ids]
    columns = [*names, None]
    cells = [pa.array([f"Plan of {MAIL}", "Jane Quux", None]) for _ in columns]
    masked = dict(zip(columns, mask_cells(Privacy(key), columns, cells), strict=True))
    assert [leaks([str(column[0])]) for column in masked.values()] == [[]] * len(masked)
    replaced = {name for name, column in masked.items() if column[1].as_py() != "Jane Quux"}
    values = set() if key else {"previous_value", "new_value"}
    assert replaced == {"user_name", "target_user", None} | values
    assert all(masked[name].null_count == 3 for name in values)
