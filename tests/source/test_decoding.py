"""Pages decoded in a process of their own: the same pages, whatever becomes of that process."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from audit_source import decoding
from audit_source.decoding import PageDecoder
from audit_source.pages import decode_page
from audit_source.records import NewColumns
from pipelines.workers import make_decoding_process
from sandbox.server import Sandbox
from tests.conftest import REPOSITORY, Engine, Tenant, event

KNOWN = json.dumps({"response": [event(n, 10**12 + n) for n in range(50)]}).encode()
UNKNOWN = json.dumps({"response": [event(1, 10**12, sensitivity="high")]}).encode()


@pytest.fixture
def executors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ProcessPoolExecutor]]:
    """The executors that were made, in the place of waiting until many pages have come."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS_BYTES", 0)
    made: list[ProcessPoolExecutor] = []
    yield made
    for executor in made:
        executor.shutdown()


def test_another_process_gives_the_same_pages_even_after_its_death(executors: list[ProcessPoolExecutor]) -> None:
    def make() -> ProcessPoolExecutor:
        executors.append(make_decoding_process())
        return executors[-1]

    decoder = PageDecoder(NewColumns(), make)
    expected = [decode_page(body, 0, "GET", NewColumns()) for body in (KNOWN, UNKNOWN)]
    assert [decoder.decode(body, 0, "GET") for body in (KNOWN, UNKNOWN)] == expected
    [pid] = executors[0]._processes
    os.kill(pid, signal.SIGKILL)
    assert [decoder.decode(body, 0, "GET") for body in (KNOWN, UNKNOWN, KNOWN)] == [*expected, expected[0]]
    assert len(executors) == 1


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process that is not a child: Linux")
def test_the_process_ends_when_the_one_that_started_it_is_killed() -> None:
    script = (
        "import os, signal\nfrom pipelines.workers import make_decoding_process\n"
        "if __name__ == '__main__':\n    executor = make_decoding_process()\n"
        "    print(executor.submit(os.getpid).result(), flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert parent.returncode == -signal.SIGKILL
    try:
        worker = os.pidfd_open(int(parent.stdout))
    except ProcessLookupError:
        return
    ended, _, _ = select.select([worker], [], [], 20)
    os.close(worker)
    assert ended


def test_a_page_under_way_when_a_load_ends_is_not_asked_for_again(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(events=1500) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("EVENTS_PER_LOAD", 200)
        outcome = tenant.run("load")
        truth = sorted(sent["id"] for sent in sandbox.truth())
        asked = [json.dumps(request.query) for request in sandbox.requests if request.path.endswith("/events")]
    assert (outcome.code, outcome.err) == (0, "")
    assert duck.rows("select count(*) > 5 from anaplan_audit_raw._dlt_loads") == [(True,)]
    stored = [number for (number,) in duck.rows("select id from anaplan_audit_raw.events order by id")]
    assert stored == [number for number in truth if number in set(stored)] and len(stored) > 1000
    assert len(asked) > 30 and len(asked) == len(set(asked))
