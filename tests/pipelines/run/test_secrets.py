"""Secrets go to Anaplan only. No log of any level, error, traceback, table or file contains one."""

import io
from pathlib import Path

import pytest

from sandbox.api.certificates import make_key_pair
from sandbox.api.tokens import AUDITOR
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.secret_hunt import PASSWORD, SMALL, Secrets, hunt, log

# The fixture `log` is used by name.
__all__ = ["log"]


def test_no_secret_in_any_output_log_file_or_table(
    tenant: Tenant, duck: Engine, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a password. `make torture` covers the other sign-in methods and more faults."""
    assert hunt(tenant, duck, tmp_path, log, monkeypatch, ["password"]) > 8


def test_dlt_trace_contains_no_secret(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dlt pipeline trace` shows what dlt records about a run, including configuration values."""
    import dlt

    with Sandbox(**SMALL) as sandbox:
        secrets = Secrets(sandbox, monkeypatch)
        tenant.at(sandbox.url, password=PASSWORD)
        assert tenant.run("load").code == 0
        pipeline = dlt.attach("anaplan_audit")
    trace = pipeline.last_trace
    assert trace is not None and trace.steps
    assert secrets.found_in(repr(trace.asdict())) == set()
    assert secrets.found_in(trace.asstr(verbosity=2)) == set()


def test_address_with_a_password_is_rejected_and_written_nowhere(tenant: Tenant, tmp_path: Path) -> None:
    tenant.at("http://127.0.0.1:9")
    tenant.set("AUDIT_URL", "https://user:hidden-4711@audit.example.com")
    outcome = tenant.run("load", "--debug")
    assert outcome.code == 2 and "setting `audit_url`: it holds a user or password" in outcome.err
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert "hidden-4711" not in outcome.err + outcome.out and not any(b"hidden-4711" in one for one in written)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604])
def test_secrets_file_readable_by_others_gives_a_warning(
    tenant: Tenant, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    pair = make_key_pair(AUDITOR)
    for name, pem in (("certificate", pair.certificate), ("private_key", pair.private_key)):
        (tmp_path / f"{name}.pem").write_text(pem.decode() if isinstance(pem, bytes) else pem)
        tenant.set(f"CREDENTIALS__{name.upper()}", tmp_path / f"{name}.pem")
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text("")
    for path in (tmp_path / "private_key.pem", tmp_path / ".dlt" / "secrets.toml"):
        path.chmod(mode)
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    for service in ("AUTH", "API", "AUDIT", "OAUTH"):
        tenant.set(f"{service}_URL", "http://127.0.0.1:9")
    tenant.run("load")
    warned = [line for line in log.getvalue().splitlines() if "Others can read" in line]
    assert len(warned) == (0 if mode == 0o600 else 2), warned
    assert all("chmod 600" in line for line in warned)


@pytest.mark.parametrize("command", ["run", "load", "enrich", "check", "check-access", "login", "purge"])
def test_each_command_that_reads_secrets_warns_once(
    tenant: Tenant, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv(
        "DESTINATION__POSTGRES__CREDENTIALS", "postgresql://loader:pw@127.0.0.1:9/audit?connect_timeout=2"
    )
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    secrets = tmp_path / ".dlt" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text("")
    secrets.chmod(0o644)
    tenant.at("http://127.0.0.1:9", password=PASSWORD).set("CREDENTIALS__CLIENT_ID", "somebody")
    assert tenant.run(command, *(["--before", "2026-01-01", "--yes"] if command == "purge" else [])).code != 0
    warned = [line for line in log.getvalue().splitlines() if "Others can read" in line]
    assert warned == [warned[0]] and str(secrets) in warned[0]


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("load", "SOURCES__AUDIT_SOURCE__CREDENTIALS__PASSWORD", "..."),
        ("check-access", "SOURCES__AUDIT_SOURCE__CREDENTIALS__PASSWORD", " ...\n"),
        ("login", "SOURCES__AUDIT_SOURCE__CREDENTIALS__CLIENT_ID", "..."),
        ("load", "SOURCES__AUDIT_SOURCE__PRIVACY_KEY", "..."),
        ("load", "DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "..."),
        ("load", "ALERTS__WEBHOOK_URL", "https://hooks.slack.com/services/..."),
    ],
)
def test_example_placeholders_are_not_sent(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str
) -> None:
    if name.startswith("DESTINATION"):
        monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS")
        monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, password=PASSWORD)
        monkeypatch.setenv(name, value)
        outcome = tenant.run(command)
        assert sandbox.requests == []
    assert outcome.code == 2 and "is the placeholder of .dlt/secrets.toml.example. Put the real" in outcome.err
    assert name.rpartition("__")[2].lower() in outcome.err and len(outcome.err.splitlines()) == 1


def test_unused_placeholder_is_not_an_error(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, password="...").set("AUTH", "token")
        tenant.set("CREDENTIALS__ACCESS_TOKEN", sandbox.issue_token())
        assert tenant.run("load")[::2] == (0, "")
