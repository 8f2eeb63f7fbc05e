"""Other event types than before: what they meet again is no new event."""

from typing import Any

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant

COMPANY: dict[str, Any] = {"events": 600, "days": 4, "users": 10, "rate_limit": 0, "weekend": 1.0, "late_percent": 0.0}


def test_new_events_are_the_rows_that_came(tenant: Tenant, engine: Engine) -> None:
    with Sandbox(**COMPANY) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("HISTORY_DAYS", 6)
        rows = 0
        for kinds in ('["user_activity"]', '["all"]', '["user_activity", "access_control"]', '["all"]', '["all"]'):
            tenant.set("EVENT_TYPES", kinds)
            # Several loads, which share one count.
            tenant.set("EVENTS_PER_LOAD", 150)
            outcome = tenant.run("load")
            assert outcome.code == 0, outcome
            ((now,),) = engine.rows("select count(*) from anaplan_audit_raw.events")
            ((counted,),) = engine.rows(
                "select new_events from anaplan_audit_raw.runs order by started_at desc limit 1"
            )
            assert counted == now - rows, kinds
            rows = now
        # The newest may have come after the last run's end.
        sent = {one["id"] for one in sandbox.truth() if one["eventDate"] < sandbox.now_ms - 300_000}
        assert sent <= {row[0] for row in engine.rows("select id from anaplan_audit_raw.events")}
