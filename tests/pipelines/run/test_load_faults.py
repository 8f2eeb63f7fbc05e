"""Faults of the API as a user sees them: an exit code, one line, and a next run that recovers.

The whole matrix, every fault at every kind of request, is run by `make torture`.
"""

import copy
import time

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.matrix import BEHIND_MS, SETTINGS, TENANT, cases, late_events, spec, truth_of_lists
from tests.support.memory import Memory, run_over_http
from tests.support.truth import compare, compare_events, compare_list, compare_windows

FAULTS = [
    ("/token/authenticate:503:*", 4, "HTTP 503 after every try"),
    ("events:half-body:*:skip=9", 4, "the answer broke off"),
    ("events:token-expired:1:skip=9", 0, ""),
    ("events:role:1:skip=9", 3, "Tenant Auditor role"),
    ("events:wrong-total:*", 5, "stays `incomplete`"),
    ("all:429:~0.2:retry_after=none", None, ""),
    ("users:empty-page:*", 4, "0 users, but 12 reported"),
]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "0.3")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "3")


@pytest.mark.long
def test_faulty_run_prints_one_line_and_the_next_run_recovers(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(clock_ms=int(time.time() * 1000) - BEHIND_MS, **TENANT) as sandbox:
        tenant.at(sandbox.url, password="sandbox")
        for name, value in SETTINGS.items():
            tenant.set(name.upper(), value)
        for number, (fault, code, says) in enumerate(FAULTS):
            sandbox.add_events(late_events(sandbox, number))
            sandbox.faults.add(fault)
            outcome = tenant.run("load")
            assert sandbox.faults.active[0].done, fault
            if code is not None:
                assert outcome.code == code, (fault, outcome)
            assert says in outcome.err and len(outcome.err.splitlines()) == (outcome.code != 0), (fault, outcome)
            sandbox.faults.clear()
            # The run with the next fault is also the next run of this one.
        outcome = tenant.run("load")
        assert (outcome.code, outcome.err) == (0, "")
        assert compare_events(sandbox.truth(), duck).is_exact
        assert compare_windows(sandbox.truth(), duck).is_exact
        for name, records in truth_of_lists(sandbox).items():
            assert compare_list(name, records, duck).is_exact, name


def test_source_recovers_from_a_sample_of_all_faults() -> None:
    with Sandbox(clock_ms=int(time.time() * 1000) - BEHIND_MS, **TENANT) as sandbox:
        loaded = Memory(**SETTINGS)
        run_over_http(loaded, sandbox.url)
        for number, (kind, what, times) in enumerate(cases()[::61]):
            memory = copy.deepcopy(loaded)
            sandbox.add_events(late_events(sandbox, number))
            sandbox.faults.add(spec(kind, what, times))
            run_over_http(memory, sandbox.url)
            sandbox.faults.clear()
            run, error = run_over_http(memory, sandbox.url)
            assert error is None and run is not None and not run.problems, (kind, what, times)
            assert compare([sent["id"] for sent in sandbox.truth()], memory.rows).is_exact, (kind, what, times)
            assert all(
                set(memory.lists[name]) == {record["id"] for record in records}
                for name, records in truth_of_lists(sandbox).items()
            )
