"""Every fault at every kind of request, in one run; after a clean run the raw tables are what the tenant holds."""

import time
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.truth import compare_events, compare_list, compare_windows

SMALL: dict[str, Any] = {"events": 300, "days": 30, "users": 10, "rate_limit": 0, "weekend": 1.0}
# Events of the last minute are left to the next run.
LAG_MS = 70_000

FAULTS = ("500", "reset")
KINDS = ("auth", "events", "users", "workspaces", "models")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", FAULTS)
def test_fault_then_clean_run(tenant: Tenant, duck: Engine, tally: Any, kind: str, what: str) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, password="sandbox")
        tenant.set("SAFETY_LAG_SECONDS", 0)
        sandbox.set_clock(int(time.time() * 1000) - LAG_MS)
        sandbox.faults.add(f"{kind}:{what}:*")
        failed = tenant.run("load")
        assert failed.code == 4 and failed.err.startswith("audit: "), failed
        assert sum(fault.done for fault in sandbox.faults.active) > 0
        sandbox.faults.clear()
        assert tenant.run("load")[::2] == (0, "")
        tally.check(compare_events(sandbox.truth(), duck))
        tally.check(compare_windows(sandbox.truth(), duck))
        for name in ("users", "workspaces", "models"):
            tally.check(compare_list(name, sandbox.state.directory.rows(name), duck))
        tally.add("faults tried")
