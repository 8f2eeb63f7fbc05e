"""The demo beside the user's own installation."""

import os
import subprocess
import sys
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from audit_source.settings import Hosts
from pipelines import audit
from pipelines.common.network_names import read_networks
from pipelines.monitoring.status import read_status
from pipelines.warehouse.reader import open_reader
from sandbox import demo
from sandbox.demo import settings_of, write_networks
from tests.conftest import REPOSITORY

ASK = """
import dlt
from pipelines.warehouse.duckdb.file import database_path
from pipelines.publish.target import publish_path
from pipelines.common.metric_settings import metric_targets
print(database_path(), publish_path(), dlt.secrets.get("alerts.webhook_url") or None, metric_targets().prometheus_file or None)
"""


def test_the_demo_leaves_the_users_database_copy_chat_and_metrics_alone(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[pipelines.anaplan_audit_enrich]\npublish_to = "bi.duckdb"\n')
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        '[alerts]\nwebhook_url = "https://chat.example/hook"\n[metrics]\nprometheus_file = "mine.prom"\n[destination.duckdb]\ncredentials = "mine.duckdb"\n'
    )
    (tmp_path / ".dlt" / "secrets.toml").chmod(0o600)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DESTINATION__")}

    def ask(**settings: str) -> str:
        command = [sys.executable, "-c", ASK]
        environment = {**inherited, "PYTHONPATH": str(REPOSITORY), **settings}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert ask() == f"{tmp_path}/mine.duckdb {tmp_path}/bi.duckdb https://chat.example/hook mine.prom"
    company = settings_of("http://127.0.0.1:9", tmp_path / "demo.duckdb", tmp_path / "dlt")
    assert ask(**company) == f"{tmp_path}/demo.duckdb None None None"
    # No service of the user's tenant is called, whatever the settings files say.
    urls = {name for name, value in company.items() if value == "http://127.0.0.1:9"}
    assert urls == {f"SOURCES__AUDIT_SOURCE__{field.name.upper()}_URL" for field in fields(Hosts)}


def test_the_networks_of_the_demo_are_a_valid_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_networks(tmp_path / "networks.csv")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__NETWORK_NAMES", str(tmp_path / "networks.csv"))
    networks = read_networks()
    named = [networks.of(address) for address in ("10.20.9.9", "10.50.1.1", "203.0.113.7", "198.51.100.1")]
    assert [one and one.country for one in named] == ["United Kingdom", "Singapore", "Brazil", None]


@pytest.mark.long
def test_the_demo_has_something_for_every_page_and_lacks_days_until_it_is_called_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(demo.COMPANY, "events", 9_000)
    monkeypatch.setitem(demo.COMPANY, "users", 60)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(demo.DATABASE))
    assert demo.main() == 0
    with duckdb.connect(str(demo.DATABASE)) as connection:

        def one(sql: str) -> Any:
            return connection.sql(f"select {sql}").fetchall()[0][0]

        connection.sql("use anaplan_audit")
        assert one("count(*) from fct_model_changes where not success") > 0
        assert one("count(*) from fct_access_changes where outcome = 'denied'") > 0
        assert one("count(*) from fct_denied_access") > 0
        assert one("count(*) from fct_integration_runs where outcome = 'failure'") > 0
        assert {"self_granted_role", "mass_deletion", "impossible_travel"} <= set(
            one("list(distinct rule) from security_findings")
        )
        newest = one("max(window_end) from anaplan_audit_raw.event_windows")
    lost, stale = _missing()
    assert len(lost) == 1 and stale
    assert timedelta(days=1.9) < lost[0]["end"] - lost[0]["start"] < timedelta(days=2.1)
    assert timedelta(days=0.9) < datetime.now(timezone.utc) - newest < timedelta(days=1.1)
    # The next one loads the last day, and no lost events.
    assert demo.main() == 0
    assert _missing() == (lost, False)
    # The problem that `status` shows tells what to do: the demo's data is meant where no other is.
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS")
    assert CliRunner().invoke(audit.cli, ["acknowledge", "gaps"]).exit_code == 0
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(demo.DATABASE))
    assert [gap["acknowledged"] for gap in _missing()[0]] == [True]


def _missing() -> tuple[list[dict[str, Any]], bool]:
    """Return the gaps, and whether the data is stale."""
    with open_reader(0.0) as reader:
        found = read_status(reader, timedelta(hours=3), 1)
    return found["gaps"], found["freshness"]["stale"]
