"""The configured destination, and how a run opens it."""

import io
import logging
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pipelines.warehouse import pipelines as destination
from pipelines.warehouse.duckdb.file import database_path
from pipelines.warehouse.pipelines import Pipelines, open_pipelines
from sandbox.server import Sandbox
from tests.conftest import REPOSITORY, Engine, Tenant

PRINT_PATH = "from pipelines.warehouse.duckdb.file import database_path; print(database_path())"


@pytest.mark.parametrize("file", ["config.toml", "secrets.toml"])
def test_the_database_file_may_be_named_in_either_file(tmp_path: Path, file: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / file).write_text('[destination.duckdb]\ncredentials = "kept/here.duckdb"\n')
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DESTINATION__")}
    environment |= {"PYTHONPATH": str(REPOSITORY), "DLT_DATA_DIR": str(tmp_path / "dlt")}
    asked = [sys.executable, "-c", PRINT_PATH]
    answer = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(tmp_path / "kept" / "here.duckdb")


def test_the_first_run_of_a_day_vacuums_duckdb(duck: Engine) -> None:
    def tasks() -> int:
        with open_pipelines() as pipelines:
            [(number,)] = pipelines.database.execute("select current_setting('max_vacuum_tasks')").fetchall()
            pipelines.database.execute("create or replace table written as select 1 as one")
        return int(number)

    assert tasks() == 0
    yesterday = os.path.getmtime(database_path()) - 86_400
    os.utime(database_path(), (yesterday, yesterday))
    assert tasks() > 0
    assert tasks() == 0


@pytest.mark.usefixtures("few_models")
def test_an_enrichment_without_enough_memory_gets_more(
    tenant: Tenant, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[str] = []
    limit = Pipelines.limit_memory

    def noted(self: Pipelines, amount: str, threads: int | None = None) -> None:
        limits.append(amount)
        limit(self, amount, threads)

    monkeypatch.setattr(Pipelines, "limit_memory", noted)
    monkeypatch.setattr(destination, "ENRICH_MEMORY", "1MB")
    with Sandbox(events=300) as sandbox:
        outcome = tenant.at(sandbox.url, password="sandbox").run("run")
        # Later events may or may not be loaded.
        end = datetime.fromtimestamp(sandbox.now_ms / 1000 - 300, timezone.utc)
        truth = sum(one["eventDate"] < end.timestamp() * 1000 for one in sandbox.truth())
    assert (outcome.code, outcome.err) == (0, "")
    assert limits[-2:] == ["1MB", destination.ENRICH_MEMORY_AGAIN]
    earlier = (
        "select count(*) from anaplan_audit.fct_events inner join anaplan_audit_raw.events on id = event_id"
        f" where event_date < '{end.isoformat()}'"
    )
    assert duck.rows(earlier) == [(truth,)]


def test_local_state_of_another_destination_is_no_warning(
    tenant: Tenant, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_pipelines() as pipelines:
        for pipeline in pipelines[:2]:
            pipeline.run([{"one": 1}], table_name="written")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv(
        "DESTINATION__POSTGRES__CREDENTIALS", "postgresql://loader:pw@127.0.0.1:9/audit?connect_timeout=2"
    )
    handler = logging.StreamHandler(io.StringIO())
    logging.getLogger("dlt").addHandler(handler)
    try:
        outcome = tenant.at("http://127.0.0.1:9").run("load")
    finally:
        logging.getLogger("dlt").removeHandler(handler)
    assert outcome.code == 1 and outcome.err.startswith("audit: destination: "), outcome
    assert handler.stream.getvalue() == ""


def test_a_warning_of_this_program_looks_like_its_other_lines(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    secrets = tmp_path / ".dlt" / "secrets.toml"
    secrets.write_text("")
    secrets.chmod(0o644)
    tenant.at("http://127.0.0.1:9", password="hunter2")
    said = [
        subprocess.run(
            [sys.executable, "-m", "pipelines.audit", "check-access"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY), "RUNTIME__LOG_LEVEL": level, "RUNTIME__REQUEST_MAX_ATTEMPTS": "1"},
            capture_output=True, text=True,
        ).stderr
        for level in ("WARNING", "INFO")
    ]  # fmt: skip
    line = f"Others can read `{secrets}`. Run `chmod 600 {secrets}`."
    assert said[0].splitlines()[0] == f"audit: {line}"
    assert "[WARNING]" in said[1] and line in said[1]
