"""make demo: loads and enriches the audit log of a simulated company, and shows what can be read from it.

Everything lies in `.demo/`; the pipeline runs as its users run it, as a command with its settings in the environment.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(".demo")
DATABASE = FOLDER / "audit_log.duckdb"
EVENTS, USERS = 60_000, 250

NEXT = """
What next
  Look around       duckdb {database}   (or python: duckdb.connect("{database}").sql("from anaplan_audit.fct_events"))
  Again             make demo           loads only what happened since
  Your own tenant   cp .dlt/secrets.toml.example .dlt/secrets.toml, put your credentials in, then: make run
"""


def main() -> int:
    """Runs the demo and returns the exit code of the pipeline; the sandbox ends with it."""
    FOLDER.mkdir(exist_ok=True)
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--events", str(EVENTS), "--users", str(USERS)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert sandbox.stdout is not None
        url = sandbox.stdout.readline().strip()
        if not url:
            return sandbox.wait() or 1
        print(f"A simulated Anaplan tenant answers at {url}\n", flush=True)
        code = _audit(["run"], url) or _audit(["report"], url)
    finally:
        sandbox.terminate()
        sandbox.wait()
    if code == 0:
        print(NEXT.format(database=os.path.relpath(DATABASE)))
    return code


def _audit(arguments: list[str], url: str) -> int:
    command = [sys.executable, "-m", "pipelines.audit", *arguments]
    return subprocess.run(command, env={**os.environ, **_settings(url)}, check=False).returncode


def _settings(url: str) -> dict[str, str]:
    source = "SOURCES__AUDIT_SOURCE__"
    return {
        **{f"{source}{service}_URL": url for service in ("AUTH", "API", "AUDIT", "OAUTH")},
        f"{source}AUTH": "password",
        f"{source}CREDENTIALS__EMAIL": "auditor@example.com",
        f"{source}CREDENTIALS__PASSWORD": "sandbox",
        "PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE": "duckdb",
        "DESTINATION__DUCKDB__CREDENTIALS": str(DATABASE),
        "DLT_DATA_DIR": str((FOLDER / "dlt").resolve()),
    }


if __name__ == "__main__":
    if "--fresh" in sys.argv:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(main())
