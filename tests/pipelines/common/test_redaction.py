"""Every form in which a secret or database credentials can appear in a text."""

import base64
import json
from urllib.parse import quote

import pytest

from pipelines.common.redaction import HIDDEN, redact

PASSWORD = "s3cr3t Pa$$wört\n4711"
DATABASE = "DESTINATION__POSTGRES__CREDENTIALS"


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        repr(PASSWORD),
        repr(PASSWORD.encode()),
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        quote(PASSWORD, safe=""),
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"auditor@example.com:{PASSWORD}".encode()).decode(),
    ],
)
def test_every_written_form_of_a_secret_is_hidden(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("SOURCES__AUDIT_SOURCE__CREDENTIALS__EMAIL", "auditor@example.com")
    monkeypatch.setenv("SOURCES__AUDIT_SOURCE__CREDENTIALS__PASSWORD", PASSWORD)
    hidden = redact(f"refused: {written}.")
    assert HIDDEN in hidden and "Pa$$" not in hidden and written not in hidden


def test_a_secret_with_a_line_break_at_its_end_is_hidden_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__AUDIT_SOURCE__CREDENTIALS__ACCESS_TOKEN", "token-of-many-letters\n")
    assert "token-of-many" not in redact("bad header AnaplanAuthToken token-of-many-letters")


def test_lines_of_a_key_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
    monkeypatch.setenv(
        "SOURCES__AUDIT_SOURCE__CREDENTIALS__PRIVATE_KEY", f"-----BEGIN X-----\\n{line}\\n-----END X-----"
    )
    assert line not in redact(f"cannot parse {line}")


@pytest.mark.parametrize(
    ("credentials", "quoted"),
    [
        ("postgresql://loader:p@ss/word-4711@db:5432/anaplan", 'could not translate host name "ss" port "word-4711"'),
        ("postgresql://loader:p@ssword-4711@db:5432/anaplan", 'host name "ssword-4711@db"'),
        ("host=db user=loader password=word-4711 dbname=anaplan", "connection failed: password=word-4711"),
        ("host=db password='two words-4711' dbname=x", "failed: two words-4711"),
        ('{"username": "loader", "password": "word-4711", "host": "db"}', "invalid credentials word-4711"),
        ("snowflake://loader:word-4711@account/db?private_key_passphrase=second-4711", "passphrase second-4711"),
        ("md:anaplan?motherduck_token=word-4711", "token word-4711 is not valid"),
    ],
)
def test_credentials_of_a_database_in_every_form(
    monkeypatch: pytest.MonkeyPatch, credentials: str, quoted: str
) -> None:
    monkeypatch.setenv(DATABASE, credentials)
    for text in (quoted, f"cannot connect to {credentials}"):
        assert "4711" not in redact(text), redact(text)


def test_other_texts_are_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__AUDIT_SOURCE__CREDENTIALS__PASSWORD", "s3cr3t")
    text = "GET https://audit.anaplan.com/audit/api/1/events: HTTP 500 after every try. Mail ops@example.com."
    assert redact(text) == text
