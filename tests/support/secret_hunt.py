"""Runs with every sign-in method, and a search for their secrets in all output, files and tables."""

import base64
import io
import logging
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from audit_source.auth import certificate_auth as auth_module
from sandbox.api.certificates import make_key_pair
from sandbox.api.tokens import AUDITOR
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant

SMALL: dict[str, Any] = {"events": 60, "days": 2, "users": 5, "rate_limit": 0, "weekend": 1.0}
FURTHER_FAULTS = ("/token/authenticate:html:*", "all:reset:*", "events:bad-json:*", "users:role:*")
PASSWORD, PASSPHRASE, CLIENT_SECRET = "s3cr3t Pa$$wört-4711", "right horse 0815", "sandbox-secret"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Capture everything that any library logs at any level."""
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    watched = [logging.getLogger(name) for name in (None, "dlt", "urllib3", "requests")]
    levels = [logger.level for logger in watched]
    for logger in watched:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield stream
    for logger, level in zip(watched, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


class Secrets:
    """Every secret of the test, including those created while it runs."""

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known = {PASSWORD, PASSPHRASE, CLIENT_SECRET}
        self.known.add(base64.b64encode(f"{AUDITOR}:{PASSWORD}".encode()).decode())
        sandbox.state.tokens.accounts[AUDITOR].password = PASSWORD
        issue, refresh, sign = (
            sandbox.state.tokens.issue,
            sandbox.state.grants.new_refresh_token,
            auth_module.sign,
        )

        def watched_issue(*args: Any) -> Any:
            token = issue(*args)
            self.known.add(token.value)
            return token

        def watched_refresh(*args: Any) -> str:
            value = refresh(*args)
            self.known.add(value)
            return value

        def watched_sign(key: Any, data: bytes) -> bytes:
            signature = sign(key, data)
            self.known |= {base64.b64encode(signed).decode() for signed in (data, signature)}
            return signature

        monkeypatch.setattr(sandbox.state.tokens, "issue", watched_issue)
        monkeypatch.setattr(sandbox.state.grants, "new_refresh_token", watched_refresh)
        monkeypatch.setattr(auth_module, "sign", watched_sign)

    def add_key(self, pem: str) -> None:
        self.known |= {line for line in pem.splitlines() if line and "-----" not in line and len(line) > 20}

    def found_in(self, text: str | bytes) -> set[str]:
        if isinstance(text, bytes):
            return {secret for secret in self.known if secret.encode() in text}
        return {secret for secret in self.known if secret in text}


def configured(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, **credentials: Any) -> None:
    for name in list(os.environ):
        if "CREDENTIALS__" in name and name.startswith("SOURCES"):
            monkeypatch.delenv(name)
    for name, value in credentials.items():
        tenant.set(f"CREDENTIALS__{name.upper()}", value)


WAYS = ("password", "certificate", "oauth", "token")


def hunt(
    tenant: Tenant,
    engine: Engine,
    tmp_path: Path,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    ways: Sequence[str] = WAYS,
    of_database: Sequence[str] = (),
    files: Sequence[Path] = (),
) -> int:
    """Run good and bad runs of some sign-in methods, then search all output. Returns the number of secrets.

    `of_database` are further secrets; `files` are searched in addition to the folder of the test.
    """
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "0.3")
    said: list[str] = []

    def run(*arguments: str) -> None:
        try:
            outcome = tenant.run(*(arguments or ("load", "--debug")))
            said.extend((outcome.out, outcome.err))
        except Exception:
            said.append(traceback.format_exc())

    pair = make_key_pair(AUDITOR, passphrase=PASSPHRASE)
    with Sandbox(**SMALL, rotate_refresh_tokens=True) as sandbox:
        secrets = Secrets(sandbox, monkeypatch)
        secrets.known.update(of_database)
        sandbox.trust(pair)
        pems = {"certificate": pair.certificate, "private_key": pair.private_key}
        texts = {name: pem.decode() if isinstance(pem, bytes) else pem for name, pem in pems.items()}
        secrets.add_key(texts["private_key"])
        tenant.at(sandbox.url)
        tenant.set("TOKEN_STORE", tmp_path / "token_store.json")

        by_password = {"email": AUDITOR, "password": PASSWORD}
        by_certificate = {**texts, "private_key_password": PASSPHRASE}
        by_oauth = {"client_id": "sandbox-web", "client_secret": CLIENT_SECRET, "refresh_token": "sandbox-refresh-0"}
        if "password" in ways:
            configured(tenant, monkeypatch, **by_password)
            for fault in (
                "events:token-expired:1",
                "events:role:*",
                "all:500:*",
                *(FURTHER_FAULTS if ways == WAYS else ()),
            ):
                sandbox.faults.add(fault)
                run()
                sandbox.faults.clear()
        if "certificate" in ways:
            run("run", "--debug")
            configured(tenant, monkeypatch, **by_certificate)
            run()
            configured(tenant, monkeypatch, **{**by_certificate, "private_key_password": PASSPHRASE + "!"})
            run()
            sandbox.faults.add("auth:400:*")
            configured(tenant, monkeypatch, **by_certificate)
            run()
            sandbox.faults.clear()
        if "oauth" in ways:
            configured(tenant, monkeypatch, **by_oauth)
            run()
            sandbox.faults.add("oauth:403:1")
            run()
            sandbox.faults.clear()
        if "token" in ways:
            configured(tenant, monkeypatch, access_token=sandbox.issue_token())
            run()
            sandbox.expire_tokens()
            run()
        configured(tenant, monkeypatch, email=AUDITOR, passwrod=PASSWORD)
        run()
        if of_database:
            configured(tenant, monkeypatch, **by_password)
            address = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
            for wrong in (address.replace("@localhost", "!@localhost"), address.replace("@localhost", " @localhost")):
                monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", wrong)
                for command in ("load", "status", "check", "report"):
                    run(command, "--debug")
                    run(command)

    kinds = ["Tenant Auditor", "HTTP 500", "passwrod"]
    if ways == WAYS:
        kinds += ["an HTML page", "its password is wrong", "403", "the configured access token"]
    assert [kind for kind in kinds if not any(kind in text for text in said)] == []
    assert sum("new events" in text for text in said) >= len(ways), "every sign-in method worked"
    check_nothing_shows(secrets, (*said, log.getvalue()), (*tmp_path.rglob("*"), *files))
    assert check_tables(secrets, engine) > 20 - 10 * ("certificate" not in ways)
    return len(secrets.known)


def check_nothing_shows(secrets: Secrets, texts: Sequence[str], paths: Sequence[Path]) -> None:
    """Check that no text, no file and no name of a file holds a secret."""
    for text in texts:
        assert secrets.found_in(text) == set()
    for path in paths:
        assert secrets.found_in(str(path)) == set()
        if path.is_file() and path.name != "token_store.json":
            assert secrets.found_in(path.read_bytes()) == set(), path


def check_tables(secrets: Secrets, engine: Engine) -> int:
    """Check that no table holds a secret. Return the number of tables."""
    schemas = "table_schema not in ('information_schema', 'pg_catalog')"
    tables = engine.rows(f"select table_schema, table_name from information_schema.tables where {schemas}")
    with engine.opened() as ask:
        for schema, name in tables:
            assert secrets.found_in(repr(ask(f'select * from "{schema}"."{name}"'))) == set(), name
    return len(tables)
