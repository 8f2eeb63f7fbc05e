"""A target that appends to a file for each UTC day, for an agent that follows files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from pipelines.common.forwarding import TargetSettings

from .errors import TargetError
from .lines import Line

MOST_LINES, MOST_BYTES = 5_000, 50_000_000


class FileTarget:
    """Appends to `audit-2026-11-27.jsonl` beside the configured `audit.jsonl`; the day is that of writing."""

    most_lines, most_bytes = MOST_LINES, MOST_BYTES

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, lines: list[Line]) -> None:
        """Append the lines, and return when they are on the disk."""
        try:
            with open(file_of_today(self._path), "ab") as file:
                _drop_broken_line(file.name)
                file.write(b"".join(line.body + b"\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TargetError(
                f"`{self._path}`: {error.strerror}. Check that the folder exists, its space and permissions."
            ) from None


def file_of_today(path: Path) -> Path:
    """Return the file of the present UTC day."""
    return path.with_stem(f"{path.stem}-{datetime.now(timezone.utc).date()}")


def _drop_broken_line(path: str) -> None:
    """Remove the line that a killed run left without its end. Its event is sent again."""
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        position = end
        while position:
            start = max(0, position - 65_536)
            file.seek(start)
            found = file.read(position - start).rfind(b"\n")
            if found >= 0:
                position = start + found + 1
                break
            position = start
        if position != end:
            file.truncate(position)


@contextmanager
def opened_file(settings: TargetSettings) -> Iterator[FileTarget]:
    """Give a target that appends to files beside `path`."""
    yield FileTarget(Path(os.path.expanduser(settings.values["path"])))
