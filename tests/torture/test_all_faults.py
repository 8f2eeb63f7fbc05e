"""Every fault at every kind of request: once, three times, at random and always. A clean run follows each."""

import copy
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from unittest import mock

import pytest

from audit_source.auth.credentials import OAuthCredentials
from audit_source.errors import BadAnswerError, SignInError, UnreachableError
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.matrix import BEHIND_MS, SETTINGS, TENANT, TIMES, Kind, cases, late_events, spec, truth_of_lists
from tests.support.memory import Memory, run_over_http
from tests.support.truth import compare, compare_events, compare_list, compare_windows

NO_NUMBER = ("wrong-total", "empty-page", "204", "400", "404")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock_ms=int(time.time() * 1000) - BEHIND_MS, **TENANT) as served:
        served.warm()
        yield served


@pytest.fixture(scope="module")
def loaded(sandbox: Sandbox) -> Memory:
    memory = Memory(**SETTINGS)
    run_over_http(memory, sandbox.url)
    return memory


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "0.3")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "3")


def restless() -> Any:
    """Return a clock by which a token ages within a few requests, so that it is renewed during them."""
    moments = iter(range(0, 10**9, 200))
    return mock.patch("audit_source.auth.token_auth.TokenAuth.__init__.__defaults__", (lambda: float(next(moments)),))


@pytest.mark.parametrize(
    ("kind", "what"), dict.fromkeys(case[:2] for case in cases()), ids=lambda value: getattr(value, "name", value)
)
def test_source_recovers_from_every_fault(
    sandbox: Sandbox, loaded: Memory, tally: Any, monkeypatch: pytest.MonkeyPatch, kind: Kind, what: str
) -> None:
    for times in TIMES:
        # Lists are fetched after the events, so a list fault needs few events.
        fresh = kind.path in ("events", "oauth") and not kind.scan
        memory = Memory(**SETTINGS) if fresh else copy.deepcopy(loaded)
        more: dict[str, Any] = {}
        if kind.name == "oauth":
            more["credentials"] = OAuthCredentials()
            more["credentials"].client_id, more["credentials"].refresh_token = "sandbox-device", "sandbox-refresh-0"
        if kind.scan:
            sandbox.add_events(late_events(sandbox, cases().index((kind, what, times))))
        sandbox.faults.clear()
        monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "0.2")
        fault = sandbox.faults.add(spec(kind, what, times))[0]
        about = (kind.name, what, times)
        with restless() if kind.name == "refresh" else nullcontext():
            run, error = run_over_http(memory, sandbox.url, **more)
        assert fault.done or times == "~0.3", about
        problems = [error] if error else run.problems if run else []
        for problem in problems:
            assert isinstance(problem, (UnreachableError, BadAnswerError, SignInError)), about
            assert len(str(problem).splitlines()) == 1, about
        truth = [sent["id"] for sent in sandbox.truth()]
        # After any fault: no invented and no doubled row.
        assert compare(truth, memory.rows)[2:] == (0, 0), about
        if not problems and run and not run.incomplete and not (kind.scan and what in NO_NUMBER):
            # A run that reports success is complete, except for past days with a missing or false number of events.
            assert compare(truth, memory.rows).is_exact, about
        sandbox.faults.clear()
        monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "10")
        run, error = run_over_http(memory, sandbox.url, **more)
        assert error is None and run is not None and not run.problems and not run.incomplete, about
        tally.rows(truth, memory.rows, about)
        for name, records in truth_of_lists(sandbox).items():
            tally.rows([record["id"] for record in records], memory.lists[name], about)
        tally.add("fault cases")
        tally.add("requests hit", fault.done)


# One case in so many. On DuckDB the sample holds every fault, kind of request and frequency.
STEP = {"duckdb": 23, "postgres": 46}
# Shared among the workers.
PARTS = 3


@pytest.mark.parametrize("part", range(PARTS))
def test_whole_pipeline_after_a_sample_of_faults(tenant: Tenant, engine: Engine, tally: Any, part: int) -> None:
    """Both databases, field for field, with the ledger, the lists and the messages to the user."""
    step = STEP[engine.kind]
    with Sandbox(clock_ms=int(time.time() * 1000) - BEHIND_MS, **TENANT) as sandbox:
        tenant.at(sandbox.url, password="sandbox")
        for name, value in SETTINGS.items():
            tenant.set(name.upper(), value)
        for number, (kind, what, times) in enumerate(cases()[step * part :: step * PARTS]):
            about = (kind.name, what, times)
            sandbox.add_events(late_events(sandbox, number))
            fault = sandbox.faults.add(spec(kind, what, times))[0]
            outcome = tenant.run("load")
            says = outcome.err.splitlines()
            assert outcome.code in (0, 3, 4, 5), (about, outcome)
            # What could not be loaded, and why.
            assert (outcome.code != 0) <= len(says) <= 2 * (outcome.code != 0), (about, says)
            assert all(line.startswith("audit: ") for line in says), (about, says)
            sandbox.faults.clear()
            outcome = tenant.run("load")
            assert (outcome.code, outcome.err) == (0, ""), (about, outcome)
            truth = sandbox.truth()
            tally.check(compare_events(truth, engine), about)
            tally.check(compare_windows(truth, engine), about)
            for name, records in truth_of_lists(sandbox).items():
                tally.check(compare_list(name, records, engine), about)
            tally.add("fault cases")
            tally.add("requests hit", fault.done)
