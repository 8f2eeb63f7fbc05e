"""Several tenants on one database: each has its own rows, and one that fails stops no other."""

import csv
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import tenant_options
from pipelines.common import exit_codes
from tests.conftest import REPOSITORY, Engine, event, plain_server
from tests.support.places import Place, place
from tests.support.webhook import Webhook

NOW = int(time.time() * 1000)
EVENTS = {
    name: [event(first + n, NOW - 600_000 - n * 7_000_000) for n in range(5)]
    for name, first in (("production", 0), ("test", 100))
}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Place]:
    """A place whose settings name two tenants and no general sign-in."""
    with plain_server(EVENTS["production"]) as production, plain_server(EVENTS["test"]) as test:
        general = place("duckdb", tmp_path, "http://127.0.0.1:9", None)
        for name, url in (("PRODUCTION", production.url), ("TEST", test.url)):
            for service in ("AUTH", "API", "AUDIT", "OAUTH"):
                general.set(f"TENANTS__{name}__{service}_URL", url)
            general.set(f"TENANTS__{name}__CREDENTIALS__EMAIL", "auditor@example.com")
            general.set(f"TENANTS__{name}__CREDENTIALS__PASSWORD", "secret")
        yield general


def ids(engine: Engine, tenant: str) -> list[Any]:
    return [row[0] for row in engine.rows(f"select id from anaplan_audit_raw_{tenant}.events order by id")]


def expected(tenant: str) -> list[int]:
    return sorted(one["id"] for one in EVENTS[tenant])


def start(two: Place, *arguments: str) -> subprocess.Popen[str]:
    """Start a command as a user does: `--all-tenants` repeats the command line of its process."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.audit", *arguments],
        cwd=two.folder,
        env={**two.environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.long
def test_each_tenant_has_its_own_datasets_and_a_failure_stops_no_other(two: Place) -> None:
    two.set("TENANTS__PRODUCTION__PRIVACY", "no such value")
    both = start(two, "load", "--all-tenants")
    out, err = both.communicate(timeout=120)
    assert both.returncode == exit_codes.CONFIGURATION and "no such value" in err
    assert [line for line in out.splitlines() if line.startswith("==")] == ["== production ==", "== test =="]
    assert ids(two.engine, "test") == expected("test")
    del two.environment["TENANTS__PRODUCTION__PRIVACY"]
    assert two.run("load", "--tenant", "production").code == 0
    assert ids(two.engine, "production") == expected("production")
    assert ids(two.engine, "test") == expected("test")
    shown = two.run("status", "--tenant", "test", "--json")
    destination = json.loads(shown.out)["destination"]
    assert (destination["tenant"], destination["raw_dataset"]) == ("test", "anaplan_audit_raw_test")
    _export_writes_a_file_for_each_tenant(two)


def _export_writes_a_file_for_each_tenant(two: Place) -> None:
    to_one = start(two, "export", "events", "--all-tenants", "--to", "events.csv")
    assert "needs a file for each tenant" in to_one.communicate(timeout=120)[1] and to_one.returncode == 2
    files = {name: two.folder / f"events_{name}.csv" for name in EVENTS}
    files["production"].write_text("mine")
    both = start(two, "export", "events", "--all-tenants", "--to", "events_{tenant}.csv")
    out, err = both.communicate(timeout=120)
    # The file of one is in the way, which does not stop the other.
    assert (both.returncode, out) == (exit_codes.CONFIGURATION, "") and "== production ==" in err
    assert files["production"].read_text() == "mine"
    with files["test"].open(encoding="utf-8-sig", newline="") as file:
        assert sorted(int(row["id"]) for row in csv.DictReader(file)) == expected("test")
    # Without tenants, the name would stay in the file's.
    two.environment = {name: value for name, value in two.environment.items() if not name.startswith("TENANT")}
    ended = two.run("export", "events", "--to", "events_{tenant}.csv")
    assert ended.code == 2 and "no tenants are configured" in ended.err


def test_alerts_test_the_channels_of_each_tenant(two: Place) -> None:
    with Webhook() as hook:
        hook.answer = b"ok"
        two.set("TENANTS__PRODUCTION__ALERTS__WEBHOOK_URL", "http://127.0.0.1:9/closed")
        two.set("TENANTS__TEST__ALERTS__WEBHOOK_URL", hook.url)
        both = start(two, "alerts", "test", "--all-tenants")
        out, err = both.communicate(timeout=120)
        (text,) = hook.take()
    assert both.returncode == exit_codes.FAILED and "of tenant test" in text
    headings = [line for line in out.splitlines() if line.startswith("==")]
    assert headings == ["== production ==", "== test =="] and out.splitlines()[-1].endswith("taken")
    assert err.splitlines()[-1] == "audit: exit codes of the tenants: production 1, test 0."


def test_tenant_that_may_have_been_renamed_is_told(two: Place) -> None:
    two.set("TENANTS__TEST__AUTH_URL", "http://127.0.0.1:9")
    (two.folder / "dlt" / "tenants" / "former").mkdir(parents=True)
    first, second = (two.run("load", "--tenant", "test") for _ in range(2))
    assert "tenant `test` is new here, and no longer configured: former." in first.err
    assert first.code == second.code == exit_codes.UNREACHABLE and "is new here" not in second.err
    told = two.run("status", "--all-tenants", prepare=[(_run_for_none,)])
    assert told.err == (
        "audit: tenant `former` is no longer configured. Its tables stay as they are. See docs/operations.md.\n"
    )


def _run_for_none() -> None:
    tenant_options.run_for_all = lambda *_, **__: exit_codes.DONE  # type: ignore[assignment]


def test_tenants_that_are_not_named_are_asked_for(two: Place) -> None:
    ended = two.run("load")
    assert ended.code == exit_codes.CONFIGURATION and "production, test. Name one with --tenant" in ended.err
    ended = two.run("load", "--tenant", "test", "--all-tenants")
    assert ended.code == 2 and "exclude each other" in ended.err
    ended = two.run("report", "--tenant", "test")
    assert ended.code == 2 and "load first (python -m pipelines.audit run --tenant test)." in ended.err
    assert not Path(two.engine.address).exists()


def test_signal_ends_the_present_tenant_and_starts_no_other(two: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        two.set("TENANTS__PRODUCTION__AUTH_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        both = start(two, "load", "--all-tenants")
        silent.settimeout(60)
        # The first tenant waits for an answer to its sign-in.
        connection, _ = silent.accept()
        both.send_signal(signal.SIGTERM)
        out, err = both.communicate(timeout=60)
        # Its process is gone, so nothing holds the other end.
        connection.settimeout(60)
        while connection.recv(65536):
            pass
        connection.close()
    assert both.returncode == exit_codes.TERMINATED
    assert "== production ==" in out and "== test ==" not in out
    assert "interrupted. What was loaded is kept." in err


def test_every_code_has_its_place_among_the_worst() -> None:
    found = {exit_codes.worst_of([code, exit_codes.DONE]) for code in exit_codes.MEANINGS}
    assert found == exit_codes.MEANINGS.keys()


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([0, 0], 0), ([0, 75, 5], 5), ([5, 4, 0], 4), ([1, 6], 6), ([6, 3], 3), ([3, 2, 6], 2), ([-9, 0], 1), ([], 0)],
)
def test_worst_code_is_what_needs_a_person_most(codes: list[int], worst: int) -> None:
    assert exit_codes.worst_of(codes) == worst
