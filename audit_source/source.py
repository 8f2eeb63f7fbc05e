"""The dlt source: settings and credentials in, the resources of the log and the directory out."""

import csv
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib import resources
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.schema.utils import new_table
from dlt.sources import DltResource

from .auth.credentials import choose_credentials
from .auth.token_auth import make_auth
from .client import Client, SignedClient
from .clock import begin_versions_at, learn_server_clock
from .directory.lists import fetch_list, logins, versions
from .directory.shrink_guard import DirectoryGuard
from .drift import found_in, untold
from .errors import AuditSourceError, ConfigurationError
from .events.decode import normalise_code
from .events.decode_process import DecodingProcess, PageDecoder
from .events.fetch import EventFetcher
from .events.stream import Batch, Reload, read_log
from .extract_report import Run
from .known import NOTHING_KNOWN, Known
from .privacy.masking import Privacy, make_privacy
from .records import NewColumns, Rows, table_of
from .schema import (
    EVENT_DAYS,
    EVENT_TYPES,
    EVENT_WINDOWS,
    EVENTS,
    MODELS,
    TABLES,
    USER_LOGINS,
    USERS,
    WORKSPACES,
    Table,
)
from .settings import AuditSettings, resolve_settings
from .tenant import TenantGuard

DIRECTORY = (USERS, WORKSPACES, MODELS)
# Exact at every point where a run may die, unlike insert-only and append; `id` removes what came twice.
MERGE = {"disposition": "merge", "strategy": "delete-insert"}
HISTORY = {"disposition": "merge", "strategy": "scd2", "row_version_column_name": "row_version"}
# A new field of Anaplan's becomes a column; a column never changes its type, which some databases store as garbage.
CONTRACT = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}


# `BaseConfiguration` has no field: dlt injects nothing, since `resolve_settings` reads the configuration.
@dlt.source(name="audit", section="audit_source", spec=BaseConfiguration)
def audit_source(
    settings: AuditSettings | None = None,
    *,
    reload: Reload | None = None,
    run: Run | None = None,
    known: Known | None = None,
    accept_directory: bool = False,
    start_process: Callable[[], DecodingProcess] | None = None,
    **values: Any,
) -> tuple[DltResource, ...]:
    """Load the audit log and the directory of one Anaplan tenant.

    Args:
        settings (AuditSettings): Settings that override those of dlt's configuration.
        reload (Reload): A span to load (again) instead of what is due.
        run (Run): Collects the findings of the run, for a caller that wants them.
        known (Known): What the destination holds, for a caller that can query it.
        accept_directory (bool): Whether to apply a list that shrank beyond `shrink_limit_percent`.
        start_process (Callable): Starts the process that decodes pages when there are many. By default pages are
            decoded in this process. Not used with `privacy`, since pages go to that process through files.
        **values (Any): Single settings, as in `audit_source(region="eu1")`. They override `settings`.

    Returns:
        DltSource: `events` with `event_windows` and `event_days`, `users` with `user_logins`, `workspaces`, `models`,
            `event_types`.

    Raises:
        ConfigurationError: A setting or credential is missing, unknown or contradictory. No request was sent.
        SignInError, RoleError, UnreachableError, BadAnswerError: Only while extracting.
    """
    known = known or NOTHING_KNOWN
    settings = resolve_settings(settings, **values)
    hosts = settings.hosts
    private = make_privacy(settings.privacy, settings.privacy_key)
    chosen = choose_credentials(settings.credentials, settings.auth, settings.token_store)
    run = run or Run()
    client = Client(
        settings.parallel_requests, settings.requests_per_minute, deadline_seconds=settings.request_deadline_seconds
    )
    signed = SignedClient(client, make_auth(client, hosts, chosen, settings.token_store))
    run.closing(signed.close)
    fetcher = EventFetcher(
        signed, hosts.audit, settings, PageDecoder(run.new_columns, start_process if private is None else None)
    )
    run.closing(fetcher.close)
    _expect_warnings()
    _describe_tables()
    _declare_row_versions()

    def learn_clock() -> None:
        learn_server_clock(signed, hosts, known, run)

    run.learn_clock = learn_clock

    def confirm_tenant() -> None:
        """Ask the users whose account this is, where that is known: the few events of a load name another tenant."""
        guard = TenantGuard("customerId", dict(dlt.current.resource_state(USERS.name)), known.customer_id)
        if guard.tenant is None:
            return
        users: list[dict[str, Any]] = []
        with suppress(AuditSourceError):
            users = fetch_list(signed, hosts.api, USERS.name)
        guard.check(user.get("customerId") for user in users)
        if not guard.is_known:
            raise ConfigurationError(
                "tenant of the account (`tenantId`)",
                "all events name another tenant, but the database holds tenant "
                f"{guard.tenant}, and the list of users could not be had",
                "Check the account, then run again. Nothing was written.",
            )

    asking = {"event_log", "directory"}

    def through(with_what: str) -> None:
        """Signs out as soon as nothing more is asked, while the database writes."""
        asking.discard(with_what)
        if not asking:
            # For whoever loads from this source again.
            asking.update(("event_log", "directory"))
            threading.Thread(target=signed.close, name="anaplan-sign-out").start()

    @dlt.resource(name="event_log", selected=False)
    def event_log() -> Iterator[Batch]:
        try:
            learn_clock()
            yield from read_log(fetcher, settings, run, client.now_ms(), reload, private, known, confirm_tenant)
        except BaseException as error:
            # A run that was interrupted waits for no answer.
            fetcher.close(wait=isinstance(error, Exception))
            raise
        if not run.unfinished:
            fetcher.close()
            through("event_log")

    @dlt.resource(name="directory", selected=False)
    def directory() -> Iterator[Batch | None]:
        thread = ThreadPoolExecutor(1, thread_name_prefix="anaplan-directory")
        guard = DirectoryGuard(settings.shrink_limit_percent, accept_directory, known)
        try:
            lists = [thread.submit(fetch_list, signed, hosts.api, table.name) for table in DIRECTORY]
            for table, records in zip(DIRECTORY, lists, strict=True):
                while not records.done():
                    # dlt goes on with the events.
                    yield None
                learn_clock()
                run.versions_at = run.versions_at or max(client.now_ms(), known.newest_stamp + 1)
                begin_versions_at(run.versions_at)
                yield from _read_list(records, table, run, private, guard)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
        through("directory")

    return (
        _table_resource(event_log, EVENTS, MERGE, primary_key="id"),
        _table_resource(event_log, EVENT_WINDOWS, MERGE, merge_key=["window_day", "event_type"]),
        _table_resource(event_log, EVENT_DAYS, MERGE, primary_key="event_day"),
        _table_resource(directory, USERS, HISTORY),
        _table_resource(directory, USER_LOGINS, MERGE, primary_key="id"),
        _table_resource(directory, WORKSPACES, HISTORY),
        _table_resource(directory, MODELS, HISTORY),
        _table_resource(_event_types(), EVENT_TYPES, MERGE, primary_key="event_type_id"),
    )


def _table_resource(parent: DltResource, table: Table, write_disposition: dict[str, str], **keys: Any) -> DltResource:
    """Returns the resource that takes the batches of one table out of a stream that fills several."""

    # Makes a table without a row. Not as parquet: the Postgres driver fails on a file without a row group. Nor by
    # dlt's `materialize_table_schema`: that adds a `_dlt_id` which no Arrow row to come has.
    empty = dlt.mark.with_hints(
        table.arrow_schema.empty_table(), dlt.mark.make_hints(columns=table.dlt_columns, file_format="preferred")
    )

    # Not `Batch`: dlt looks at the annotation, and takes a `tuple[...]` of Python 3.10 for a class.
    def rows(batch: Any) -> Iterator[Any]:
        name, arrow = batch
        if name == table.name:
            yield arrow if arrow is not None else empty

    return dlt.transformer(  # type: ignore[call-overload, no-any-return]
        rows,
        data_from=parent,
        name=table.name,
        columns=table.json_hints,
        write_disposition=write_disposition,
        schema_contract=CONTRACT,
        **keys,
    )


def _read_list(
    answer: "Future[list[Any]]", table: Table, run: Run, private: Privacy | None, guard: DirectoryGuard
) -> Iterator[Batch]:
    """Yield the versions of one list. One that is not whole, or shrank too much, leaves the table as it is."""
    made = dlt.current.resource_state(table.name)
    records: list[dict[str, Any]] = []
    try:
        records = answer.result()
        run.directory[table.name] = len(records)
        if private is not None:
            records = [private.record(table.name, record) for record in records]
    except AuditSourceError as error:
        # Events are forgotten, lists are not: nothing that is wrong with a list may keep the events from being loaded.
        run.leave_out(error)
        guard.users_failed = guard.users_failed or table is USERS
    if table is USERS:
        guard.check_tenant(records, made)
    elif guard.is_unsure:
        # Workspaces and models name no tenant: those of another one would retire all that is there.
        if records and not guard.users_failed:
            run.notice(f"`{table.name}` stays as it was: the list of users did not confirm the tenant.")
        records = []
    if guard.has_shrunk(table.name, records, made):
        run.shrunk.append((table.name, guard.before(table.name, made), len(records)))
        records = []
    elif records:
        made["records"] = len(records)
    new_columns = NewColumns()
    batches = [(table.name, versions(table, records, new_columns))]
    run.drift |= untold(found_in(new_columns, f"{table.name}."), made)
    if table is USERS:
        batches.append((USER_LOGINS.name, logins(records)))
    for name, rows in batches:
        # An empty list would retire everyone: the table is only made, once.
        if rows is not None or not made.get("made"):
            yield name, rows
    made["made"] = True


def _event_types() -> DltResource:
    @dlt.resource(name="event_type_catalogue", selected=False)
    def catalogue() -> Iterator[Batch]:
        text = (resources.files(__package__) / "event_types.csv").read_text(encoding="utf-8")
        state = dlt.current.resource_state(EVENT_TYPES.name)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if state.get("digest") != digest:
            yield EVENT_TYPES.name, _catalogue_table(text)
            state["digest"] = digest

    return catalogue


def _catalogue_table(text: str) -> pa.Table:
    rows = list(csv.DictReader(text.splitlines()))
    names = [column.name for column in EVENT_TYPES.columns]
    columns: dict[str, Sequence[Any]] = {name: [row.get(name) for row in rows] for name in names}
    columns["event_type_code"] = [normalise_code(code) for code in columns["event_type_id"]]
    return table_of(EVENT_TYPES, Rows(columns, {}))


def _describe_tables() -> None:
    """Tells dlt once what everything means: as hints of the resources the same would be merged for each page."""
    schema = dlt.current.source_schema()
    for table in TABLES:
        schema.update_table(table.dlt_description)


def _declare_row_versions() -> None:
    """Gives the hash column its type, which dlt's SCD2 hint leaves open, so that an empty list has its table."""
    schema = dlt.current.source_schema()
    version: Any = {"name": "row_version", "data_type": "text", "nullable": False, "x-row-version": True}
    for table in DIRECTORY:
        schema.update_table(new_table(table.name, columns=[version]))


class _Expected(logging.Filter):
    """Leaves out what dlt says on every page, and of every empty table: both are meant to be as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return "several column hints were different" not in text and "native writer could not be found" not in text


_EXPECTED = _Expected()


def _expect_warnings() -> None:
    logging.getLogger("dlt").addFilter(_EXPECTED)
