"""Every invalid input gives one line that says what to do and its own exit code, and keeps the loaded data."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.conftest import REPOSITORY, Engine, Tenant, event, plain_server
from tests.support.prepared import PreparedFolders

# All columns except the load id, which a repeated load may replace.
ROWS = "select * exclude (_dlt_load_id) from anaplan_audit_raw.events order by id"
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


NOW = int(time.time() * 1000)
EVENTS = [event(i, NOW - 600_000 - i * 7_000_000) for i in range(20)]


@pytest.fixture
def loaded(tenant: Tenant, duck: Engine, prepared_folders: PreparedFolders, tmp_path: Path) -> Any:
    """A tenant that was loaded once. After the test its rows must be unchanged."""

    def load() -> None:
        assert tenant.run("load").code == 0

    with plain_server(EVENTS) as server:
        tenant.at(server.url)
        prepared_folders.restore("bad input", tmp_path, load)
        before = duck.rows(ROWS)
        yield server
    assert duck.rows(ROWS) == before
    assert len(before) == 20


def one_line(outcome: Any, code: int, *parts: str) -> None:
    assert outcome.code == code, outcome
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("audit: "), outcome.err
    for part in parts:
        assert part in lines[0]


def test_no_credentials(tenant: Tenant) -> None:
    one_line(tenant.run("load"), 2, "none are configured", ".dlt/secrets.toml", "CREDENTIALS__PASSWORD")


def test_incomplete_credentials_are_reported(tenant: Tenant) -> None:
    tenant.set("CREDENTIALS__CERTIFICATE", "/some/certificate.pem")
    one_line(tenant.run("load"), 2, "`certificate` is set, but `private_key` is missing", "CREDENTIALS__PRIVATE_KEY")


def test_empty_password_counts_as_missing(tenant: Tenant) -> None:
    tenant.at("http://127.0.0.1:9", password="")
    one_line(tenant.run("load"), 2, "`email` is set, but `password` is missing")


def test_two_complete_credentials_are_ambiguous(tenant: Tenant, loaded: Any) -> None:
    tenant.set("CREDENTIALS__ACCESS_TOKEN", "not-a-token")
    one_line(tenant.run("load"), 2, "password and token are both complete", "`auth`")
    tenant.set("AUTH", "password")
    assert tenant.run("load").code == 0
    tenant.set("AUTH", "oauth")
    one_line(tenant.run("load"), 2, "none are configured", "CREDENTIALS__CLIENT_ID")
    tenant.set("AUTH", "magic")
    one_line(tenant.run("load"), 2, "`magic` is not a way to sign in")


def key_file(path: Path, key: Any, password: bytes = b"") -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.write_bytes(key.private_bytes(PEM, PKCS8, encryption))
    path.chmod(0o600)
    return str(path)


@pytest.fixture(scope="module")
def rsa_key() -> Any:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def certificate(tmp_path: Path, rsa_key: Any) -> str:
    from datetime import datetime, timedelta, timezone

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auditor")])
    now = datetime.now(timezone.utc)
    built = x509.CertificateBuilder(name, name, rsa_key.public_key(), 1, now, now + timedelta(1)).sign(
        rsa_key, hashes.SHA256()
    )
    (tmp_path / "certificate.pem").write_bytes(built.public_bytes(PEM))
    return str(tmp_path / "certificate.pem")


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("missing", "the file cannot be read (No such file or directory)"),
        ("no key", "it holds no PEM private key"),
        ("elliptic", "it is not an RSA key"),
        ("encrypted", "the key is encrypted. Set `private_key_password`"),
        ("wrong password", "its password is wrong"),
        ("needless password", "the key is not encrypted, but a password is set"),
    ],
)
def test_unusable_private_key(
    tenant: Tenant, tmp_path: Path, certificate: str, rsa_key: Any, case: str, says: str
) -> None:
    path = tmp_path / "key.pem"
    tenant.set("CREDENTIALS__CERTIFICATE", certificate)
    tenant.set("CREDENTIALS__PRIVATE_KEY", path)
    if case == "no key":
        path.write_text("hello")
        path.chmod(0o600)
    elif case == "elliptic":
        key_file(path, ec.generate_private_key(ec.SECP256R1()))
    elif case in ("encrypted", "wrong password"):
        key_file(path, rsa_key, b"right horse")
    elif case == "needless password":
        key_file(path, rsa_key)
    if "password" in case:
        tenant.set("CREDENTIALS__PRIVATE_KEY_PASSWORD", "battery")
    outcome = tenant.run("load")
    one_line(outcome, 2, "`private_key`", says)
    assert "battery" not in outcome.err


def test_unreadable_certificate(tenant: Tenant, tmp_path: Path, rsa_key: Any) -> None:
    tenant.set("CREDENTIALS__CERTIFICATE", tmp_path / "nowhere.pem")
    tenant.set("CREDENTIALS__PRIVATE_KEY", key_file(tmp_path / "key.pem", rsa_key))
    one_line(tenant.run("load"), 2, "`certificate`", "cannot be read")
    (tmp_path / "nowhere.pem").write_text("hello")
    one_line(tenant.run("load"), 2, "`certificate`", "it holds no PEM certificate")


def test_wrong_password(tenant: Tenant, loaded: Any) -> None:
    tenant.set("CREDENTIALS__PASSWORD", "hunter2")
    outcome = tenant.run("load")
    one_line(outcome, 3, "/token/authenticate", "HTTP 401 FAILURE_BAD_CREDENTIAL", "Check the credentials")
    assert "hunter2" not in outcome.err


def test_missing_role(tenant: Tenant, loaded: Any) -> None:
    loaded.shape["no_role"] = True
    one_line(tenant.run("load"), 3, "FAILURE_UNAUTHORIZED_USER_ACTION", "Tenant Auditor role")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("REGION", "mars1", "`mars1` is not a known region"),
        ("EVENT_TYPES", '["user_activity", "user-activity"]', "`user-activity` is not a type of event"),
        ("EVENT_TYPES", "[]", "is not a type of event"),
        (
            "HISTORY_DAYS",
            "a month",
            "setting `history_days`: `a month` is not a whole number. Correct it, then run again.",
        ),
        ("LATE_EVENT_SCAN", "maybe", "setting `late_event_scan`: `maybe` is not `true` or `false`."),
        ("HISTORY_DAYS", "0", "`0` is out of range. Use 1 to 90"),
        (
            "PAGE_SISE",
            "5",
            "setting `page_sise` (SOURCES__AUDIT_SOURCE__PAGE_SISE) does not exist. Did you mean `page_size`?",
        ),
        ("CREDENTIALS__PASSWROD", "5", "Did you mean `credentials.password`?"),
        ("AUDIT_URL", "audit.anaplan.com", "is not an address"),
        ("AUTH_URL", "http://auth.anaplan.com", "in the clear. Give it as `https://`"),
        ("API_URL", "http://10.0.0.7:8080", "setting `api_url`: `http://10.0.0.7:8080` would send"),
        ("AUDIT_URL", "http://127.0.0.1.example.com", "in the clear"),
        ("OAUTH_URL", "http://localhost@example.com", "holds a user or password"),
    ],
)
def test_unknown_and_invalid_settings_are_reported(
    tenant: Tenant, loaded: Any, name: str, value: str, says: str
) -> None:
    loaded.requests.clear()
    tenant.set(name, value)
    one_line(tenant.run("load"), 2, says)
    assert not loaded.requests


def test_misspelt_setting_in_the_file_is_reported(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.audit_source]\nhistory_day = 90\n")
    outcome = subprocess.run(
        [sys.executable, "-m", "pipelines.audit", "load"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert outcome.returncode == 2
    assert "setting `history_day` (config.toml) does not exist. Did you mean `history_days`?" in outcome.stderr


def test_unknown_destination(tenant: Tenant, loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "oracle9i")
    one_line(tenant.run("load"), 2, "destination_type", "oracle9i")


def test_file_that_is_not_a_duckdb_database_is_reported(tenant: Tenant, database: Path) -> None:
    database.write_text("my shopping list, which must survive " * 200)
    tenant.at("http://127.0.0.1:9")
    one_line(tenant.run("load"), 2, str(database), "is not a DuckDB database")
    assert database.read_text().startswith("my shopping list")


def test_database_in_a_folder_that_does_not_exist(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "/nowhere/at/all/audit_log.duckdb")
    one_line(
        tenant.at("http://127.0.0.1:9").run("load"),
        2,
        "/nowhere/at/all/audit_log.duckdb`: folder `/nowhere/at/all` does not exist. Create it",
    )


def test_database_named_like_a_dataset(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "anaplan_audit.duckdb")
    one_line(tenant.at("http://127.0.0.1:9").run("load"), 2, "also the name of a schema")


def test_database_locked_by_another_program_is_reported(tenant: Tenant, loaded: Any, database: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(database)!r}, read_only=True); print('open', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        one_line(tenant.run("load"), 75, "is held open by", str(holder.pid), "Close it")
    finally:
        holder.communicate("\n")
    assert tenant.run("load").code == 0


def test_refused_connection_is_reported(tenant: Tenant, loaded: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        tenant.at(f"http://127.0.0.1:{unused.getsockname()[1]}")
        one_line(tenant.run("load"), 4, "refused the connection", "run again")


def test_unresponsive_host_is_reported(tenant: Tenant, loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "0.1")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        tenant.at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        one_line(tenant.run("load"), 4, "no answer in time")


def test_html_instead_of_json_is_reported(tenant: Tenant, loaded: Any) -> None:
    loaded.shape["html"] = True
    one_line(tenant.run("load"), 4, "an HTML page instead of JSON")


def test_debug_shows_the_traceback(tenant: Tenant) -> None:
    outcome = tenant.run("load", "--debug")
    assert (
        outcome.code == 2 and "Traceback (most recent call last)" in outcome.err and "ConfigurationError" in outcome.err
    )
    assert outcome.err.splitlines()[-1].startswith("audit: ")
