"""The settings under `[lakehouse]`: a folder or bucket with a Delta table for each table, and how to reach it."""

import os
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import dlt

from .exit_codes import CONFIGURATION, PipelineError
from .redaction import is_secret_name

SECTION: Final = "lakehouse"
OPTIONS: Final = "storage_options"
LAKEHOUSE_SETTINGS: Final = {"url", "keep_days", OPTIONS}
USUAL_DAYS: Final = 7
LONGEST_DAYS: Final = 3650
# The schemes that each library of the lakehouse and most query engines read.
SCHEMES: Final = ("s3", "s3a", "abfss", "abfs", "az", "gs")
# The library knows these options in capitals.
_CLOUDS: Final = ("aws_", "azure_", "google_")


class LakehouseSettings(NamedTuple):
    """Where the copy is, without a slash at its end; after how many days old files go; options of the storage."""

    url: str
    keep_days: int
    options: dict[str, str]

    @property
    def folder(self) -> str | None:
        """The folder on this machine; None for a bucket."""
        return None if "://" in self.url else self.url


def lakehouse_settings(configured: Iterable[tuple[str, str]]) -> LakehouseSettings | None:
    """Return the settings, or None if there is no `url`.

    Args:
        configured (Iterable[Tuple[str, str]]): File or variable, and name, of each setting under `[lakehouse]`.

    Raises:
        PipelineError: A setting has a wrong value or stands in the wrong file.
    """
    options = {}
    for where, name in configured:
        section, _, option = name.partition(".")
        if section == OPTIONS and option:
            if where == "config.toml" and is_secret_name(option):
                raise _wrong(
                    f"setting `{option}` (config.toml) is a secret. Move it to [{SECTION}.{OPTIONS}] in secrets.toml."
                )
            options[_option_name(option)] = _option(option)
        elif section == OPTIONS:
            raise _wrong(f"setting `{OPTIONS}` ({where}) is not a section. Write [{SECTION}.{OPTIONS}] above its keys.")
    url = str(dlt.config.get(f"{SECTION}.url") or "")
    days = _keep_days()
    return LakehouseSettings(_checked(url), days, options) if url else None


def _option(name: str) -> str:
    value: Any = dlt.secrets.get(f"{SECTION}.{OPTIONS}.{name}")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _option_name(name: str) -> str:
    return name.upper() if name.lower().startswith(_CLOUDS) else name


def _keep_days() -> int:
    value: Any = dlt.config.get(f"{SECTION}.keep_days")
    try:
        days = USUAL_DAYS if value is None else int(value)
    except (TypeError, ValueError):
        days = 0
    if not 1 <= days <= LONGEST_DAYS:
        raise _wrong(f"setting `keep_days`: `{value}` is out of range. Use 1 to {LONGEST_DAYS} days.")
    return days


def _checked(url: str) -> str:
    if "://" not in url:
        return os.path.abspath(os.path.expanduser(url))
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _wrong(f"setting `url` under [{SECTION}] is not an address. {_HOW}") from None
    # The container of `abfss://container@account...` stands where others have a user.
    if parts.password or (parts.username and not parts.scheme.startswith("abfs")) or parts.query:
        raise _wrong(f"setting `url` under [{SECTION}] holds credentials. Set them under [{SECTION}.{OPTIONS}].")
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise _wrong(f"setting `url` under [{SECTION}]: `{url}` is neither a bucket nor a folder. {_HOW}")
    return url.rstrip("/")


_HOW: Final = "Write the path of a folder, or `s3://bucket/path`, `abfss://...` or `gs://bucket/path`."


def _wrong(line: str) -> PipelineError:
    return PipelineError(CONFIGURATION, line)
