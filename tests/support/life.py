"""What happens to a destination in its life, in another one beside a DuckDB file, with equal tables after each step."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from sandbox.server import Sandbox
from tests.conftest import Tenant
from tests.support.same_tables import NOW, SMALL, Tables, differing, expect_success, file_tables, use

# Some events are stored hours or days after they happened.
COMPANY = {**SMALL, "late_percent": 5}
KEPT = datetime.fromtimestamp(NOW / 1000, timezone.utc).date() - timedelta(days=2)
# Of status: the company's clock stands still.
ALWAYS_FRESH = ("--max-age", "36500d")


def live_like_a_duckdb_file(
    tenant: Tenant, settings: dict[str, str], tables: Callable[[], Tables], folder: Path, patch: pytest.MonkeyPatch
) -> None:
    """Load a company twice, build everything again, check, show and purge; compare every enriched table."""
    file = folder / "audit_log.duckdb"

    def both(*arguments: str) -> None:
        expect_success(tenant, *arguments)
        with patch.context() as elsewhere:
            use(elsewhere, settings, folder)
            expect_success(tenant, *arguments)

    def expect_equal(events: int) -> None:
        expected = file_tables(file)
        assert len(expected) > 40 and len(expected["fct_events"]) > events
        assert differing(tables(), expected) == []

    with Sandbox(clock_ms=NOW, **COMPANY) as sandbox:
        tenant.at(sandbox.url, password="sandbox")
        both("run")
        expect_equal(300)
        change_names(sandbox)
        sandbox.advance(hours=30)
        both("run")
        with duckdb.connect(str(file), read_only=True) as connection:
            counted = connection.sql("select max(late_events), max(users_changed) from anaplan_audit_raw.runs")
            assert all(counted.fetchall()[0])
        expect_equal(600)
    both("enrich", "--full-refresh")
    expect_equal(600)
    both("check")
    both("status", *ALWAYS_FRESH)
    both("purge", "--before", str(KEPT), "--yes")
    expect_equal(100)
    both("check")


def change_names(sandbox: Sandbox) -> None:
    """Rename a user and an action."""
    sandbox.rename_user(sandbox.users()[0]["id"], lastName="Renamed")
    contents = sandbox.state.contents
    for model in sandbox.company.models:
        for action in contents.rows(model, "actions"):
            contents.change(model.id, action["id"], name=f"{action['name']} (renamed)")
            return
