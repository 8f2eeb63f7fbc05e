"""Pages decoded in a second process are equal, even if that process fails."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audit_source.events import decode_process as decoding
from audit_source.events.decode import decode_page
from audit_source.events.decode_process import DecodeProcess, PageDecoder
from audit_source.records import NewColumns
from sandbox.server import Sandbox
from tests.conftest import REPOSITORY, Engine, Tenant, event
from tests.support.harsh import HARSH

KNOWN = json.dumps({"response": [event(n, 10**12 + n) for n in range(50)]}).encode()
EMPTY = json.dumps({"meta": {"paging": {"totalSize": 7}}, "response": []}).encode()
UNKNOWN = json.dumps({"response": [event(1, 10**12, sensitivity="high")]}).encode()


def ready_decoder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PageDecoder, DecodeProcess]:
    """Return a decoder whose second process is ready, without waiting for many pages."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS_BYTES", 0)
    decoder = PageDecoder(NewColumns())
    decoder.use_process(str(folder))
    # The first page starts the process and is decoded here.
    assert decoder.decode(KNOWN, 0, "GET") == decode_page(KNOWN, 0, "GET", NewColumns())
    process = decoder._process
    assert process is not None and process.wait_until_ready(60)
    return decoder, process


def test_second_process_decodes_equal_pages_even_after_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder, process = ready_decoder(tmp_path, monkeypatch)
    expected = [decode_page(body, 0, "GET", NewColumns()) for body in (KNOWN, UNKNOWN, EMPTY)]
    here = decoding.decode_typed
    decoded_here = []
    monkeypatch.setattr(decoding, "decode_typed", lambda *values: decoded_here.append(values) or here(*values))
    assert [decoder.decode(body, 0, "GET") for body in (KNOWN, UNKNOWN, EMPTY)] == expected
    assert [body for body, _ in decoded_here] == [UNKNOWN]
    assert os.listdir(process.folder) == []
    assert decoder.pages_ahead == decoding.PAGES_WAITING
    # The next page notices that an idle process was killed.
    os.kill(process.pid, signal.SIGKILL)
    assert [decoder.decode(body, 0, "GET") for body in (KNOWN, UNKNOWN, KNOWN)] == [*expected[:2], expected[0]]
    # Pages that are decoded here wait in memory.
    assert decoder.pages_ahead == 1
    assert decoder._process is None and os.listdir(process.folder) == []


def test_a_page_is_decoded_here_if_its_file_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, process = ready_decoder(tmp_path, monkeypatch)
    os.rmdir(process.folder)
    assert decoder.decode(KNOWN, 0, "GET") == decode_page(KNOWN, 0, "GET", NewColumns())
    decoder.close()


def test_closing_ends_the_process_and_deletes_the_pages_of_a_killed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "3").write_bytes(KNOWN)
    decoder, process = ready_decoder(tmp_path, monkeypatch)
    assert os.listdir(process.folder) == []
    decoder.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    # A later load starts another one.
    assert decoder.decode(KNOWN, 0, "GET").arrived == 50
    decoder.close(wait=False)


@pytest.mark.usefixtures("no_details")
@pytest.mark.parametrize(("privacy", "processes"), [("drop", 0), ("keep", 1)])
def test_nothing_that_privacy_removes_goes_through_a_file(
    tenant: Tenant, duck: Engine, monkeypatch: pytest.MonkeyPatch, privacy: str, processes: int
) -> None:
    folders = []
    started = decoding.DecodeProcess
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS_BYTES", 0)
    monkeypatch.setattr(decoding, "DecodeProcess", lambda folder: folders.append(folder) or started(folder))
    with Sandbox(events=50) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("PRIVACY", privacy)
        outcome = tenant.run("load")
        # Later events may be loaded or not.
        sent = {one["id"] for one in sandbox.truth() if one["eventDate"] < sandbox.now_ms - 300_000}
    assert outcome.code == 0 and sent and len(folders) == processes
    assert sent <= {row[0] for row in duck.rows("select id from anaplan_audit_raw.events")}


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process that is not a child: Linux")
def test_the_process_ends_when_the_one_that_started_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\nfrom audit_source.events.decode_process import DecodeProcess\n"
        "process = DecodeProcess(sys.argv[1])\nprocess.wait_until_ready(60)\n"
        "print(process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
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


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    """`multiprocessing` would import the script in the second process, which would load a second time."""
    script = tmp_path / "load.py"
    script.write_text(
        "import sys\nfrom audit_source.events.decode_process import DecodeProcess\n"
        "print('script')\nprocess = DecodeProcess(sys.argv[1])\nprint(process.wait_until_ready(60))\nprocess.close()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(script), str(tmp_path / "pages")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (ended.stdout.splitlines(), ended.stderr) == (["script", "True"], "")


@pytest.mark.long
@pytest.mark.usefixtures("no_details")
def test_page_in_flight_at_the_end_of_a_load_is_not_requested_again(tenant: Tenant, duck: Engine) -> None:
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
