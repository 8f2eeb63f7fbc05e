"""After a pause longer than the retention period, the rest is loaded, and the lost days are recorded and reported."""

import time
from datetime import datetime, timezone

import pytest

from audit_source.client import Client
from tests.conftest import Engine, Tenant, event
from tests.support.plain_server import PlainServer

DAY = 86_400_000


def test_pause_longer_than_the_retention_leaves_an_expired_gap(
    tenant: Tenant, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time() * 1000)
    asleep = now - 40 * DAY
    events = [event(number, now - 3_600_000 - number * DAY) for number in range(60)]
    with PlainServer(events) as server:
        tenant.at(server.url)
        server.events = [sent for sent in events if sent["eventDate"] < asleep]
        with monkeypatch.context() as long_ago:
            long_ago.setattr(Client, "now_ms", lambda _: asleep)
            assert tenant.run("load").code == 0
        loaded = {number for (number,) in duck.rows("select id from anaplan_audit_raw.events")}
        server.events = [sent for sent in events if sent["eventDate"] >= now - 30 * DAY]
        woken = tenant.run("load")
        again = tenant.run("load")

    assert woken.code == 0 and len(woken.err.splitlines()) == 1
    until = datetime.fromtimestamp(asleep / 1000 - 60, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    assert f"LOST: nothing was loaded from {until} to" in woken.err
    assert (again.code, again.err) == (0, ""), "said by the run that found it; `status` keeps saying it"
    held = {sent["id"] for sent in server.events}
    assert {number for (number,) in duck.rows("select id from anaplan_audit_raw.events")} == loaded | held
    lost = duck.rows(
        "select min(window_start), max(window_end), sum(epoch(window_end) - epoch(window_start)) "
        "from anaplan_audit_raw.event_windows where status = 'expired'"
    )[0]
    assert lost[0].timestamp() * 1000 == asleep - 60_000
    assert abs(lost[1].timestamp() * 1000 - (now - 30 * DAY)) < 600_000
    assert abs(lost[2] - (lost[1] - lost[0]).total_seconds()) < 0.01, "without a hole and without an overlap"


def test_expired_days_are_reported_once(tenant: Tenant, duck: Engine) -> None:
    now = int(time.time() * 1000)
    tenant.set("HISTORY_DAYS", 3)
    tenant.set("EVENT_TYPES", '["user_activity", "byok"]')
    with PlainServer([event(1, now - 3_600_000)]) as server:
        outcome = tenant.at(server.url).run("load", "--since", "2020-01-01")
    (line,) = outcome.err.splitlines()
    kept, _, floor = line.partition(" Nothing before ")
    assert kept == "audit: --since: Anaplan keeps 3 days (setting `history_days`)."
    told = datetime.strptime(floor, "%Y-%m-%d %H:%M UTC is requested.").replace(tzinfo=timezone.utc)
    assert abs(told.timestamp() * 1000 - (now - 3 * DAY)) < 120_000


@pytest.mark.long
def test_late_event_of_the_expiring_day_is_loaded_after_a_pause(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day was verified as a whole. Its retained hours are compared with what the destination holds of them."""
    now = 20_000 * DAY + 33_600_000
    edge = now - now % DAY - 3 * DAY
    events = [event(number, now - 2 * DAY - number * 3_600_000) for number in range(1, 100)]
    # An event at a full hour belongs to the hour that it begins.
    events += [event(1_000, edge + 20 * 3_600_000), event(1_001, edge + DAY)]
    tenant.set("HISTORY_DAYS", 3)
    with PlainServer(events) as server:
        tenant.at(server.url)
        for moment in (now - 2 * DAY, now):
            monkeypatch.setattr(Client, "now_ms", lambda _, moment=moment: moment)
            outcome = tenant.run("load")
            assert outcome.code == 0, outcome
            server.events = [*events, event(2_000, edge + 22 * 3_600_000)]

    assert engine.rows(f"select count(*) from anaplan_audit_raw.events where id = {2**60 + 2_000}") == [(1,)]
    day = datetime.fromtimestamp(edge / 1000, timezone.utc).date()
    counted = engine.rows(
        "select window_start, status, inside_events from anaplan_audit_raw.event_windows "
        f"where window_day = date '{day}' order by window_start"
    )
    held = [sent["eventDate"] for sent in server.events if edge <= sent["eventDate"] < edge + DAY]
    assert {status for _, status, _ in counted} == {"complete"}
    assert sum(inside for _, _, inside in counted) == len(held)
    before = (edge + 9 * 3_600_000) / 1000
    assert counted[0][2] == sum(moment / 1000 < before for moment in held)
