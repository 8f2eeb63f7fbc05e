"""One Delta table of the copy. Its own log says what it holds, so no other record can disagree with it."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.common.exit_codes import CONFIGURATION, FAILED, PipelineError
from pipelines.common.extras import missing_extra
from pipelines.common.lakehouse_settings import LakehouseSettings

from .contents import LOAD_ID, Days, DayState

# Marks a table as written by this pipeline. Its number is the digest of the rows of a table without days.
APPLICATION = "anaplan-audit-log"
WITH_DAYS = 1
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class LakeTable:
    """A table at an address. `day` is the column by which it is partitioned; None: it is replaced as a whole."""

    def __init__(
        self, settings: LakehouseSettings, dataset: str, name: str, schema: pa.Schema, day: str | None, text: str = ""
    ) -> None:
        self.name, self.day = name, day
        self.address = f"{settings.url}/{dataset}/{name}"
        self._uri = Path(self.address).as_uri() if settings.folder is not None else self.address
        self._schema, self._text, self._options = schema, text, settings.options
        self._table = self._open()

    @property
    def digest(self) -> int | None:
        """The digest that was stored with the rows; None if there is no table with these columns."""
        found = self._table.transaction_version(APPLICATION) if self.fits else None
        return None if found is None else int(found)

    @property
    def fits(self) -> bool:
        """Whether there is a table, with the same columns and types."""
        if self._table is None:
            return False
        stored = pa.schema(self._table.schema())
        return {field.name: field.type for field in stored} == {field.name: field.type for field in self._schema}

    def days(self) -> Days:
        """Return what the current version holds of each day."""
        found: Days = {}
        for row in pa.table(self._table.get_add_actions(flatten=True)).to_pylist() if self._table else ():
            day, newest = row.get(f"partition.{self.day}"), row.get(f"max.{LOAD_ID}")
            before = found.get(day, DayState(0, ""))
            # Another program may have rewritten files without statistics. Then the day counts as another one.
            known = None if newest is None or before.newest is None else max(before.newest, newest)
            found[day] = DayState(before.rows + (row["num_records"] or 0), known)
        return found

    def replace_days(self, rows: Iterable[pa.Table], days: Iterable[date | None]) -> None:
        """Replace the rows of some days (None is no day) in one version of the table."""
        named = ", ".join(f"'{day}'" for day in days if day is not None)
        parts = [f"{self.day} in ({named})"] if named else []
        parts += [f"{self.day} is null"] if None in days else []
        self._write(rows, WITH_DAYS, predicate=" or ".join(parts))

    def replace(self, rows: Iterable[pa.Table], digest: int = WITH_DAYS) -> None:
        """Replace all rows and the columns, in one version of the table."""
        self._write(rows, digest, schema_mode="overwrite")

    def describe(self) -> None:
        """Take over the texts of the table and its columns that have changed."""
        if self._table is None:
            return
        if (self._table.metadata().description or "") != self._text:
            self._table.alter.set_table_description(self._text)
        stored = {field.name: field.metadata.get("comment", "") for field in self._table.schema().fields}
        for field in self._schema:
            text = (field.metadata or {}).get(b"comment", b"").decode()
            if text != stored.get(field.name, ""):
                self._table.alter.set_column_metadata(field.name, {"comment": text})

    def clean(self, keep_hours: int) -> None:
        """Write a checkpoint, and delete older files that the current version does not use."""
        if self._table is not None:
            # Also files that a killed run left, which no version names.
            self._table.vacuum(keep_hours, dry_run=False, enforce_retention_duration=False, full=True)
            self._table.create_checkpoint()
            self._table.cleanup_metadata()

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows of a small table."""
        return self._table.to_pyarrow_table().to_pylist() if self._table else []

    def _write(self, rows: Iterable[pa.Table], digest: int, **options: Any) -> None:
        from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

        batches = (batch for chunk in rows for batch in chunk.to_batches())
        write_deltalake(
            self._table or self._uri,
            pa.RecordBatchReader.from_batches(self._schema, batches),
            mode="overwrite",
            partition_by=[self.day] if self.day else None,
            name=self.name,
            description=self._text,
            # Texts are left out: the log of a table outlives its files, and must not quote what a purge removes.
            configuration={"delta.dataSkippingStatsColumns": LOAD_ID if self.day else ""},
            storage_options=self._options,
            writer_properties=WriterProperties(compression="ZSTD"),
            commit_properties=CommitProperties(app_transactions=[Transaction(APPLICATION, digest)]),
            **options,
        )
        self._table = self._open()

    def _open(self) -> Any:
        from deltalake import DeltaTable

        if not DeltaTable.is_deltatable(self._uri, storage_options=self._options):
            return None
        table = DeltaTable(self._uri, storage_options=self._options)
        if table.transaction_version(APPLICATION) is None:
            raise PipelineError(
                CONFIGURATION,
                f"lakehouse: `{self.address}` is a table that this pipeline did not write. Move it, or change `url`.",
            )
        return table


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn errors of storage and library into one line.

    Raises:
        PipelineError: The table cannot be read or written.
    """
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        # Errors of the storage are drawn as a tree, in colours.
        reason = " ".join(_COLOUR.sub("", str(error)).replace("↳", ":").split())[:300].rstrip(".")
        raise PipelineError(
            FAILED,
            f"lakehouse: `{address}`: {reason}. Tables that were written are complete; the next run does the rest.",
        ) from None


def check_package() -> None:
    """Refuse to go on without the library.

    Raises:
        PipelineError: It is not installed.
    """
    try:
        import deltalake  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing_extra("lakehouse", error) from None
