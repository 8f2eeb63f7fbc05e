"""The settings under `[forward]`: targets that events are forwarded to, one section each."""

import os
import re
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import dlt

from .exit_codes import CONFIGURATION, PipelineError
from .flags import flag

SECTION = "forward"
AFTER_RUN = "after_run"
FORMATS = ("ocsf", "ecs", "cef")
_TLS = {"ca_file"}
# The keys of each type of target, beside those of all.
COMMON = {"type", "format", "since"}
KEYS = {
    "syslog": {"host", "port", "certificate", "private_key", *_TLS},
    "splunk_hec": {"url", "token", "index", "sourcetype", *_TLS},
    "https": {"url", "token", "auth_scheme", *_TLS},
    "file": {"path"},
}
DEFAULT_FORMATS = {"syslog": "cef"}
SYSLOG_PORT = 6514
SECRETS = ("token",)
# The name of a target becomes a part of environment variables.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_FILES = ("ca_file", "certificate", "private_key")


class TargetSettings(NamedTuple):
    """A target as configured, with defaults filled in. `values` holds the keys of its type."""

    name: str
    kind: str
    file_format: str
    since: date | None
    values: dict[str, Any]


def is_due_after_run() -> bool:
    """Return whether each run forwards new events at its end (setting `after_run`).

    Raises:
        PipelineError: The setting is neither true nor false.
    """
    return flag(f"{SECTION}.{AFTER_RUN}")


def check_forward_settings(configured: Iterable[tuple[str, str]]) -> None:
    """Refuse the first setting of a target that does not exist, is missing or has a wrong value.

    Args:
        configured (Iterable[Tuple[str, str]]): File or variable, and name below `[forward]`, of each setting.

    Raises:
        PipelineError: A setting is wrong.
    """
    names: dict[str, None] = {}
    for where, key in configured:
        target, separator, name = key.partition(".")
        if key == AFTER_RUN:
            is_due_after_run()
            continue
        if not separator or not _NAME.fullmatch(target):
            raise _wrong(
                f"setting `{SECTION}.{key}` ({where}) does not exist. The targets are sections "
                f"`[{SECTION}.NAME]`, with a name in lower case; the only setting beside them is `after_run`."
            )
        if name in SECRETS and where == "config.toml":
            raise _wrong(
                f"setting `{SECTION}.{key}` ({where}) is a secret. Move it to [{SECTION}.{target}] in secrets.toml."
            )
        names[target] = None
        kind = _text(target, "type")
        if kind in KEYS and name not in COMMON | KEYS[kind]:
            known = ", ".join(sorted(COMMON | KEYS[kind]))
            raise _wrong(f"setting `{SECTION}.{key}` ({where}) does not exist for a target of type `{kind}`: {known}.")
    for target in names:
        _settings_of(target)


def target_settings(names: Iterable[str]) -> list[TargetSettings]:
    """Return the settings of targets."""
    return [_settings_of(name) for name in dict.fromkeys(names)]


def _settings_of(name: str) -> TargetSettings:
    kind = _text(name, "type")
    if kind not in KEYS:
        raise _wrong(f"setting `{SECTION}.{name}.type`: `{kind}` is not one of {', '.join(KEYS)}. Use one of them.")
    file_format = _text(name, "format") or DEFAULT_FORMATS.get(kind, "ocsf")
    if file_format not in FORMATS:
        known = ", ".join(FORMATS)
        raise _wrong(f"setting `{SECTION}.{name}.format`: `{file_format}` is not one of {known}. Use one of them.")
    values: dict[str, Any] = {key: _text(name, key) for key in KEYS[kind]}
    for key in {"syslog": ("host",), "splunk_hec": ("url", "token"), "https": ("url",), "file": ("path",)}[kind]:
        if not values[key]:
            raise _wrong(f"setting `{SECTION}.{name}.{key}` is missing. A target of type `{kind}` needs it.")
    if kind == "syslog":
        values["port"] = _port(name, values["port"])
    if "url" in values:
        _check_url(name, values["url"])
    for key in _FILES:
        if values.get(key) and not os.path.isfile(values[key]):
            raise _wrong(f"setting `{SECTION}.{name}.{key}`: there is no file `{values[key]}`. Correct the path.")
    return TargetSettings(name, kind, file_format, _day(name), values)


def _text(name: str, key: str) -> str:
    full = f"{SECTION}.{name}.{key}"
    value: Any = dlt.secrets.get(full) if key in SECRETS else dlt.config.get(full)
    return "" if value is None else str(value)


def _port(name: str, text: str) -> int:
    if text and not (text.isdigit() and 0 < int(text) < 65_536):
        raise _wrong(f"setting `{SECTION}.{name}.port`: `{text[:40]}` is not a port. Use 1 to 65535.")
    return int(text or SYSLOG_PORT)


def _day(name: str) -> date | None:
    text = _text(name, "since")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise _wrong(f"setting `{SECTION}.{name}.since`: `{text[:40]}` is not a day. Write 2026-11-01.") from None


def _check_url(name: str, text: str) -> None:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("https", "http") or parts.username or parts.password:
        raise _wrong(
            f"setting `{SECTION}.{name}.url` is not an address. Write it as `https://host/path`, without credentials."
        )
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise _wrong(f"setting `{SECTION}.{name}.url`: plain http only reaches this machine. Use https.")


def _wrong(line: str) -> PipelineError:
    return PipelineError(CONFIGURATION, line)
