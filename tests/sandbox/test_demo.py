"""The demo beside the user's own installation."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from audit_source.settings import Hosts
from pipelines.common.network_names import read_networks
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
    demo = settings_of("http://127.0.0.1:9", tmp_path / "demo.duckdb", tmp_path / "dlt")
    assert ask(**demo) == f"{tmp_path}/demo.duckdb None None None"
    # No service of the user's tenant is called, whatever the settings files say.
    urls = {name for name, value in demo.items() if value == "http://127.0.0.1:9"}
    assert urls == {f"SOURCES__AUDIT_SOURCE__{field.name.upper()}_URL" for field in fields(Hosts)}


def test_the_networks_of_the_demo_are_a_valid_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_networks(tmp_path / "networks.csv")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__NETWORK_NAMES", str(tmp_path / "networks.csv"))
    networks = read_networks()
    named = [networks.of(address) for address in ("10.20.9.9", "10.50.1.1", "203.0.113.7", "198.51.100.1")]
    assert [one and one.country for one in named] == ["United Kingdom", "Singapore", "Brazil", None]
