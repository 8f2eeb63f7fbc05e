"""After a change of `event_types`, only events that no other type has loaded count as new."""

import time
from datetime import datetime, timezone
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant

pytestmark = pytest.mark.usefixtures("no_details")
COMPANY: dict[str, Any] = {"events": 240, "days": 4, "users": 10, "rate_limit": 0, "weekend": 1.0, "late_percent": 0.0}
ALL, USERS, ACCESS, BOTH = '["all"]', '["user_activity"]', '["access_control"]', '["user_activity", "access_control"]'


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([USERS, ALL, BOTH, ALL, ALL], marks=pytest.mark.usual_engine("duckdb")),
        pytest.param([USERS, BOTH, ALL], marks=pytest.mark.long),
        [ALL, ACCESS],
    ],
)
def test_new_event_count_equals_the_added_rows(tenant: Tenant, engine: Engine, order: list[str]) -> None:
    with Sandbox(**COMPANY) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("HISTORY_DAYS", 6)
        # Several loads with one common count.
        tenant.set("EVENTS_PER_LOAD", 90)
        rows = 0
        for kinds in order:
            tenant.set("EVENT_TYPES", kinds)
            outcome = tenant.run("load")
            assert outcome.code == 0, outcome
            ((now,),) = engine.rows("select count(*) from anaplan_audit_raw.events")
            ((counted,),) = engine.rows(
                "select new_events from anaplan_audit_raw.runs order by started_at desc limit 1"
            )
            assert counted == now - rows, kinds
            rows = now
        # The newest events may be later than the end of the last run.
        sent = {one["id"] for one in sandbox.truth() if one["eventDate"] < sandbox.now_ms - 300_000}
        assert sent <= {row[0] for row in engine.rows("select id from anaplan_audit_raw.events")}


def test_days_after_a_change_to_a_narrower_type_are_counted(tenant: Tenant, duck: Engine) -> None:
    """The events of the day of the change may be left out of the count."""
    began = int(time.time() * 1000) - 60 * 3_600_000
    with Sandbox(**COMPANY, clock_ms=began) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("HISTORY_DAYS", 6)
        assert tenant.run("load").code == 0
        ((before,),) = duck.rows("select count(*) from anaplan_audit_raw.events")
        sandbox.advance(hours=50)
        tenant.set("EVENT_TYPES", ACCESS)
        assert tenant.run("load").code == 0
    came = "select count(*), count(case when event_day > date '{}' then 1 end) from anaplan_audit_raw.events"
    changed = datetime.fromtimestamp(began / 1000, timezone.utc).date()
    ((after, later),) = duck.rows(came.format(changed.isoformat()))
    ((counted,),) = duck.rows("select new_events from anaplan_audit_raw.runs order by started_at desc limit 1")
    assert 0 < later <= counted <= after - before
