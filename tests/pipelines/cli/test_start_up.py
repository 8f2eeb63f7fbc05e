"""The packages that a process of the pipeline imports."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pyarrow.parquet
import pytest

from pipelines.common.start_up import FOR_OTHERS
from tests.conftest import REPOSITORY, Engine, Tenant, event, plain_server


@pytest.mark.long
def test_neither_process_imports_unneeded_packages(tenant: Tenant, duck: Engine) -> None:
    """Numpy and pandas take some 40 MB of each process if the dashboard or the tests have installed them."""
    now = int(time.time() * 1000)
    # More events than are decoded without a second process.
    events = [event(number, now - 3_600_000 - number, message="x" * 60_000) for number in range(400)]
    with plain_server(events) as server:
        tenant.at(server.url)
        tenant.set("PAGE_SIZE", 20)
        run = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "pipelines.audit", "run"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONPROFILEIMPORTTIME": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    assert duck.rows("select count(*), count(distinct id) from anaplan_audit_raw.events") == [(400, 400)]
    imported = re.findall(r"\| +([\w.]+)$", run.stderr, re.MULTILINE)
    assert imported.count("audit_source.events.decode") == 2
    # The import attempt is listed too, but none of its submodules.
    assert [name for name in imported if name.partition(".")[0] in FOR_OTHERS and "." in name] == []


def audit(*arguments: str) -> str:
    """Return the output of a command in a new process that refuses the imports."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pipelines.audit", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_every_export_format_works_without_pandas(tenant: Tenant, engine: Engine, tmp_path: Path) -> None:
    """pyarrow mistook None in `sys.modules` for pandas, and failed at the first timestamp."""
    now = int(time.time() * 1000)
    sent = [event(number, now - 3_600_000 - number) for number in range(3)]
    with plain_server(sent) as server:
        tenant.at(server.url)
        assert tenant.run("load").code == 0
    rows = [json.loads(line) for line in audit("export", "events", "--format", "jsonl").splitlines()]
    assert sorted(row["id"] for row in rows) == [one["id"] for one in sent]
    moments = {row["id"]: datetime.fromisoformat(row["event_date"].replace("Z", "+00:00")) for row in rows}
    assert {number: round(moment.timestamp() * 1000) for number, moment in moments.items()} == {
        one["id"]: one["eventDate"] for one in sent
    }
    assert audit("export", "events", "--format", "csv").count("\n") == 4
    audit("export", "events", "--to", str(tmp_path / "events.parquet"))
    assert pyarrow.parquet.read_table(tmp_path / "events.parquet").num_rows == 3


@pytest.mark.long
def test_debug_logs_the_steps_of_dlt(tenant: Tenant, database: Path) -> None:
    """dlt may have read its log level before the option is seen."""
    with plain_server([event(1, int(time.time() * 1000) - 3_600_000)]) as server:
        tenant.at(server.url)
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "pipelines.audit", "load", "--debug"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "[INFO]" in ended.stderr and "[INFO]" not in ended.stdout


def test_warehouse_drivers_may_import_the_refused_packages() -> None:
    script = """
from pipelines.common.start_up import leave_out_what_is_for_others, let_in_what_drivers_import
leave_out_what_is_for_others()
try:
    import pandas
except ModuleNotFoundError as error:
    print(error)
let_in_what_drivers_import()
import pandas
print(bool(pandas.__version__))
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["No module named 'pandas'", "True"]
