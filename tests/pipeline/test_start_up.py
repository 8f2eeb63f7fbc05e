"""What a process of the pipeline brings into memory."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from pipelines.command_line import FOR_OTHERS
from tests.conftest import Engine, Tenant, event, plain_server

ROOT = Path(__file__).parents[2]


def test_neither_process_imports_what_is_installed_for_others(tenant: Tenant, duck: Engine) -> None:
    """Numpy and pandas take some 40 MB of each, where the dashboard or the tests have brought them in."""
    now = int(time.time() * 1000)
    # More than is decoded without a second process.
    events = [event(number, now - 3_600_000 - number, message="x" * 60_000) for number in range(400)]
    with plain_server(events) as server:
        tenant.at(server.url)
        tenant.set("PAGE_SIZE", 20)
        run = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "pipelines.audit", "run"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPROFILEIMPORTTIME": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    assert duck.rows("select count(*), count(distinct id) from anaplan_audit_raw.events") == [(400, 400)]
    imported = re.findall(r"\| +([\w.]+)$", run.stderr, re.MULTILINE)
    assert imported.count("audit_source.decoding") == 2
    # The attempt is listed too, but nothing of what is inside.
    assert [name for name in imported if name.partition(".")[0] in FOR_OTHERS and "." in name] == []
