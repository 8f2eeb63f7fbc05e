"""Remove configured secrets from text: errors of databases and libraries may quote what they were given."""

import base64
import json
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import dlt

_SECRET_NAME = re.compile(
    r"password|passphrase|passwd|pwd|secret|token|private_key|privacy_key|routing_key|access_key|account_key|webhook|ping_url|otlp_headers",
    re.IGNORECASE,
)
# Settings that are named like secrets, but that an error must be able to quote.
_HARMLESS_NAME = re.compile(r"token_store|secret_?name|token_uri", re.IGNORECASE)
# Up to the last `@` before whitespace or a quote: a password may contain an unescaped one.
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@'\"]*):([^\s'\"]+)(?=@)")
_PASSWORD_IN_PAIRS = re.compile(
    r"\b(\w*(?:password|passwd|pwd|passphrase|secret|token))\s*=\s*('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s;&]+)",
    re.IGNORECASE,
)
_ADDRESS_PARTS = re.compile(r"[@/:?#]")
HIDDEN = "***"
# Shorter values would hide ordinary words, and protect nothing.
SHORTEST = 4


def redact(text: str) -> str:
    """Return the text with every configured secret, and the password of every address, replaced by `***`.

    It never raises: an unreadable configuration holds no secret that was passed to anybody.
    """
    for form in sorted({form for secret in _secrets() for form in _forms(secret)}, key=len, reverse=True):
        if len(form) >= SHORTEST:
            text = text.replace(form, HIDDEN)
    text = _PASSWORD_IN_PAIRS.sub(lambda found: f"{found.group(1)}={HIDDEN}", text)
    return _PASSWORD_IN_ADDRESS.sub(rf"\1:{HIDDEN}", text)


def is_secret_name(name: str) -> bool:
    """Return whether the name of a setting says that its value is a secret."""
    return _SECRET_NAME.search(name) is not None and _HARMLESS_NAME.search(name) is None


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms of a secret: as it is, stripped, escaped, quoted for a URL, in base64, by line."""
    for form in {secret, secret.strip(), unquote(secret)}:
        yield from (form, repr(form)[1:-1], repr(form.encode())[2:-1])
        yield from (json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1])
        yield from (quote(form, safe=""), quote(form, safe=" +"), quote_plus(form))
        yield base64.b64encode(form.encode()).decode().rstrip("=")
    for line in secret.replace("\\n", "\n").splitlines():
        # A line of a PEM text. Its header and footer are not secret.
        if len(line.strip()) > 20 and "-----" not in line:
            yield line.strip()


def _secrets() -> Iterator[str]:
    pairs: dict[str, list[str]] = {}
    for name, value in _values():
        key = name.rpartition(".")[2]
        if key in ("email", "username", "password", "client_id", "client_secret"):
            pairs.setdefault(key, []).append(value)
        yield from _of_value(key, value)
    # The content of a Basic authorization header.
    for user, word in (("email", "password"), ("username", "password"), ("client_id", "client_secret")):
        for left in pairs.get(user, []):
            for right in pairs.get(word, []):
                for one, other in ((left, right), (left.strip(), right)):
                    yield base64.b64encode(f"{one}:{other}".encode()).decode()


def _values() -> Iterator[tuple[str, str]]:
    """Yield name and text of each value in the secrets files and in the environment."""
    for provider in _providers():
        if provider.supports_secrets:
            yield from _of_document(getattr(provider, "_config_doc", None) or {})
    for variable, value in os.environ.items():
        yield variable.lower().replace("__", "."), value


def _providers() -> list[Any]:
    try:
        return list(dlt.config.config_providers)
    except Exception:
        # dlt raises for an unreadable file. The environment may still hold secrets.
        return []


def _of_document(document: Any) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _of_document(value)
        elif isinstance(value, str):
            yield name, value


def _of_value(name: str, value: str) -> Iterator[str]:
    if is_secret_name(name):
        # The path of a key file is not secret.
        if not _is_path(value):
            yield value
        return
    yield from _in_json(value)
    yield from (found.group(2).strip("'\"") for found in _PASSWORD_IN_PAIRS.finditer(value))
    for found in _PASSWORD_IN_ADDRESS.finditer(value):
        yield found.group(2)
        # A driver splits an unescaped password at these characters, and quotes the rest as host or port.
        yield from _ADDRESS_PARTS.split(found.group(2))


def _in_json(value: str) -> Iterator[str]:
    """Yield the secrets in credentials that are configured as one JSON text."""
    if not value.lstrip().startswith("{"):
        return
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return
    if isinstance(document, dict):
        for name, inner in _of_document(document):
            yield from _of_value(name, inner)


def _is_path(value: str) -> bool:
    try:
        return os.path.exists(os.path.expanduser(value))
    except (OSError, ValueError):
        return False
