"""One run's lease on real databases: statements, expiry, renewal, loss."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.common.exit_codes import LEASE_LOST, LOCKED, PipelineError
from pipelines.common.signals import Interrupted, end_main_thread, ended_by_threads, interruption_of
from pipelines.warehouse.engine import engine_of
from pipelines.warehouse.lease import clock, guard, holder
from pipelines.warehouse.lease.holder import PAUSES, TRIES, Lease
from pipelines.warehouse.lease.table import LEASES, LeaseTable
from tests.support.model_warehouse import Warehouse

SECONDS = 900


class Machine:
    """A lease whose statements and pauses are noted, on a clock that is set by hand."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.table = LeaseTable(warehouse.raw, engine_of(warehouse.raw))
        self.pauses: list[float] = []
        self.lease = Lease(self.table, SECONDS, pause=self.pauses.append)

    @property
    def claim_id(self) -> str:
        return self.lease.owner.claim_id


@pytest.fixture
def machine(warehouse: Warehouse) -> Callable[[], Machine]:
    return lambda: Machine(warehouse)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list: the clocks of this machine are ahead by its sum, in hours."""
    ahead: list[float] = []
    read = clock.reading
    monkeypatch.setattr(clock, "reading", lambda: tuple(moment + 3_600 * sum(ahead) for moment in read()))
    return ahead


def statements(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the first word of each statement that is sent from now on."""
    sent: list[str] = []
    client_class = type(warehouse.raw.sql_client())
    original = client_class.execute_query

    def noted(self: Any, query: Any, *values: Any, **named: Any) -> Any:
        sent.append(str(query).split()[0])
        return original(self, query, *values, **named)

    monkeypatch.setattr(client_class, "execute_query", noted)
    return sent


def age(warehouse: Warehouse, seconds: float = 3_600) -> None:
    """Let all rows be older, as if time had passed in the destination."""
    with warehouse.raw.sql_client() as client:
        name = client.make_qualified_table_name(LEASES)
        client.execute_sql(f"update {name} set claimed_at = claimed_at - interval '{seconds} seconds'")


def test_lease_costs_three_statements_a_run(
    warehouse: Warehouse, machine: Callable[[], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first run of all creates the table.
    first = machine()
    first.lease.acquire()
    first.lease.release()
    sent = statements(warehouse, monkeypatch)
    second = machine()
    second.lease.acquire()
    with second.lease.renewed():
        for _ in range(50):
            second.lease.check()
    second.lease.release()
    assert sent == ["INSERT", "SELECT", "DELETE"]
    assert second.table.rows() == [] and second.pauses == []


def test_second_run_is_refused_and_leaves_no_row(machine: Callable[[], Machine]) -> None:
    first, second = machine(), machine()
    first.lease.acquire()
    with pytest.raises(PipelineError, match=r"another run, process \d+ on machine `.*`, writes dataset") as refused:
        second.lease.acquire()
    second.lease.release()
    assert refused.value.code == LOCKED
    assert [row.claim_id for row in first.table.rows()] == [first.claim_id]
    # It was younger, so it did not wait for the first one.
    assert second.pauses == []


def test_older_of_two_claims_waits_until_the_younger_one_is_withdrawn(machine: Callable[[], Machine]) -> None:
    older, younger = machine(), machine()
    younger.table.create()
    add = older.table.add

    def add_both(*values: Any) -> Any:
        add(*values)
        younger.table.add(younger.lease.owner, 0, SECONDS, lambda: None)
        return older.table.rows()

    older.table.add = add_both  # type: ignore[method-assign]
    older.lease._pause = lambda seconds: younger.lease._table.delete([younger.claim_id])
    older.lease.acquire()
    assert [row.claim_id for row in older.table.rows()] == [older.claim_id]


def test_older_claim_gives_up_if_the_younger_one_stays(machine: Callable[[], Machine]) -> None:
    older, younger = machine(), machine()
    younger.table.create()
    add = older.table.add

    def add_both(*values: Any) -> Any:
        add(*values)
        younger.table.add(younger.lease.owner, 0, SECONDS, lambda: None)
        return older.table.rows()

    older.table.add = add_both  # type: ignore[method-assign]
    with pytest.raises(PipelineError, match="another run"):
        older.lease.acquire()
    assert older.pauses == list(PAUSES)


def test_expired_claim_is_replaced_and_its_rows_are_deleted(
    warehouse: Warehouse, machine: Callable[[], Machine]
) -> None:
    killed, second, third = machine(), machine(), machine()
    killed.lease.acquire()
    age(warehouse, SECONDS - 60)
    with pytest.raises(PipelineError):
        second.lease.acquire()
    second.lease.release()
    age(warehouse, 61)
    third.lease.acquire()
    third.lease.release()
    assert third.table.rows() == []


def test_run_renews_only_when_half_of_the_lease_has_passed(
    warehouse: Warehouse, machine: Callable[[], Machine], hours: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = machine()
    one.lease.acquire()
    sent = statements(warehouse, monkeypatch)
    hours.append(0.7 * SECONDS / 3_600)
    one.lease.check()
    assert sent == []
    hours.append(0.2 * SECONDS / 3_600)
    one.lease.check()
    one.lease.check()
    assert sent == ["INSERT", "SELECT"]
    assert sorted(row.renewal for row in one.table.rows()) == [0, 1]


def test_thread_renews_a_lease_that_is_due(machine: Callable[[], Machine], hours: list[float]) -> None:
    one = machine()
    one.lease.acquire()
    renewed = threading.Event()
    renew = one.lease.renew
    one.lease.renew = lambda: (renew(), renewed.set())  # type: ignore[method-assign, assignment]
    hours.append(0.6 * SECONDS / 3_600)
    one.lease._seconds = 1
    with one.lease.renewed():
        assert renewed.wait(30)
    assert one.lease._confirmed >= 1


def test_renewal_keeps_others_away(warehouse: Warehouse, machine: Callable[[], Machine], hours: list[float]) -> None:
    first, second = machine(), machine()
    first.lease.acquire()
    age(warehouse, SECONDS - 60)
    hours.append(0.9 * SECONDS / 3_600)
    first.lease.check()
    age(warehouse, SECONDS - 60)
    with pytest.raises(PipelineError, match="another run"):
        second.lease.acquire()


@pytest.mark.parametrize("end", ["running", "ended", "killed"])
def test_run_that_slept_learns_that_another_one_took_over(
    warehouse: Warehouse, machine: Callable[[], Machine], hours: list[float], end: str
) -> None:
    slept, second = machine(), machine()
    slept.lease.acquire()
    age(warehouse)
    second.lease.acquire()
    if end == "ended":
        second.lease.release()
    if end == "killed":
        age(warehouse)
    hours.append(1)
    for _ in range(2):
        with pytest.raises(Interrupted) as lost:
            slept.lease.check()
        assert lost.value.code == LEASE_LOST
    slept.lease.release()
    left = {row.claim_id for row in slept.table.rows()}
    assert left == (set() if end == "ended" else {second.claim_id})


def test_run_that_slept_goes_on_if_nobody_took_over(
    warehouse: Warehouse, machine: Callable[[], Machine], hours: list[float]
) -> None:
    slept, late = machine(), machine()
    slept.lease.acquire()
    age(warehouse)
    hours.append(1)
    slept.lease.check()
    with pytest.raises(PipelineError, match="another run"):
        late.lease.acquire()


def test_loss_in_a_thread_ends_the_main_thread(
    warehouse: Warehouse, machine: Callable[[], Machine], hours: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The thread looks again after a twentieth of this part of the lease's seconds.
    monkeypatch.setattr(holder, "RENEW_AFTER", 0.001)
    slept, second = machine(), machine()
    slept.lease.acquire()
    age(warehouse)
    second.lease.acquire()
    hours.append(1)
    with pytest.raises(Interrupted) as lost, ended_by_threads(), slept.lease.renewed():
        threading.Event().wait(60)
    assert lost.value.code == LEASE_LOST


def test_nothing_is_written_without_the_lease(warehouse: Warehouse) -> None:
    rows = [{"id": 1}]
    warehouse.raw.run(rows, table_name="things")
    calls: list[str] = []

    def lost() -> None:
        calls.append("check")
        end_main_thread(LEASE_LOST)
        raise Interrupted(LEASE_LOST)

    with ended_by_threads(), guard.guarded(warehouse.raw.destination, lost):
        with warehouse.raw.sql_client() as client:
            name = client.make_qualified_table_name("things")
            assert client.execute_sql(f"select count(*) from {name}") == [(1,)]
            assert calls == []
            with pytest.raises(Interrupted):
                client.execute_sql(f"delete from {name}")
        with pytest.raises(PipelineStepFailed) as failed:
            warehouse.raw.run([{"id": 2}], table_name="things")
    assert interruption_of(failed.value) == LEASE_LOST
    assert len(calls) > 1
    with warehouse.raw.sql_client() as client:
        assert client.execute_sql(f"select id from {name}") == [(1,)]


def test_transaction_is_not_committed_without_the_lease(warehouse: Warehouse) -> None:
    warehouse.raw.run([{"id": 1}], table_name="things")
    answers = iter([None, Interrupted(LEASE_LOST)])

    def check() -> None:
        if answer := next(answers):
            raise answer

    with (
        guard.guarded(warehouse.raw.destination, check),
        pytest.raises(Interrupted),
        warehouse.raw.sql_client() as client,
        client.begin_transaction(),
    ):
        client.execute_sql(f"delete from {client.make_qualified_table_name('things')}")
    with warehouse.raw.sql_client() as client:
        assert client.execute_sql(f"select id from {client.make_qualified_table_name('things')}") == [(1,)]


def test_table_that_was_dropped_is_created_again(warehouse: Warehouse, machine: Callable[[], Machine]) -> None:
    first = machine()
    first.lease.acquire()
    first.lease.release()
    with warehouse.raw.sql_client() as client:
        client.execute_sql(f"drop table {client.make_qualified_table_name(LEASES)}")
    second = machine()
    second.lease.acquire()
    assert [row.claim_id for row in second.table.rows()] == [second.claim_id]


def test_lease_whose_table_was_dropped_is_released_in_silence(
    warehouse: Warehouse, machine: Callable[[], Machine], caplog: pytest.LogCaptureFixture
) -> None:
    one = machine()
    one.lease.acquire()
    with warehouse.raw.sql_client() as client:
        client.execute_sql(f"drop table {client.make_qualified_table_name(LEASES)}")
    one.lease.release()
    assert caplog.messages == [] and one.pauses == []


def test_release_that_fails_is_a_warning(machine: Callable[[], Machine], caplog: pytest.LogCaptureFixture) -> None:
    one = machine()
    one.lease.acquire()

    def fail(_: list[str]) -> None:
        raise DatabaseTransientException(RuntimeError("busy"))

    one.table.delete = fail  # type: ignore[method-assign]
    one.lease.release()
    assert "was not released. It expires in 900 seconds at most" in caplog.text
    assert len(one.pauses) == TRIES - 1 and all(0 < seconds < 1 for seconds in one.pauses)


def test_conflict_with_another_run_is_tried_again(machine: Callable[[], Machine]) -> None:
    """On DuckLake, a row cannot be inserted while another run deletes its own."""
    one = machine()
    add, failures = one.table.add, [DatabaseTransientException(RuntimeError("conflict")) for _ in range(TRIES - 1)]

    def add_later(*values: Any) -> Any:
        if failures:
            raise failures.pop()
        return add(*values)

    one.table.create()
    one.table.add = add_later  # type: ignore[method-assign]
    one.lease.acquire()
    assert len(one.table.rows()) == 1 and len(one.pauses) == TRIES - 1


def test_row_that_cannot_be_read_back_is_an_error(machine: Callable[[], Machine]) -> None:
    one = machine()
    one.table.add = lambda *_: []  # type: ignore[method-assign]
    with pytest.raises(PipelineError, match="cannot be read"):
        one.lease.acquire()
