"""Keeps a rotated OAuth refresh token. It must not get lost: the old one is invalid as soon as it is sent."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import dlt

from ..errors import ConfigurationError

FILE_NAME = "anaplan_oauth_token.json"
# More than any token needs. The space is reserved before the request, so that a full disk is found before it.
RESERVED_BYTES = 16_384


class TokenStore:
    """A file (0600) with the newest refresh token, and a hash of the configured one that it replaced.

    A token is written to a second file, `….new`, which then replaces the first. If the process was killed in between,
    the second file holds the newer token.

    Args:
        path (str): The file. By default `anaplan_oauth_token.json` in dlt's data directory (`DLT_DATA_DIR`).
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = os.path.abspath(os.path.expanduser(path or os.path.join(_data_dir(), FILE_NAME)))
        self._new = f"{self.path}.new"
        # Whether the last request ended without an answer: it may have used up the token.
        self.answer_was_lost = False

    def newest(self, configured: str) -> str:
        """Return the stored token if it replaced `configured`, else `configured`: a newly configured one wins."""
        unfinished = os.path.exists(self._new)
        stored = self._read_unfinished(configured)
        self.answer_was_lost = unfinished and not stored
        stored = stored or self._read()
        if stored.get("grew_from") == _fingerprint(configured) and stored.get("refresh_token"):
            return str(stored["refresh_token"])
        return configured

    @contextmanager
    def reserve(self) -> Iterator["_Slot"]:
        """Reserve the space for a token, before the caller gives up the old one.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        slot = None
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            # An existing file may have other permissions.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._new)
            with os.fdopen(os.open(self._new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(b" " * RESERVED_BYTES)
                _flush(file)
                slot = _Slot(file, self._new, self.path)
                yield slot
        except OSError as error:
            raise ConfigurationError(
                f"token file `{self.path}`",
                f"it cannot be written ({error.strerror}), so a new refresh token could not be kept",
                "Check rights and space, or set `token_store`.",
            )
        finally:
            if slot is None or not (slot.written or slot.marked):
                with contextlib.suppress(OSError):
                    os.unlink(self._new)

    def _read_unfinished(self, configured: str) -> dict[str, Any]:
        """Return what a killed process wrote; {} if it only reserved space, or wrote half a token."""
        try:
            with open(self._new, encoding="utf-8") as file:
                written = json.load(file)
        except (OSError, ValueError):
            return {}
        if not isinstance(written, dict) or written.get("grew_from") != _fingerprint(configured):
            return {}
        _put_in_place(self._new, self.path)
        return written

    def _read(self) -> dict[str, Any]:
        try:
            with open(self.path, encoding="utf-8") as file:
                stored = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"token file `{self.path}`",
                f"it cannot be read ({type(error).__name__})",
                "Restore or remove it, and configure a new refresh token.",
            )
        return stored if isinstance(stored, dict) else {}


class _Slot:
    """Reserved space for one token, which replaces the stored one atomically."""

    def __init__(self, file: BinaryIO, temporary: str, path: str) -> None:
        self._file, self._temporary, self._path = file, temporary, path
        self.written = self.marked = False

    def keep_mark(self) -> None:
        """Leave the empty file: it shows the next sign-in that an answer was lost."""
        self.marked = True

    def write(self, configured: str, rotated: str) -> None:
        """Store `rotated`. When this returns, it survives a power cut."""
        record = {"grew_from": _fingerprint(configured), "refresh_token": rotated}
        self._file.seek(0)
        self._file.write(json.dumps(record).encode())
        self._file.truncate()
        _flush(self._file)
        self.written = True
        _put_in_place(self._temporary, self._path)


def _data_dir() -> str:
    return str(dlt.current.run_context().data_dir)


def _put_in_place(temporary: str, path: str) -> None:
    """Rename atomically. When this returns, it survives a power cut."""
    os.replace(temporary, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
