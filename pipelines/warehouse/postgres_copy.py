"""Copies the rows of a parquet file into a PostgreSQL table with one statement, on the connection of the run.

dlt's own job opens a connection of the Arrow driver for each file. The driver sends twelve statements before the first
row, two of which read the whole catalogue.
"""

import io
from collections.abc import Iterator
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dlt.common.destination.client import HasFollowupJobs, RunnableLoadJob

ROWS_PER_CHUNK = 20_000
# What the text format of COPY escapes. The backslash comes first.
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NULL = "\\N"


class CopyJob(RunnableLoadJob, HasFollowupJobs):
    """Loads one file. COPY is a transaction of its own."""

    def run(self) -> None:
        """Copy all rows.

        Raises:
            DatabaseException: The database refused the rows or has gone away.
        """
        job_client: Any = self._job_client
        client = job_client.sql_client
        with pq.ParquetFile(self._file_path) as file:
            names = ", ".join(map(client.escape_column_name, file.schema_arrow.names))
            table = client.make_qualified_table_name(self.load_table_name)
            try:
                with client.native_connection.cursor() as cursor:
                    cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", _Chunks(_texts(file)))
            except psycopg2.Error as error:
                raise client._make_database_exception(error) from error


def _texts(file: pq.ParquetFile) -> Iterator[bytes]:
    for batch in file.iter_batches(ROWS_PER_CHUNK):
        if batch.num_rows:
            yield as_text(batch)


def as_text(rows: pa.RecordBatch) -> bytes:
    """Return rows in the text format of COPY."""
    columns = [_escaped(column.cast(pa.string())) for column in rows.columns]
    lines = pc.binary_join_element_wise(*columns, "\t", null_handling="replace", null_replacement=_NULL)
    lines = pc.binary_join_element_wise(lines, "\n", "")
    # The lines follow each other in memory.
    _, _, data = lines.buffers()
    return data.to_pybytes() if data is not None else b""


def _escaped(texts: Any) -> Any:
    for sign, escape in _ESCAPES.items():
        if pc.any(pc.match_substring(texts, sign)).as_py():
            texts = pc.replace_substring(texts, sign, escape)
    return texts


class _Chunks(io.RawIOBase):
    """The chunks as a file, as the driver wants it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)
