"""The file of a model's history: CSV in chunks that are cut anywhere, parsed as a stream of Arrow batches.

No more than one chunk and one block are in memory. Headers vary from file to file, so every cell is text.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import pyarrow as pa
from pyarrow import csv as arrow_csv

# Bytes that are decoded at once. A str with one emoji takes four bytes per character, so a chunk is
# decoded in pieces.
_PIECE = 1 << 20
# Bytes that Arrow parses at once. A single row must fit.
_BLOCK = 1 << 20
_DELIMITERS = ",\t;"


class MalformedFile(Exception):
    """The file is not CSV with one header, or ends in the middle of a row."""


class HistoryFile(NamedTuple):
    """A parsed file: its headers, and its rows as batches with one text column for each header, null if empty."""

    headers: list[str]
    batches: Iterator[pa.RecordBatch]


class Header(NamedTuple):
    """The headers of a file, and what stands between its cells."""

    cells: list[str]
    delimiter: str

    @classmethod
    def of(cls, text: str) -> "Header":
        """Return the header that the first record of a file is."""
        delimiter = max(_DELIMITERS, key=lambda one: len(_cells(text, one)))
        return cls([cell.strip() for cell in _cells(text, delimiter)], delimiter)


def parse(chunks: Iterable[bytes]) -> HistoryFile:
    """Parse a file from its chunks. A file without any byte has no header and no row.

    Raises:
        MalformedFile: Also while the batches are consumed.
    """
    pieces = _texts(chunks)
    header, rest = _split_header(pieces)
    if not header.strip():
        return HistoryFile([], iter(()))
    headers, delimiter = Header.of(header)
    if len(list(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter))) > 1:
        # Else every row would be a part of the header.
        raise MalformedFile("its lines end with a carriage return only")
    return HistoryFile(headers, _batches(chain([rest], pieces), len(headers), delimiter))


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Decode chunks that may be cut inside a character. Invalid bytes, and NUL, become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            # PostgreSQL cannot store NUL.
            yield decoder.decode(chunk[start : start + _PIECE]).replace("\0", "\ufffd")
    yield decoder.decode(b"", final=True)


def _split_header(pieces: Iterator[str]) -> tuple[str, str]:
    """Return the first record, which may contain line breaks in quotes, and the rest of the text read so far."""
    text = ""
    for piece in pieces:
        text += piece
        end = text.find("\n")
        while end >= 0 and text.count('"', 0, end) % 2:
            end = text.find("\n", end + 1)
        if end >= 0:
            return text[:end].rstrip("\r"), text[end + 1 :]
    return text.rstrip("\r"), ""


def _cells(header: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter), [])


def _batches(pieces: Iterator[str], width: int, delimiter: str) -> Iterator[pa.RecordBatch]:
    # Headers can repeat, so columns are parsed by position.
    names = [str(position) for position in range(width)]
    source = _Stream(pieces)
    # Arrow refuses an empty stream.
    if not source.has_more():
        return
    try:
        with arrow_csv.open_csv(
            pa.PythonFile(source, mode="r"),
            arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=[""],
            ),
        ) as reader:
            for batch in reader:
                if batch.num_rows:
                    yield batch
        if source.quotes % 2:
            raise MalformedFile("it ends inside a quoted cell")
    except pa.ArrowInvalid as error:
        if source.failure is not None:
            raise source.failure from None
        raise MalformedFile(_reason(error)) from None
    finally:
        source.close()


def _reason(error: pa.ArrowInvalid) -> str:
    """Return what Arrow found, without the row, whose values must not appear in a log."""
    found = re.search(r"Expected (\d+) columns, got (\d+)", str(error))
    return f"a row has {found[2]} cells instead of {found[1]}" if found else "a row is not CSV"


class _Stream(io.RawIOBase):
    """The texts as a file of UTF-8 that Arrow reads."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces, self._waiting = pieces, memoryview(b"")
        # What the pieces raised. Arrow would hide its type.
        self.failure: BaseException | None = None
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def has_more(self) -> bool:
        """Fetch the next piece if none is waiting; return whether there is one."""
        while not self._waiting:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self.quotes += piece.count('"')
            self._waiting = memoryview(piece.encode())
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes. They are fewer only at the end of the file."""
        parts: list[memoryview] = []
        missing = size if size >= 0 else 1 << 62
        try:
            while missing > 0 and self.has_more():
                part = self._waiting[:missing]
                self._waiting = self._waiting[len(part) :]
                parts.append(part)
                missing -= len(part)
        except BaseException as error:
            self.failure = error
            raise
        return b"".join(parts)
