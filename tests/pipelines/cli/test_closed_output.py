"""A reader that leaves (`run | head -1`) fails no run, and ends an export."""

import os
import subprocess
import sys
import time

import pytest

from tests.conftest import REPOSITORY, Engine, Tenant, event, plain_server


def run_without_reader(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output is a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "pipelines.audit", *arguments],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writer)


@pytest.mark.usefixtures("no_details")
def test_run_goes_on_and_export_ends(tenant: Tenant, duck: Engine) -> None:
    now = int(time.time() * 1000)
    with plain_server([event(number, now - 3_600_000 - number) for number in range(3)]) as server:
        tenant.at(server.url)
        ended = run_without_reader("load")
    # A slow machine also shows its progress there.
    assert ended.returncode == 0 and "audit:" not in ended.stderr and "Traceback" not in ended.stderr
    assert duck.rows("select exit_code from anaplan_audit_raw.runs") == [(0,)]
    exported = run_without_reader("export", "events")
    assert (exported.returncode, exported.stderr) == (0, "")
    nobody = tenant.run("export", "events", "--where", "user_id=nobody")
    assert nobody.code == 0 and "no row of events matches the filters" in nobody.err
