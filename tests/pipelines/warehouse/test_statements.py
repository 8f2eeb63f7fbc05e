"""How many statements an hourly run sends. On a cloud warehouse each costs 100 to 300 ms, and a sign-in more."""

import time

import pytest

from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.postgres import Postgres
from tests.support.small_models import with_models
from tests.support.statements import StatementLog, Statements
from tests.support.tenant_records import LISTS, month_of_events

# The most that was reached. A new statement in every run needs a reason, and a larger number here and in
# docs/performance.md.
WITH_NEW_EVENTS, WITH_NOTHING_NEW, CONNECTIONS = 63, 25, 6
# The same with few models.
FEW_MODELS = 36, 25


@pytest.mark.comments
@with_models("few_models")
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_an_hourly_run_sends_few_statements(tenant: Tenant, engine: Engine, postgres: Postgres, models: str) -> None:
    with_new_events, with_nothing_new = FEW_MODELS if models else (WITH_NEW_EVENTS, WITH_NOTHING_NEW)
    log = StatementLog(postgres, engine.address)
    with plain_server(month_of_events(60), LISTS) as server:
        tenant.at(server.url)

        def run(text: str, limit: int) -> Statements:
            with log.watched() as sent:
                outcome = tenant.run("run")
            assert outcome.code == 0 and text in outcome.out, outcome
            listed = "\n".join(text[:150] for text in sent.texts)
            assert len(sent.texts) <= limit, f"{len(sent.texts)} statements:\n{listed}"
            return sent

        assert run("60 new events", 1_000).connections > 0
        server.events = [*server.events, event(10_001, int(time.time() * 1000) - 240_000)]
        # The first run after one that rebuilt every table stores other schemas.
        run("1 new event,", 1_000)
        server.events = [*server.events, event(10_002, int(time.time() * 1000) - 200_000)]
        busy = run("1 new event,", with_new_events)
        quiet = run("0 new events", with_nothing_new)
    for sent in (busy, quiet):
        assert sent.connections <= CONNECTIONS
        assert not [text for text in sent.texts if text.startswith("DISCARD")]
    print(
        f"{len(busy.texts)} with a new event, {len(quiet.texts)} with none, {busy.connections} and {quiet.connections} connections"
    )
