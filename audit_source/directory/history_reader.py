"""Reads one history file: only the new rows if the file still ends with the rows already loaded, else all rows.

The end is verified by the hash of its bytes, and not parsed. If the bytes differ, as after a new column, the rows are
parsed and compared with those of the last file that was parsed as a whole.

Equal rows are numbered from the top of the file. Reading only a part gives the same numbers: equal rows belong to one
transaction, and a part never cuts a transaction.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import ExportError
from .history_file import Header, MalformedFile, parse
from .history_rows import RowForm
from .marked_file import MarkedFile, known_from

# Least rows of a yielded table, except the last one.
_ROWS = 20_000
# Ends a load: the rows that follow may repeat rows before it.
END_OF_LOAD = None


@dataclass(frozen=True)
class KnownFile:
    """What a file was when it was last read completely, and still is in the destination.

    Attributes:
        digest (str): Form of the masking, hash, number and newest transaction of the rows when all were last parsed.
        mark (str): Mark of the bytes of the file, see `marked_file`.
    """

    rows: int
    digest: str
    newest_transaction: int
    mark: str | None = None

    @property
    def parsed(self) -> "ParsedRows":
        """What was last parsed as a whole. A digest without a row count and a transaction has those of the file."""
        form, digest, *rest = self.digest.split(":")
        rows, newest = map(int, rest) if rest else (self.rows, self.newest_transaction)
        return ParsedRows(form, digest, rows, newest)


@dataclass(frozen=True)
class ParsedRows:
    """The rows of a file that was parsed as a whole."""

    form: str
    digest: str
    rows: int
    newest_transaction: int


@dataclass(frozen=True)
class FileFacts:
    """What a file is now."""

    rows: int
    digest: str
    newest_transaction: int | None
    mark: str | None = None


class HistoryReader:
    """Reads the file of one model.

    Args:
        open_file (Callable): Gives the chunks of the file, from the start each time.
        make_form (Callable): Gives the form of the rows for the headers of a file.
        form_name (str): Form of the masking (`form_of`), part of the digest.
        known (KnownFile): What is known of the file, if anything.
        purged_before (date): Rows of days before it were purged, and stay away.
        title (str): How an error names the file.

    Attributes:
        facts (FileFacts): Set when the file has been read.
        was_rewritten (bool): Whether the known rows were not the end of the file, so that all rows were read.
    """

    def __init__(
        self,
        open_file: Callable[[], Iterable[bytes]],
        make_form: Callable[[Sequence[str]], RowForm],
        form_name: str,
        known: KnownFile | None,
        purged_before: date | None = None,
        title: str = "history file",
    ) -> None:
        self._open_file, self._make_form, self._form_name = open_file, make_form, form_name
        self._known, self._purged_before, self._title = known, purged_before, title
        self.facts: FileFacts | None = None
        self.was_rewritten = False

    def tables(self) -> Iterator[pa.Table | None]:
        """Yield the rows to load, and `END_OF_LOAD` before rows are read again.

        Raises:
            ExportError: The file is not a history.
        """
        file = MarkedFile(self._open_file())
        if self._known is not None:
            is_known_record = self._known_record_test(file, self._known)
            if is_known_record is not None:
                reading = _Pass(self, file.above(is_known_record))
                yield from reading.tables()
                if reading.is_ordered and file.ends_with(self._known.mark):
                    self.facts = reading.facts_above(self._known, file.mark)
                    return
                yield END_OF_LOAD
                file = MarkedFile(self._open_file())
            reading = _Pass(self, file.whole(), self._known.parsed)
            yield from reading.tables()
            if reading.is_confirmed:
                self.facts = reading.facts(file.mark)
                return
            self.was_rewritten = True
            yield END_OF_LOAD
            file = MarkedFile(self._open_file())
        reading = _Pass(self, file.whole())
        yield from reading.tables()
        if not reading.is_ordered:
            yield END_OF_LOAD
            file = MarkedFile(self._open_file())
            reading = _Pass(self, file.whole(), remembers_all=True)
            yield from reading.tables()
        self.facts = reading.facts(file.mark)

    def _known_record_test(self, file: MarkedFile, known: KnownFile) -> Callable[[bytes], bool] | None:
        """Return the test whether a record is known, if the bytes of the file can show it."""
        if not file.has_header_of(known.mark):
            return None
        header = Header.of(file.header.decode("utf-8-sig", "replace"))
        position = self._make_form(header.cells).transaction_position
        return None if position is None else known_from(position, header.delimiter, known.newest_transaction)


class _Pass:
    """One pass through the file.

    Without `remembers_all`, rows are counted within a transaction only, which needs no memory. That is exact while the
    numbers of the transactions fall. Where they do not, the pass ends with `is_ordered` false.
    """

    def __init__(
        self,
        reader: HistoryReader,
        chunks: Iterable[bytes],
        known: ParsedRows | None = None,
        remembers_all: bool = False,
    ) -> None:
        self._reader, self._chunks, self._known, self._remembers_all = reader, chunks, known, remembers_all
        self.is_ordered = True
        self._seen: Counter[str] = Counter()
        self._last_transaction: int | None = None
        self._newest: int | None = None
        self._rows = 0
        self._digest = hashlib.blake2b(digest_size=20)
        self._known_rows = 0
        self._known_digest = hashlib.blake2b(digest_size=20)
        # Whether the rows that follow are the known ones.
        self._is_in_known = False

    @property
    def is_confirmed(self) -> bool:
        """Whether the file ended with exactly the known rows."""
        known = self._known
        if known is None or not self.is_ordered or self._known_rows != known.rows:
            return False
        # After a change of `privacy` the rows have another form, so count and newest transaction must suffice.
        return known.form != self._reader._form_name or known.digest == self._known_digest.hexdigest()

    def facts(self, mark: str | None) -> FileFacts:
        """Return the facts of a file that was parsed as a whole."""
        known = self._known.newest_transaction if self._known else None
        newest = known if self._newest is None else self._newest
        digest = f"{self._reader._form_name}:{self._digest.hexdigest()}"
        if newest is None or not self.is_ordered:
            return FileFacts(self._rows, digest, None, mark)
        return FileFacts(self._rows, f"{digest}:{self._rows}:{newest}", newest, mark)

    def facts_above(self, known: KnownFile, mark: str | None) -> FileFacts:
        """Return the facts of a file of which only the rows above the known ones were parsed."""
        parsed = known.parsed
        digest = f"{parsed.form}:{parsed.digest}:{parsed.rows}:{parsed.newest_transaction}"
        newest = known.newest_transaction if self._newest is None else self._newest
        return FileFacts(known.rows + self._rows, digest, newest, mark)

    def tables(self) -> Iterator[pa.Table]:
        """Yield the new rows, in tables of at least `_ROWS` rows. Read the known ones to verify them."""
        waiting: list[pa.Table] = []
        try:
            for table in self._new_rows():
                waiting.append(table)
                if sum(map(len, waiting)) >= _ROWS:
                    yield pa.concat_tables(waiting)
                    waiting = []
                    # Chunks and blocks of several threads leave free memory in pieces, which would add up.
                    pa.default_memory_pool().release_unused()
        except MalformedFile as error:
            hint = "It is exported again the next time."
            raise ExportError(self._reader._title, str(error), hint, "unreadable") from None
        if waiting:
            yield pa.concat_tables(waiting)

    def _new_rows(self) -> Iterator[pa.Table]:
        file = parse(self._chunks)
        form = self._reader._make_form(file.headers)
        if file.headers and not form.is_history:
            raise MalformedFile("it has no column of a model history")
        for batch in file.batches:
            new, known = self._split(batch, form)
            for part, is_known in ((new, False), (known, True)):
                if not part.num_rows:
                    continue
                cells = form.masked(part)
                contents = form.contents(cells)
                self._note(contents, is_known)
                if is_known:
                    continue
                if not self._keeps_order(form.transactions(part)):
                    return
                yield from self._kept(form.table(cells, self._row_ids(form.row_hashes(contents))))

    def _split(self, batch: pa.RecordBatch, form: RowForm) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """Return the rows above the known ones, and the rest."""
        if self._known is None:
            return batch, batch.slice(0, 0)
        if self._is_in_known:
            return batch.slice(0, 0), batch
        is_known = pc.less_equal(form.transactions(batch), self._known.newest_transaction)
        start = pc.index(is_known, pa.scalar(True)).as_py()
        self._is_in_known = start >= 0
        start = batch.num_rows if start < 0 else start
        return batch.slice(0, start), batch.slice(start)

    def _note(self, contents: pa.Array, is_known: bool) -> None:
        size = pc.sum(pc.binary_length(contents)).as_py()
        # Rows without any cell have no buffer.
        text = memoryview(contents.buffers()[2] or b"")[:size]
        self._rows += len(contents)
        self._digest.update(text)
        if is_known:
            self._known_rows += len(contents)
            self._known_digest.update(text)

    def _keeps_order(self, transactions: pa.Array) -> bool:
        """Return whether the transactions are numbers that never rise, or need not be."""
        first, last = transactions[0].as_py(), transactions[-1].as_py()
        # `pc.all` of no rows is None.
        never_rises = (
            not transactions.null_count
            and (self._last_transaction is None or first <= self._last_transaction)
            and pc.all(pc.less_equal(transactions.slice(1), transactions.slice(0, len(transactions) - 1))).as_py()
            is not False
        )
        self._newest = first if self._newest is None else self._newest
        self._last_transaction = last
        self.is_ordered = self.is_ordered and never_rises
        self._transactions = transactions
        return self.is_ordered or self._remembers_all

    def _row_ids(self, hashes: list[str]) -> list[str]:
        row_ids = []
        for one in hashes:
            self._seen[one] += 1
            number = self._seen[one]
            row_ids.append(one if number == 1 else f"{one}-{number}")
        if not self._remembers_all:
            # Only rows of the last transaction can be equal to rows that follow.
            is_last = pc.equal(self._transactions, self._last_transaction).to_pylist()
            in_last = {one for one, belongs in zip(hashes, is_last, strict=True) if belongs}
            self._seen = Counter({one: self._seen[one] for one in in_last})
        return row_ids

    def _kept(self, table: pa.Table) -> Iterator[pa.Table]:
        if self._reader._purged_before is not None:
            is_kept: Any = pc.greater_equal(table["change_day"], pa.scalar(self._reader._purged_before))
            table = table.filter(pc.fill_null(is_kept, True))
        if len(table):
            yield table
