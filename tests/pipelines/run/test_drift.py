"""Undocumented changes of the API are loaded, not rejected, and reported once."""

import json
import time

import pytest

from tests.conftest import Engine, Tenant, event
from tests.support.plain_server import PlainServer
from tests.support.tenant_records import LISTS
from tests.support.truth import compare


@pytest.mark.usual_engine("duckdb")
def test_drift_is_loaded_and_reported_once(tenant: Tenant, engine: Engine) -> None:
    now = int(time.time() * 1000)
    events = [event(number, now - 36 * 3_600_000 - number) for number in range(10)]
    with PlainServer(events, LISTS) as server:
        tenant.at(server.url).set("HISTORY_DAYS", 3)
        before = tenant.run("load")
        # A new field that changes its type, a known field of another type, a missing field, and an unknown code.
        later = [
            {
                **event(100 + number, now - 120_000 - number),
                "eventTypeId": "XYZ-007",
                "risk": [0.5, "high", {"level": 3}][number % 3],
                "success": "perhaps",
            }
            for number in range(6)
        ]
        for sent in later:
            del sent["checksum"]
        server.events = [*events, *later]
        server.lists = {
            **LISTS,
            "users": [{**LISTS["users"][0], "lastName": "New", "shoeSize": 44}, *LISTS["users"][1:]],
        }
        first, second = tenant.run("load"), tenant.run("load")

    assert (before.code, first.code, second.code) == (0, 0, 0)
    assert before.err == first.err == second.err == ""
    assert "drift" not in before.out and "drift" not in second.out
    said = next(line for line in first.out.splitlines() if line.startswith("drift"))
    assert said.endswith(
        "new field: risk, users.shoeSize; unknown code: XYZ-7; field of another type: success; field that is gone: checksum"
    )
    rows = engine.rows(
        "select id, event_type_code, risk, success, checksum from anaplan_audit_raw.events where risk is not null"
    )
    texts = ["0.5", "high", '{"level":3}']
    assert compare([(sent["id"], "XYZ-7", texts[n % 3], None, None) for n, sent in enumerate(later)], rows).is_exact
    kept = engine.rows("select raw_record from anaplan_audit_raw.events where raw_record is not null")
    records = [record if isinstance(record, dict) else json.loads(record) for (record,) in kept]
    assert sorted(records, key=lambda record: record["id"]) == later
    users = engine.rows("select shoe_size from anaplan_audit_raw.users where _dlt_valid_to is null and id = 'u0'")
    assert users == [("44",)]
    assert engine.rows("select count(*) from anaplan_audit_raw.events") == [(16,)]
