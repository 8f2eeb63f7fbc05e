"""Writes the rows of one table as CSV, JSON lines, Parquet or Excel, or events for a SIEM. It only reads the database.

Rows are read and written in chunks, so memory does not grow with their number. CSV is for spreadsheets: a text that a
spreadsheet would run as a formula gets an apostrophe in front. The other formats hold every text unchanged.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import IO, Any, NamedTuple

import dlt
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from sqlglot import exp

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import dataset_name
from pipelines.common.spreadsheet import FORMULA
from pipelines.publish.reader import published_path
from pipelines.warehouse.engine import engine
from pipelines.warehouse.reader import ENRICHED, RAW, no_tables, open_destination
from pipelines.warehouse.run_tables import COLUMNS, own_schema
from pipelines.warehouse.streaming import arrow_schema, columns_of, stream

from .filters import Filters, conditions, moment_column
from .siem.lines import FORMATS as SIEM_FORMATS
from .siem.lines import TABLE, EventLines, read_classes
from .xlsx import MOST_ROWS, write_xlsx

# In dlt's data directory.
OWN_FILES = ("anaplan_oauth_token.json", "anaplan_audit_alerts.json")
FORMATS = ("csv", "jsonl", "parquet", "xlsx", *SIEM_FORMATS)
BINARY = {"parquet": "Parquet", "xlsx": "An Excel file"}
# Rows that are Python objects at the same time.
JSON_ROWS = 5_000


class _Found(NamedTuple):
    """A table's dataset, and its columns (name, dlt type)."""

    dataset: dlt.Dataset
    columns: dict[str, str]


def export(table: str, file_format: str, to: str | None, force: bool, filters: Filters, wait: float) -> int:
    """Write the rows of a table to a file, or to standard output, and return their number.

    A file is written completely or not at all. If a run has the DuckDB file open, wait for `wait` seconds at most.

    Raises:
        PipelineError: The table or a column does not exist, a filter does not fit, or the file exists without `force`.
    """
    if to:
        _check_target(to)
    if to and os.path.lexists(to) and not force:
        raise PipelineError(CONFIGURATION, f"file `{to}` exists. Name another one, or give --force to replace it.")
    if not to and file_format in BINARY and sys.stdout.isatty():
        raise PipelineError(
            CONFIGURATION, f"{BINARY[file_format]} cannot be shown on a terminal. Name a file with --to."
        )
    if file_format in SIEM_FORMATS and table != TABLE:
        raise PipelineError(CONFIGURATION, f"--format {file_format}: `{table}` holds no events. Export `{TABLE}`.")
    with open_destination(wait) as destination:
        dataset, columns = _find(destination, table)
        query = exp.select(*(exp.column(name) for name in columns)).from_(exp.to_table(table))
        moment = moment_column(columns)
        for condition in conditions(table, columns, moment, filters):
            query = query.where(condition)
        if moment:
            query = query.order_by(exp.column(moment).asc())
        rows = _existing(stream(dataset, query, columns))
        if file_format == "xlsx":
            write = _workbook_writer(table, filters)
        else:
            write = _event_writer(dataset, file_format) if file_format in SIEM_FORMATS else _WRITERS[file_format]
        with _output(to) as file:
            return write(rows, arrow_schema(columns), file)


def _check_target(to: str) -> None:
    """Refuse targets that must not be overwritten, even with --force.

    Raises:
        PipelineError: The target is a folder or a disk, is a file of the pipeline, or its folder does not exist.
    """
    mode = os.stat(to).st_mode if os.path.exists(to) else 0
    if stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise PipelineError(CONFIGURATION, f"--to `{to}`: it is a folder or a device. Name a file.")
    target = os.path.realpath(to)
    if target in _own_files() or os.path.dirname(target) == os.path.realpath(dlt.current.run_context().settings_dir):
        raise PipelineError(CONFIGURATION, f"--to `{to}`: the pipeline itself needs this file. Name another one.")
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise PipelineError(CONFIGURATION, f"--to `{to}`: the folder `{folder}` does not exist. Create it first.")


def _own_files() -> set[str]:
    """Return the files that the pipeline itself needs: no export may replace them."""
    paths = [published_path() or "", *engine().files()]
    store = str(dlt.config.get("sources.audit_source.token_store") or "")
    data = dlt.current.run_context().data_dir
    paths += [os.path.expanduser(store), *(os.path.join(data, name) for name in OWN_FILES)]
    return {os.path.realpath(path) for path in paths if path}


def _find(destination: Any, table: str) -> _Found:
    """Return the dataset that contains a table, and its columns."""
    found: dict[str, list[str]] = {}
    for owner in (ENRICHED, RAW) if destination is not None else ():
        dataset = dlt.dataset(destination, dataset_name(owner))
        try:
            found[owner] = sorted(dataset.schema.data_table_names())
        except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
            continue
        if table in found[owner]:
            return _Found(dataset, columns_of(dataset.schema, table))
    if RAW in found and table in COLUMNS:
        schema = own_schema()
        return _Found(dlt.dataset(destination, dataset_name(RAW), schema=schema), columns_of(schema, table))
    if not found:
        raise no_tables()
    enriched, raw = ", ".join(found.get(ENRICHED, [])), ", ".join([*found.get(RAW, []), *COLUMNS])
    raise PipelineError(
        CONFIGURATION, f"table `{table}` does not exist. Enriched: {enriched or 'none yet'}. Raw: {raw}."
    )


def _existing(rows: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Pass the rows on. A table that was declared but never written has none."""
    with suppress(DatabaseUndefinedRelation):
        yield from rows


def write_csv(rows: Iterator[pa.Table], schema: pa.Schema, file: IO[bytes]) -> int:
    """Write CSV that is harmless in a spreadsheet, and return the number of rows."""
    # The byte order mark, by which spreadsheets recognise UTF-8.
    file.write(b"\xef\xbb\xbf")
    kinds = [pa.string() if pa.types.is_timestamp(field.type) else field.type for field in schema]
    texts = pa.schema(list(zip(schema.names, kinds, strict=True)))
    count = 0
    with pyarrow.csv.CSVWriter(file, texts) as writer:
        for chunk in rows:
            columns = [_csv_column(column) for column in chunk.columns]
            writer.write_table(pa.Table.from_arrays(columns, schema=texts))
            count += chunk.num_rows
    return count


def _csv_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%SZ")
    if not pa.types.is_string(column.type):
        return column
    dangerous = pc.match_substring_regex(column, FORMULA)
    return pc.if_else(dangerous, pc.binary_join_element_wise("'", column, ""), column)


def _write_jsonl(rows: Iterator[pa.Table], _: pa.Schema, file: IO[bytes]) -> int:
    encoder = msgspec.json.Encoder()
    count = 0
    for chunk in rows:
        for start in range(0, chunk.num_rows, JSON_ROWS):
            file.write(encoder.encode_lines(chunk.slice(start, JSON_ROWS).to_pylist()))
        count += chunk.num_rows
    return count


def write_parquet(rows: Iterator[pa.Table], schema: pa.Schema, file: IO[bytes]) -> int:
    """Write Parquet, and return the number of rows."""
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for chunk in rows:
            writer.write_table(chunk)
            count += chunk.num_rows
    return count


_Writer = Callable[[Iterator[pa.Table], pa.Schema, IO[bytes]], int]
_WRITERS: dict[str, _Writer] = {
    "csv": write_csv,
    "jsonl": _write_jsonl,
    "parquet": write_parquet,
}


def _workbook_writer(table: str, filters: Filters) -> _Writer:
    """Return a writer whose first sheet tells the table and the filters."""
    chosen = {f"--{name}": value for name, value in filters._asdict().items() if value}
    about = {"Table": table, "Exported at (UTC)": datetime.now(timezone.utc), **chosen}

    def write(rows: Iterator[pa.Table], schema: pa.Schema, file: IO[bytes]) -> int:
        return write_xlsx(_that_fit(rows), schema.names, about, file)

    return write


def _that_fit(rows: Iterator[pa.Table]) -> Iterator[pa.Table]:
    count = 0
    for chunk in rows:
        count += chunk.num_rows
        if count > MOST_ROWS:
            raise PipelineError(
                CONFIGURATION,
                f"an Excel sheet holds {MOST_ROWS:,} rows, and there are more. Use --since, or another format.",
            )
        yield chunk


def _event_writer(enriched: dlt.Dataset, file_format: str) -> _Writer:
    lines = EventLines(file_format, read_classes(enriched))

    def write(rows: Iterator[pa.Table], _: pa.Schema, file: IO[bytes]) -> int:
        count = 0
        for chunk in rows:
            for start in range(0, chunk.num_rows, JSON_ROWS):
                file.writelines(line + b"\n" for line in lines.of(chunk.slice(start, JSON_ROWS).to_pylist()))
            count += chunk.num_rows
        return count

    return write


@contextmanager
def _output(to: str | None) -> Iterator[IO[bytes]]:
    """Yield standard output, or a file that replaces `to` when it is complete."""
    if to is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if os.path.exists(to) and not os.path.isfile(to):
        # A pipe or a terminal cannot be replaced: it gets the rows as they come.
        with open(to, "wb") as file:
            yield file
        return
    # The target of a link is replaced, not the link.
    to = os.path.realpath(to)
    folder, name = os.path.split(to)
    new = os.path.join(folder, f".{name}.{os.getpid()}.new")
    try:
        with open(new, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, to)
    finally:
        if os.path.exists(new):
            os.unlink(new)
