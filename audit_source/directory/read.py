"""The directory as a stream of batches: each list is fetched, checked, and only then applied."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import dlt

from ..dlt_internals import begin_versions_at, created_tables
from ..drift import found_in, new_drift
from ..errors import AuditSourceError, ConfigurationError
from ..extract_report import Run
from ..known import Known
from ..privacy.masking import Privacy
from ..records import NewColumns, Record
from ..schema import MODELS, USER_LOGINS, USERS, WORKSPACES, Table
from ..signed_client import SignedClient
from ..table_resources import Batch
from ..tenant_guard import TenantGuard
from .listed import Listed
from .lists import fetch_list, logins, versions
from .shrink_guard import DirectoryGuard
from .stored_lists import is_stored

DIRECTORY = (USERS, WORKSPACES, MODELS)


def read_directory(
    signed: SignedClient,
    api_url: str,
    run: Run,
    privacy: Privacy | None,
    guard: DirectoryGuard,
    known: Known,
    listed: Listed,
) -> Iterator[Batch | None]:
    """Yield the batches of every list, and None while the next one is being fetched, so that dlt reads the events."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="anaplan-directory")
    try:
        lists = [thread.submit(fetch_list, signed, api_url, table.name) for table in DIRECTORY]
        for table, records in zip(DIRECTORY, lists, strict=True):
            while not records.done():
                yield None
            run.learn_clock()
            run.versions_at = run.versions_at or max(signed.client.now_ms(), known.newest_stamp + 1)
            begins_at = begin_versions_at(run.versions_at)
            for name, rows in _read_list(records, table, run, privacy, guard, listed):
                if rows is None or not is_stored(name, rows, known, begins_at):
                    yield name, rows
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def confirm_tenant(signed: SignedClient, api_url: str, known: Known) -> None:
    """Check the tenant of the account by its users, since the few events of a load name another tenant.

    Raises:
        ConfigurationError: The users belong to another tenant, or could not be read.
    """
    guard = TenantGuard("customerId", dict(dlt.current.resource_state(USERS.name)), known.customer_id)
    if guard.tenant is None:
        return
    users: list[Record] = []
    with suppress(AuditSourceError):
        users = fetch_list(signed, api_url, USERS.name)
    guard.check(user.get("customerId") for user in users)
    if not guard.is_known:
        raise ConfigurationError(
            "tenant of the account (`tenantId`)",
            f"all events name another tenant, but the database holds tenant {guard.tenant}, "
            "and the list of users could not be read",
            "Check the account, then run again. Nothing was written.",
        )


def _read_list(
    answer: "Future[list[Any]]",
    table: Table,
    run: Run,
    privacy: Privacy | None,
    guard: DirectoryGuard,
    listed: Listed,
) -> list[Batch]:
    """Return the versions of one list. A list that is incomplete, or shrank too much, leaves its table unchanged."""
    state = dlt.current.resource_state(table.name)
    records = _fetched_records(answer, table, run, privacy, guard)
    records = _trusted_records(records, table, run, guard, state)
    new_columns = NewColumns()
    batches: list[Batch] = [(table.name, versions(table, records, new_columns))]
    listed.note(table, batches[0][1], guard.is_unsure)
    run.drift |= new_drift(found_in(new_columns, f"{table.name}."), state)
    if table is USERS:
        batches.append((USER_LOGINS.name, logins(records)))
    # An empty list would retire every record. The empty table is created once.
    return [(name, rows) for name, rows in batches if rows is not None or name not in created_tables()]


def _fetched_records(
    answer: "Future[list[Any]]", table: Table, run: Run, privacy: Privacy | None, guard: DirectoryGuard
) -> list[Record]:
    """Return the masked records of a list; an empty list if it could not be read."""
    try:
        records: list[Record] = answer.result()
    except AuditSourceError as error:
        # Events expire at Anaplan, lists do not: a failed list must not keep the events from being loaded.
        run.leave_out(error)
        guard.users_failed = guard.users_failed or table is USERS
        return []
    run.directory[table.name] = len(records)
    return records if privacy is None else [privacy.record(table.name, record) for record in records]


def _trusted_records(records: list[Record], table: Table, run: Run, guard: DirectoryGuard, state: Any) -> list[Record]:
    """Return the records if they belong to the known tenant and did not shrink too much, else an empty list.

    Raises:
        ConfigurationError: The users belong to another tenant.
    """
    if table is USERS:
        guard.check_tenant(records, state)
    elif guard.is_unsure:
        # Workspaces and models name no tenant. Those of another tenant would retire every record.
        if records and not guard.users_failed:
            run.notice(f"`{table.name}` stays as it was: the list of users did not confirm the tenant.")
        return []
    if table.name not in run.directory:
        return []
    return records if guard.accepts(table.name, records, state, run) else []
