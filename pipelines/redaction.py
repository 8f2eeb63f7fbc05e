"""Takes configured secrets out of a text: an error of a database or a library may quote what it was given."""

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import dlt

_SECRET_NAME = re.compile(r"password|passphrase|secret|token|private_key|privacy_key|webhook", re.IGNORECASE)
# Named like secrets, but settings that an error has to be able to quote.
_HARMLESS_NAME = re.compile(r"token_store|secret_?name", re.IGNORECASE)
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@]*):([^/\s]+)(?=@)")
HIDDEN = "***"
# Shorter ones would blot out ordinary words; nothing this short keeps anything safe.
SHORTEST = 4


def redact(text: str) -> str:
    """Returns the text with every configured secret, and the password of every address, replaced by `***`."""
    for form in sorted({form for secret in _secrets() for form in _forms(secret)}, key=len, reverse=True):
        if len(form) >= SHORTEST:
            text = text.replace(form, HIDDEN)
    return _PASSWORD_IN_ADDRESS.sub(rf"\1:{HIDDEN}", text)


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is configured, and as an address holds it: drivers quote parts of what they are given."""
    for form in (secret, unquote(secret)):
        yield from (form, quote(form, safe=""), quote(form, safe=" +"))


def _secrets() -> Iterator[str]:
    for provider in dlt.config.config_providers:
        if provider.supports_secrets:
            yield from _of_document(getattr(provider, "_config_doc", None) or {})
    for variable, value in os.environ.items():
        yield from _of_value(variable.rpartition("__")[2], value)


def _of_document(document: Any) -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _of_document(value)
        elif isinstance(value, str):
            yield from _of_value(name, value)


def _of_value(name: str, value: str) -> Iterator[str]:
    if _SECRET_NAME.search(name) and not _HARMLESS_NAME.search(name):
        # The path of a key file is no secret.
        if not os.path.exists(value):
            yield value
    else:
        yield from (found.group(2) for found in _PASSWORD_IN_ADDRESS.finditer(value))
