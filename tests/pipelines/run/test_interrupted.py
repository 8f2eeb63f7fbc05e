"""Ctrl-C and SIGTERM give one line and an exit code, end the session, free the lock, and do not disturb the next run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import REPOSITORY, Engine, Tenant
from tests.support.harsh import HARSH

SMALL: dict[str, Any] = {"events": 300, "days": 3, "users": 6, "rate_limit": 0, "weekend": 1.0, **HARSH}
LINE = "audit: interrupted. What was loaded is kept. Run again to continue.\n"


def interrupt(number: int, when: Callable[[], bool]) -> tuple[int, str, float]:
    """Signal a load as soon as a condition is true. Return its exit code, its output and its seconds."""
    # A shell starts background jobs with SIGINT ignored, and a child inherits this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.audit", "load"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not when():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    sent = time.monotonic()
    _, err = process.communicate(timeout=30)
    return process.returncode, err, time.monotonic() - sent


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.variant)])
def test_interrupt_ends_a_run_whose_threads_wait_for_anaplan(
    tenant: Tenant, duck: Engine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "600")
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, password="sandbox").set("PAGE_SIZE", 20)
        sandbox.faults.add("events:timeout:*")
        code, err, seconds = interrupt(number, lambda: any("/events" in seen.path for seen in sandbox.requests))
        assert (code, err) == (128 + number, LINE)
        assert seconds < 10
        assert sandbox.requests[-1].path.endswith("/token/logout")
        sandbox.faults.clear()
        assert tenant.run("load")[::2] == (0, "")
    assert duck.rows("select count(*) > 200, count(*) = count(distinct id) from anaplan_audit_raw.events") == [
        (True, True)
    ]


# A slow destructor, during which the signal arrives.
IN_A_DESTRUCTOR = """
import os, signal, sys, threading, time
from pipelines.common.signals import interruptible

class Slow:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(0.01)

with interruptible():
    thing = Slow()
    del thing
    threading.Event().wait(30)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupt_in_a_destructor_ends_the_run(number: int) -> None:
    """Python drops exceptions in destructors: the run continued until the watchdog ended it, and printed a traceback."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_DESTRUCTOR, str(int(number))],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1 and ended.stderr.count("Traceback") == 1
    assert "Exception ignored" not in ended.stderr and "Interrupted: interrupted." in ended.stderr
    assert time.monotonic() - began < 2.9
