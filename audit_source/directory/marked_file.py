"""A history file whose bytes are hashed while they pass, so that known rows can be verified without parsing them.

The mark of a file is the size and hash of its body, and the hash of its header. If the part below the new rows has the
mark of the earlier file, it is that file, byte by byte.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator

# Below this size, parsing costs nothing. The hash of a few rows could also reveal a value that masking removed.
LEAST_BYTES = 1 << 20


class MarkedFile:
    """The chunks of one file. Read it once, with `whole` or `above`.

    Args:
        chunks (Iterable[bytes]): The file.

    Attributes:
        header (bytes): Its first record, with the line break.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._body, self._tail = _Hash(), _Hash()
        self.header, self._rest = self._split_header()

    @property
    def mark(self) -> str | None:
        """The mark of the file, once it has been read; None if it is too small for one."""
        return self._mark(self._body)

    def whole(self) -> Iterator[bytes]:
        """Yield the whole file."""
        yield self.header
        yield from self._pieces()

    def has_header_of(self, mark: str | None) -> bool:
        """Return whether a mark is that of a file with the same header."""
        return mark is not None and mark.partition(":")[0] == self._header_hash()

    def above(self, is_known: Callable[[bytes], bool]) -> Iterator[bytes]:
        """Yield the header and the records above the first known one, and read the rest to the end."""
        yield self.header
        pieces = self._pieces()
        buffer, start = b"", 0
        for piece in pieces:
            buffer, start = buffer[start:] + piece, 0
            while (end := _end_of_record(buffer, start)) and not (found := is_known(buffer[start:end])):
                start = end
            yield buffer[:start]
            if end and found:
                self._tail.update(buffer[start:])
                break
        else:
            # The last record may have no line break.
            last = buffer[start:]
            if last and is_known(last):
                self._tail.update(last)
            else:
                yield last
        for piece in pieces:
            self._tail.update(piece)

    def ends_with(self, mark: str | None) -> bool:
        """Return whether the part that `above` left out is the body of the file with this mark."""
        return mark is not None and self._mark(self._tail) == mark

    def _split_header(self) -> tuple[bytes, bytes]:
        text = b""
        for chunk in self._chunks:
            text += chunk
            end = _end_of_record(text, 0)
            if end:
                return text[:end], text[end:]
        return text, b""

    def _pieces(self) -> Iterator[bytes]:
        if self._rest:
            self._body.update(self._rest)
            yield self._rest
            self._rest = b""
        for chunk in self._chunks:
            self._body.update(chunk)
            yield chunk

    def _mark(self, part: "_Hash") -> str | None:
        return f"{self._header_hash()}:{part.size}:{part.hexdigest()}" if part.size >= LEAST_BYTES else None

    def _header_hash(self) -> str:
        return hashlib.blake2b(self.header.strip(), digest_size=8).hexdigest()


class _Hash:
    """A running hash and the number of its bytes."""

    def __init__(self) -> None:
        self._hash, self.size = hashlib.blake2b(digest_size=20), 0

    def update(self, part: bytes) -> None:
        self._hash.update(part)
        self.size += len(part)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def known_from(position: int, delimiter: str, newest: int) -> Callable[[bytes], bool]:
    """Return the test whether a record belongs to a transaction up to `newest`, whose number is at `position`."""
    byte = delimiter.encode()

    def is_known(record: bytes) -> bool:
        if position == 0 and not record.startswith(b'"'):
            cell = record.partition(byte)[0].rstrip(b"\r\n").decode("utf-8", "replace")
        else:
            text = io.StringIO(record.decode("utf-8", "replace"), newline="")
            cells = next(csv.reader(text, delimiter=delimiter), [])
            cell = cells[position] if position < len(cells) else ""
        return cell.isascii() and cell.isdigit() and len(cell) <= 18 and int(cell) <= newest

    return is_known


def _end_of_record(buffer: bytes, start: int) -> int:
    """Return where the record that begins at `start` ends, after its line break; 0 if it is not complete."""
    end = buffer.find(b"\n", start)
    quotes, counted = 0, start
    while end >= 0:
        quotes += buffer.count(b'"', counted, end)
        if quotes % 2 == 0:
            return end + 1
        counted, end = end, buffer.find(b"\n", end + 1)
    return 0
