"""Files that carry pages between the two processes: a JSON body in, an Arrow table out.

A file instead of a pipe: a pipe takes a page in a hundred pieces, and each waits for Python's global lock.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import pyarrow as pa

from .decode import Page, decode_typed

_TABLE = ".arrow"


class PageFacts(NamedTuple):
    """What a page says besides its events; see `Page`."""

    arrived: int
    total: int | None


def write_body(path: str, body: bytes) -> bool:
    """Write a JSON body to a new file. Return False if that fails, as on a full disk."""
    try:
        with open(path, "xb") as file:
            file.write(body)
    except OSError:
        remove_files([path])
        return False
    return True


def read_body(path: str) -> bytes:
    """Return the JSON body of a file."""
    with open(path, "rb") as file:
        return file.read()


def decode_file(path: str, window_start: int) -> PageFacts | None:
    """Write the Arrow table of a page beside its JSON body, if the page has events.

    Args:
        path (str): File of the JSON body.
        window_start (int): Epoch ms that dates the events without a date.

    Returns:
        PageFacts: None for a page that needs the generic decoder.
    """
    page = decode_typed(read_body(path), window_start)
    if page is None:
        return None
    if page.events is not None:
        with pa.OSFile(path + _TABLE, "wb") as target, pa.ipc.new_file(target, page.events.schema) as writer:
            writer.write_table(page.events)
    return PageFacts(page.arrived, page.total)


def read_page(path: str, facts: PageFacts) -> Page:
    """Return a page whose table is memory-mapped. The file is deleted at once; its space is freed when the table is.

    Raises:
        OSError: The file cannot be read.
    """
    return Page(_mapped(path + _TABLE) if facts.arrived else None, *facts)


def remove_page(path: str) -> None:
    """Delete the files of a page, if they still exist."""
    remove_files([path, path + _TABLE])


def remove_files(paths: Iterable[str]) -> None:
    """Delete files. Windows refuses it for a mapped one: the next run deletes the whole folder."""
    for path in paths:
        with suppress(OSError):
            os.unlink(path)


def _mapped(path: str) -> pa.Table:
    with pa.memory_map(path) as file:
        table = pa.ipc.open_file(file).read_all()
    remove_files([path])
    return table
