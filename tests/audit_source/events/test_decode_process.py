"""Pages decoded in a process of their own: the same pages, whatever becomes of that process."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_source.events import decode_process as decoding
from audit_source.events.decode import decode_page
from audit_source.events.decode_process import DecodingProcess, PageDecoder
from audit_source.events.decode_worker import start_decoding_process
from audit_source.records import NewColumns
from pipelines.run import load
from sandbox.server import Sandbox
from tests.conftest import REPOSITORY, Engine, Tenant, event
from tests.support.harsh import HARSH

KNOWN = json.dumps({"response": [event(n, 10**12 + n) for n in range(50)]}).encode()
EMPTY = json.dumps({"meta": {"paging": {"totalSize": 7}}, "response": []}).encode()
UNKNOWN = json.dumps({"response": [event(1, 10**12, sensitivity="high")]}).encode()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[DecodingProcess]]:
    """A process that is ready, in the place of waiting until many pages have come."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS_BYTES", 0)
    process = start_decoding_process(str(tmp_path))
    process.executor.submit(os.getpid).result()
    yield [process]
    process.executor.shutdown()


def test_another_process_gives_the_same_pages_even_after_its_death(started: list[DecodingProcess]) -> None:
    [process] = started
    decoder = PageDecoder(NewColumns(), started.pop)
    expected = [decode_page(body, 0, "GET", NewColumns()) for body in (KNOWN, UNKNOWN, EMPTY)]
    # The first one is decoded here.
    assert decoder.decode(KNOWN, 0, "GET") == expected[0]
    assert decoder._ready is not None and decoder._ready.result()
    assert [decoder.decode(body, 0, "GET") for body in (KNOWN, UNKNOWN, EMPTY)] == expected
    assert os.listdir(process.folder) == []
    assert decoder.pages_ahead == decoding.PAGES_WAITING
    # The death of a process that is not at work is noticed by the next page.
    [pid] = process.executor._processes  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGKILL)
    assert [decoder.decode(body, 0, "GET") for body in (KNOWN, UNKNOWN, KNOWN)] == [*expected[:2], expected[0]]
    # Pages that are decoded here wait in memory.
    assert decoder.pages_ahead == 1
    assert started == [] and os.listdir(process.folder) == []


def test_a_page_is_decoded_here_when_there_is_no_room_for_its_file(started: list[DecodingProcess]) -> None:
    [process] = started
    decoder = PageDecoder(NewColumns(), started.pop)
    decoder.decode(KNOWN, 0, "GET")
    assert decoder._ready is not None and decoder._ready.result()
    os.rmdir(process.folder)
    assert decoder.decode(KNOWN, 0, "GET") == decode_page(KNOWN, 0, "GET", NewColumns())


def test_nothing_that_privacy_takes_out_goes_through_a_file(
    tenant: Tenant, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS_BYTES", 0)
    monkeypatch.setattr(load, "start_decoding_process", lambda _: pytest.fail("pages would go through files"))
    with Sandbox(events=50) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("PRIVACY", "drop")
        outcome = tenant.run("load")
        # What came later than that may or may not be loaded.
        sent = {one["id"] for one in sandbox.truth() if one["eventDate"] < sandbox.now_ms - 300_000}
    assert outcome.code == 0 and sent
    assert sent <= {row[0] for row in duck.rows("select id from anaplan_audit_raw.events")}


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process that is not a child: Linux")
def test_the_process_ends_when_the_one_that_started_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\nfrom audit_source.events.decode_worker import start_decoding_process\n"
        "if __name__ == '__main__':\n    executor = start_decoding_process(sys.argv[1]).executor\n"
        "    print(executor.submit(os.getpid).result(), flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    try:
        worker = os.pidfd_open(int(parent.stdout))
    except ProcessLookupError:
        return
    ended, _, _ = select.select([worker], [], [], 20)
    os.close(worker)
    assert ended


def test_a_page_under_way_when_a_load_ends_is_not_asked_for_again(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(events=1500, **HARSH) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("EVENTS_PER_LOAD", 200)
        outcome = tenant.run("load")
        truth = sorted(sent["id"] for sent in sandbox.truth())
        asked = [json.dumps(request.query) for request in sandbox.requests if request.path.endswith("/events")]
    assert (outcome.code, outcome.err) == (0, "")
    assert duck.rows("select count(*) > 5 from anaplan_audit_raw._dlt_loads") == [(True,)]
    stored = [number for (number,) in duck.rows("select id from anaplan_audit_raw.events order by id")]
    assert stored == [number for number in truth if number in set(stored)] and len(stored) > 1000
    assert len(asked) > 30 and len(asked) == len(set(asked))
