"""For any arrival order, delay, truncated page, wrong total and crash, the loaded events equal those of the tenant."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_source.errors import AuditSourceError
from audit_source.events.windows import COMPLETE, DAY_MS, INCOMPLETE, MINUTE_MS
from tests.conftest import event
from tests.support.memory import Answer, Crash, FakeClient, Memory
from tests.support.truth import compare

START = 20_000 * DAY_MS + 13 * 60 * MINUTE_MS
HISTORY_DAYS = 3
FAULTS = ["", "short", "empty", "twice", "shifted", "more", "fewer", "204", "garbage", "no meta", "down"]


class Tenant:
    """Holds events that become visible when they are stored. The next fault may spoil each response."""

    def __init__(self, stored: list[tuple[int, int]], shape: dict[str, Any]) -> None:
        self.events = [(at, seen, event(number, at)) for number, (at, seen) in enumerate(stored)]
        self.shape, self.now, self.faults = shape, 0, iter(())

    def held(self, start: int, end: int) -> list[dict[str, Any]]:
        found = [sent for at, seen, sent in self.events if start <= at < end and seen <= self.now]
        order = self.shape["order"]
        return sorted(found, key=lambda sent: sent["checksum"][::-1] if order == "odd" else sent["eventDate"])

    def answer(self, params: dict[str, Any]) -> Answer:
        fault = next(self.faults, "")
        end = params["dateTo"] + self.shape["end_inclusive"]
        found = self.held(max(params["dateFrom"], self.now - HISTORY_DAYS * DAY_MS), end)
        total = len(found) + {"more": 1, "fewer": -1}.get(fault, 0)
        offset = params["offset"]
        if fault == "twice":
            offset = max(0, offset - params["limit"])
        elif fault == "shifted":
            offset = max(0, offset - 1)
        size = min(params["limit"], self.shape["page_cap"])
        page = found[offset : offset + {"empty": 0, "short": size // 2}.get(fault, size)]
        if fault == "204":
            return Answer(b"", 204)
        if fault == "garbage":
            return Answer(b'{"response": 5}')
        if fault == "down":
            raise AuditSourceError("GET page", "HTTP 500 after every try", "Run again.")
        body: dict[str, Any] = {"response": page}
        one_page = self.shape["no_meta_on_one_page"] and params["offset"] == 0 and len(page) == len(found)
        if not (one_page or fault == "no meta"):
            body["meta"] = {"paging": {"totalSize": max(0, total), "offSet": offset}}
        return Answer(json.dumps(body).encode())


HOUR = 60 * MINUTE_MS
# The event time relative to the start of the first run (negative: before it), and the delay until it was stored.
stored = st.tuples(
    st.integers(-60 * HOUR, 30 * HOUR), st.one_of(st.just(0), st.integers(0, 5000), st.integers(0, 40 * HOUR))
)
shapes = st.fixed_dictionaries(
    {
        "order": st.sampled_from(["date", "odd"]),
        "page_cap": st.sampled_from([1, 3, 7, 1000]),
        "end_inclusive": st.sampled_from([0, 1]),
        "no_meta_on_one_page": st.booleans(),
    }
)
runs = st.tuples(
    st.one_of(st.integers(1, 20 * 60), st.integers(1, 4 * 24 * 60)),  # minutes since the previous run
    st.lists(st.sampled_from(FAULTS), max_size=25),
    st.one_of(st.none(), st.integers(0, 6)),  # batches after which the run crashes
    st.booleans(),  # whether its rows were loaded before the crash
)


@given(
    st.lists(stored, max_size=30),
    shapes,
    st.lists(runs, max_size=5),
    st.sampled_from([0, 1, 60]),
    st.integers(1, 4),
    st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_union_of_all_runs_equals_the_tenant(
    moments: list[tuple[int, int]],
    shape: dict[str, Any],
    sequence: list[Any],
    overlap: int,
    parallel: int,
    counts_events: bool,
) -> None:
    tenant = Tenant([(START + at, START + at + late) for at, late in moments], shape)
    memory = Memory(
        counts_events=counts_events,
        history_days=HISTORY_DAYS,
        page_size=7,
        parallel_requests=parallel,
        overlap_minutes=overlap,
        events_per_load=9,
    )
    now = START
    for minutes, faults, die_after, loaded in sequence:
        now += minutes * MINUTE_MS
        tenant.now, tenant.faults = now, iter(faults)
        with suppress(AuditSourceError, Crash):
            run = memory.load(FakeClient(tenant.answer), "", now, die_after, loaded)
            # A run reports the windows that its last load left incomplete, whatever its earlier loads met.
            left = {(w.start, w.end) for w in memory.windows if w.status == INCOMPLETE and w.checked_at == now}
            assert {(w.start, w.end) for w in run.incomplete} == left
        assert compare([sent["id"] for _, _, sent in tenant.events], memory.rows)[2:] == (0, 0)
    tenant.now, tenant.faults = now + 60 * MINUTE_MS, iter(())
    # The scan counts once per run, without faults here, so one run finds every retained event.
    run = memory.load(FakeClient(tenant.answer), "", tenant.now)

    floor, end = tenant.now - HISTORY_DAYS * DAY_MS, tenant.now - MINUTE_MS
    expected = {sent["id"] for sent in tenant.held(floor, end)}
    assert expected - memory.rows.keys() == set()
    assert not run.incomplete
    assert all(window.status == COMPLETE for window in memory.windows if window.start >= floor)
    # No window is left to fetch.
    client = FakeClient(tenant.answer)
    again = memory.load(client, "", tenant.now + 1)
    assert again.new_events == again.late_events == 0
