"""Copies the raw tables, with the state of the loads, into a destination that has none: from another, or an archive.

The state is copied last. A copy that was interrupted has none, so the same command begins it again.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import dlt
import pyarrow.parquet as pq

from pipelines.common.exit_codes import CONFIGURATION, FAILED, PipelineError
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, dataset_name
from pipelines.warehouse.dlt_internals import create_tables, load_file
from pipelines.warehouse.engine import Engine, engine, engine_named
from pipelines.warehouse.locks import machine_lock
from pipelines.warehouse.reader import no_tables, open_destination
from pipelines.warehouse.run_tables import COLUMNS, own_schema
from pipelines.warehouse.session import closing_session
from pipelines.warehouse.settings import check_datasets

from .archive import read_manifest, write_part
from .database_file import Copied
from .digest import Digest, digest_of
from .raw_tables import MONTHLY, RawTable, raw_schema, tables_of


class _Part(NamedTuple):
    """A file of a table, and the digest of its rows."""

    table: str
    path: str
    digest: Digest


def copy_to(kind: str, wait: float, show: Callable[[str, int], None]) -> Copied:
    """Copy everything from the configured destination to another one, and compare the rows of every table.

    Args:
        kind (str): dlt's name of the other destination, whose credentials are configured as usual.
        show (Callable[[str, int], None]): Called after each table with its name and number of rows.

    Raises:
        PipelineError: It is the same destination, nothing was loaded yet, or the other one holds data.
    """
    if kind == engine().name:
        raise PipelineError(CONFIGURATION, f"the data is in `{kind}` already. Name another destination.")
    with ExitStack() as stack:
        stack.enter_context(machine_lock(LOAD_NAME))
        source = stack.enter_context(open_destination(wait))
        schema = raw_schema(source) if source is not None else None
        if schema is None:
            raise no_tables()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="anaplan_audit_copy_")))
        parts = _from_tables(tables_of(source, schema), folder)
        return stack.enter_context(_opened(engine_named(kind), schema)).fill(parts, show)


def restore_archive(folder: str) -> tuple[Copied, None]:
    """Load an archive into the configured destination, and compare the rows of every table.

    Raises:
        PipelineError: The folder is no archive, or the destination holds data.
    """
    schema, digests = read_manifest(folder)
    parts = (_Part(name.partition("/")[0], os.path.join(folder, name), digest) for name, digest in digests.items())
    with machine_lock(LOAD_NAME), _opened(engine(), schema) as target:
        return target.fill(parts, lambda table, rows: None), None


def _from_tables(tables: list[RawTable], folder: Path) -> Iterator[_Part]:
    for table in tables:
        for part in table.parts():
            path = folder / "part.parquet"
            digest = write_part(table, part, path)
            yield _Part(table.name, str(path), digest)


class _Target:
    """A destination that is being filled."""

    def __init__(self, used: Engine, destination: Any, schema: dlt.Schema) -> None:
        schema = _with_hints(used, schema)
        self._engine, self._destination, self._schema = used, destination, schema
        name = dataset_name(LOAD_NAME)
        self._raw = dlt.dataset(destination, name, schema=schema)
        self._own = dlt.dataset(destination, name, schema=own_schema())

    def fill(self, parts: Iterator[_Part], show: Callable[[str, int], None]) -> Copied:
        """Create the tables, load all parts, and compare."""
        self._create()
        wanted: dict[str, Digest] = {}
        size = 0
        columns: list[str] = []
        for part in parts:
            if part.table not in wanted:
                if wanted:
                    self._compare(last := list(wanted)[-1], columns, wanted[last], show)
                wanted[part.table] = Digest()
                columns = pq.read_schema(part.path).names
                self._empty(part.table)
            if part.digest.rows:
                with self._owner(part.table).destination_client as client:
                    load_file(client, part.table, part.path)
            wanted[part.table] += part.digest
            size += os.path.getsize(part.path)
        if wanted:
            self._compare(last := list(wanted)[-1], columns, wanted[last], show)
        return Copied(len(wanted), sum(one.rows for one in wanted.values()), size)

    def _create(self) -> None:
        if self._holds_data():
            raise PipelineError(
                CONFIGURATION,
                f"dataset `{dataset_name(LOAD_NAME)}` in `{self._engine.name}` holds data already. Choose another "
                "`dataset_name`, or remove it yourself.",
            )
        for dataset in (self._own, self._raw):
            with dataset.destination_client as client:
                create_tables(client)
        with self._raw.sql_client as client:
            # The newest schema must be that of the events.
            versions = client.make_qualified_table_name(self._schema.version_table_name)
            client.execute_sql(f"DELETE FROM {versions} WHERE schema_name = %s", self._own.schema.name)

    def _holds_data(self) -> bool:
        """Whether there is the state of a load: a copy that was interrupted has none."""
        found = raw_schema(self._destination)
        if found is None:
            return False
        states = [one for one in tables_of(self._destination, found) if one.name == found.state_table_name]
        return any(chunk.num_rows for one in states for part in one.parts() for chunk in one.rows(part))

    def _owner(self, table: str) -> dlt.Dataset:
        return self._own if table in COLUMNS else self._raw

    def _empty(self, table: str) -> None:
        """Remove what an interrupted copy left."""
        with self._owner(table).sql_client as client:
            client.execute_sql(f"DELETE FROM {client.make_qualified_table_name(table)} WHERE 1 = 1")

    def _compare(self, table: str, columns: list[str], wanted: Digest, show: Callable[[str, int], None]) -> None:
        """Compare the columns that the source has; a newer version of this program may have created more."""
        known = self._owner(table).schema.tables[table]["columns"]
        kinds = {name: str(known[name]["data_type"]) for name in columns}
        copied = RawTable(self._owner(table), table, kinds)
        found = Digest()
        for part in copied.parts():
            for chunk in copied.rows(part):
                found += digest_of(chunk)
        if found != wanted:
            raise PipelineError(
                FAILED,
                f"table `{table}` in `{self._engine.name}` differs from its source: {found.rows:,} rows for "
                f"{wanted.rows:,}. The source is unchanged. Run again.",
            )
        show(table, found.rows)


def _with_hints(used: Engine, schema: dlt.Schema) -> dlt.Schema:
    """Return the schema with the hints by which the engine skips rows of large tables."""
    document = schema.to_dict()
    for table, day in MONTHLY.items():
        if table in document["tables"]:
            document["tables"][table]["columns"][day].update(used.day_column_hints())  # type: ignore[typeddict-item]
            document["tables"][table].update(used.day_table_hints(day))  # type: ignore[typeddict-item]
    # A new object gets the version hash of its content.
    return dlt.Schema.from_dict(document)  # type: ignore[arg-type]


@contextmanager
def _opened(used: Engine, schema: dlt.Schema) -> Iterator[_Target]:
    used.check_settings()
    check_datasets()
    with ExitStack() as stack:
        database = stack.enter_context(used.opened_for_writing())
        destination = used.destination(database)
        stack.enter_context(closing_session(destination))
        pipeline = dlt.pipeline(LOAD_NAME, destination=destination, dataset_name=dataset_name(LOAD_NAME)).drop()
        stack.enter_context(used.lock(pipeline, dataset_name(LOAD_NAME), dataset_name(ENRICH_NAME)))
        stack.enter_context(used.explained())
        yield _Target(used, destination, schema)
