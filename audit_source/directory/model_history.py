"""Model history: who changed which line item, list or cell. Several exports run at once, files are read one by one."""

import threading
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import date, datetime, timezone
from functools import partial
from typing import Any, NamedTuple

import dlt
import pyarrow as pa
from dlt.common.configuration.specs import BaseConfiguration
from dlt.sources import DltResource

from ..dlt_internals import created_tables
from ..errors import AuditSourceError, ExportError, UnreachableError, is_no_access, is_token_refused
from ..extract_report import Run
from ..privacy.history import form_of
from ..privacy.masking import make_privacy
from ..records import Record
from ..session import make_signed_client
from ..settings import AuditSettings, resolve_settings
from ..table_resources import Batch, declare_tables
from .detail_resources import history_resources
from .history_exports import HistoryExport, HistoryExports, choose_models, is_named, serial_of
from .history_reader import END_OF_LOAD, FileFacts, HistoryReader, KnownFile
from .history_rows import RowForm
from .history_tables import HISTORY_TABLES, MODEL_HISTORY, MODEL_HISTORY_READS
from .lists import fetch_list
from .model_contents import MOST_UNREACHABLE

# Upper bound on what a killed run reads again, and on the memory of a load.
ROWS_PER_LOAD = 3 * 122_880
ASK_AGAIN_MS = 24 * 3_600_000


class KnownHistory(NamedTuple):
    """What the destination holds of model history.

    Attributes:
        reads (Mapping[str, Mapping[str, Any]]): Rows of `model_history_reads` by model id.
        stored (Mapping[str, int]): Number of rows of `model_history` by model id.
        purged_before (date): First day that was not purged.
    """

    reads: Mapping[str, Mapping[str, Any]] = {}
    stored: Mapping[str, int] = {}
    purged_before: date | None = None


class Ended(NamedTuple):
    """How the attempt at one model ended. `facts` is None if its file was not read completely."""

    model_id: str
    workspace_id: str | None
    serial_number: int | None
    status: str
    export: HistoryExport | None = None
    facts: FileFacts | None = None
    error: str | None = None


class ModelHistory:
    """Loads the history of all models that have an export for it, one load after another.

    Run `source()` until `unfinished` is false. Before each run, set `stored` to the current numbers of rows: what is
    known of a file is written one load after its rows, so that a killed run leaves no file known that it did not load.

    Args:
        settings (AuditSettings): Settings that override those of dlt's configuration.
        run (Run): Collects the findings of the run. Close it at the end.
        known (KnownHistory): What the destination holds.

    Attributes:
        stored (Mapping[str, int]): Number of rows of `model_history` by model id.
        unfinished (bool): Whether another load is needed.
        ended (List[Ended]): How the attempt at each model ended.
        rewritten (List[str]): Models whose known rows were not found, so that all rows were read.
    """

    def __init__(
        self, settings: AuditSettings | None = None, run: Run | None = None, known: KnownHistory | None = None
    ) -> None:
        self._settings, self._run, self._known = resolve_settings(settings), run or Run(), known or KnownHistory()
        self.stored = self._known.stored
        self.unfinished = True
        self.ended: list[Ended] = []
        self.rewritten: list[str] = []
        self._to_write: list[Ended] = []
        self._unreachable = 0
        self._privacy = make_privacy(self._settings.privacy, self._settings.privacy_key)
        self._signed = make_signed_client(self._settings)
        self._run.closing(self._signed.close)
        self._stopped = threading.Event()
        self._exports = HistoryExports(
            self._signed,
            self._settings.hosts.api,
            self._settings.model_history_export,
            self._settings.model_history_timeout,
            self._stopped.is_set,
        )
        self._threads = ThreadPoolExecutor(self._settings.parallel_requests, thread_name_prefix="anaplan-exports")
        self._downloads = ThreadPoolExecutor(2, thread_name_prefix="anaplan-chunks")
        self._run.closing(self._stop)
        self._tables: Generator[pa.Table | None, None, None] = self._all_tables()

    def source(self) -> Any:
        """Return the source of the next load."""
        return _source(self)

    def find(self) -> Iterator[HistoryExport]:
        """Yield the models that have a history export. Nothing is exported."""
        for model, found in self._each(self._exports.of_model, self._models()):
            try:
                export = found.result()
                self._unreachable = 0
            except AuditSourceError as error:
                self._note_failure(model, None, error)
                if self._gives_up(error):
                    return
                continue
            if export is not None:
                yield export

    def batches(self) -> Iterator[Batch]:
        """Yield the tables of one load."""
        if self._to_write:
            yield MODEL_HISTORY_READS.name, self._reads(self._to_write)
            self._to_write = []
        rows = 0
        for table in self._tables:
            if table is END_OF_LOAD:
                return
            yield MODEL_HISTORY.name, table
            rows += len(table)
            if rows >= ROWS_PER_LOAD:
                return
        self.unfinished = bool(self._to_write)

    def _stop(self) -> None:
        self._stopped.set()
        self._tables.close()
        for threads in (self._threads, self._downloads):
            threads.shutdown(wait=False, cancel_futures=True)

    def _models(self) -> list[Record]:
        try:
            models = fetch_list(self._signed, self._settings.hosts.api, "models")
        except AuditSourceError as error:
            self._run.leave_out(error)
            return []
        include, exclude = self._settings.model_history_models, self._settings.model_history_exclude
        for setting, names in (("model_history_models", include), ("model_history_exclude", exclude)):
            for name in names or ():
                if not any(is_named(model, name) for model in models):
                    self._run.notice(f"setting `{setting}`: the account sees no model with the name or id `{name}`.")
        return choose_models(models, include, exclude)

    def _each(self, function: Any, models: list[Record]) -> Iterator[tuple[Record, "Future[Any]"]]:
        waiting = {self._threads.submit(function, model): model for model in models}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future
        finally:
            for future in waiting:
                future.cancel()

    def _all_tables(self) -> Generator[pa.Table | None, None, None]:
        models = [model for model in self._models() if not self._is_known_to_have_none(model)]
        for model, future in self._each(self._export, models):
            export: HistoryExport | None = None
            try:
                export = future.result()
                if export is None:
                    self._end(Ended(str(model["id"]), model.get("currentWorkspaceId"), serial_of(model), "no_export"))
                else:
                    yield from self._rows_of(export)
                self._unreachable = 0
            except AuditSourceError as error:
                self._note_failure(model, export, error)
                if self._gives_up(error):
                    return

    def _is_known_to_have_none(self, model: Record) -> bool:
        """Return whether the model had no export, and has not been saved since: its exports need no request."""
        read = self._known.reads.get(str(model["id"]), {})
        if read.get("status") == "forbidden":
            # Access can change without a save, so such a model is asked again, but rarely.
            return self._now() - int(read["read_at"].timestamp() * 1000) < ASK_AGAIN_MS
        serial = serial_of(model)
        return (
            read.get("status") == "no_export" and serial is not None and read.get("last_saved_serial_number") == serial
        )

    def _export(self, model: Record) -> HistoryExport | None:
        export = self._exports.of_model(model)
        if export is not None:
            self._exports.run(export)
        return export

    def _rows_of(self, export: HistoryExport) -> Iterator[pa.Table | None]:
        reader = HistoryReader(
            partial(self._exports.chunks, export, self._downloads),
            lambda headers: RowForm(headers, export.model_id, export.workspace_id or None, self._now(), self._privacy),
            form_of(self._privacy),
            self._known_file(export),
            self._known.purged_before,
            f"history file of model `{export.model_name}`",
        )
        yield from reader.tables()
        if reader.was_rewritten:
            self.rewritten.append(export.model_name)
        self._end(Ended(export.model_id, export.workspace_id, export.serial_number, "complete", export, reader.facts))

    def _known_file(self, export: HistoryExport) -> KnownFile | None:
        """Return what is known of the file, if the destination still holds its rows."""
        read = self._known.reads.get(export.model_id, {})
        newest = read.get("newest_transaction_id")
        is_stored = read.get("stored_rows") == self._known.stored.get(export.model_id, 0)
        if not newest or not is_stored or read.get("export_id") != export.export_id:
            return None
        return KnownFile(int(read["row_count"]), str(read["digest"]), int(newest), read.get("file_mark"))

    def _note_failure(self, model: Record, export: HistoryExport | None, error: AuditSourceError) -> None:
        """Note a model that was left out. The others go on."""
        outcome = error.outcome if isinstance(error, ExportError) else "failed"
        status = "forbidden" if is_no_access(error) else outcome
        if status != "forbidden":
            self._run.leave_out(error)
        workspace = model.get("currentWorkspaceId")
        self._end(Ended(str(model["id"]), workspace, serial_of(model), status, export, error=str(error)))

    def _gives_up(self, error: AuditSourceError) -> bool:
        """Return whether the other models are left to the next run: each of them would take all retries."""
        self._unreachable = self._unreachable + 1 if isinstance(error, UnreachableError) else 0
        if self._unreachable < MOST_UNREACHABLE and not is_token_refused(error):
            return False
        self._stopped.set()
        self._run.notice("model history: the other models are left to the next run.")
        return True

    def _end(self, ended: Ended) -> None:
        self.ended.append(ended)
        self._to_write.append(ended)

    def _now(self) -> int:
        self._run.started_at = self._run.started_at or self._signed.client.now_ms()
        return self._run.started_at

    def _reads(self, ended: list[Ended]) -> pa.Table:
        rows = [self._read_row(one) for one in ended]
        return pa.Table.from_pylist(rows, schema=MODEL_HISTORY_READS.arrow_schema)

    def _read_row(self, ended: Ended) -> Record:
        # A failed attempt keeps what is known of the file.
        row = {**self._known.reads.get(ended.model_id, {})}
        row.update(
            model_id=ended.model_id,
            workspace_id=ended.workspace_id,
            last_saved_serial_number=ended.serial_number,
            read_at=datetime.fromtimestamp(self._now() / 1000, timezone.utc),
            status=ended.status,
            error=ended.error,
        )
        if ended.export is not None:
            row.update(export_name=ended.export.export_name)
        if ended.export is not None and ended.facts is not None:
            newest = ended.facts.newest_transaction
            row.update(
                export_id=ended.export.export_id,
                row_count=ended.facts.rows,
                digest=ended.facts.digest,
                file_mark=ended.facts.mark,
                newest_transaction_id=None if newest is None else str(newest),
                stored_rows=self.stored.get(ended.model_id, 0),
            )
        return {column.name: row.get(column.name) for column in MODEL_HISTORY_READS.columns}


def history_tables() -> tuple[DltResource, ...]:
    """Return resources that create the tables of model history, empty, in a load of something else."""

    @dlt.resource(name="history_tables", selected=False)
    def empty() -> Iterator[Batch]:
        yield from _missing_tables(set())

    return history_resources(empty)


def _missing_tables(filled: set[str]) -> Iterator[Batch]:
    """Yield the tables that no load has made yet, without those that this load fills: it may not mix file formats."""
    for name in {table.name for table in HISTORY_TABLES} - filled - created_tables():
        yield name, None


@dlt.source(name="audit", section="audit_source", spec=BaseConfiguration)
def _source(history: Any) -> tuple[DltResource, ...]:
    declare_tables()

    @dlt.resource(name="model_histories", selected=False)
    def histories() -> Iterator[Batch]:
        filled = set()
        for batch in history.batches():
            filled.add(batch[0])
            yield batch
        yield from _missing_tables(filled)

    return history_resources(histories)
