"""Lists inside models cost the events nothing, and an hour in which nothing changed next to nothing."""

from sandbox.server import Sandbox
from tests.benchmarks.many_models import MORE, events_come_first, kinds_of
from tests.conftest import Engine, Tenant

MODELS, BUDGET = 40, 60


def test_events_come_first_and_a_quiet_hour_asks_five_more_requests(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(events=300, days=2, users=6, models=MODELS, rate_limit=0) as sandbox:
        sandbox.set_clock(sandbox.now_ms)
        tenant.at(sandbox.url, password="sandbox")
        tenant.set("HISTORY_DAYS", 2)
        tenant.set("MODEL_REQUESTS_PER_RUN", BUDGET)
        tenant.set("EVENTS_PER_LOAD", 100)

        def load() -> list[str]:
            sent = len(sandbox.requests)
            outcome = tenant.run("load")
            assert (outcome.code, outcome.err) == (0, "")
            return kinds_of(request.path for request in sandbox.requests[sent:])

        first = load()
        assert events_come_first(first) and first.count("events") > 5
        # Several loads of events, all of them before the lists.
        assert duck.rows("select count(*) > 2 from anaplan_audit_raw._dlt_loads") == [(True,)]
        assert BUDGET - 5 < first.count("inside models") <= BUDGET
        assert first.count("SCIM") == 1
        second = load()
        assert events_come_first(second) and BUDGET - 5 < second.count("inside models") <= BUDGET
        tenant.set("MODEL_REQUESTS_PER_RUN", 1000)
        load()
        quiet = load()
        assert quiet.count("inside models") == quiet.count("SCIM") == 0
        assert sum(quiet.count(kind) for kind in MORE) <= 5
