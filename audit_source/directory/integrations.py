"""CloudWorks: integrations, their runs and flows. It accepts `AnaplanAuthToken` only."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from ..errors import AuditSourceError, BadAnswerError, RoleError, UnreachableError
from ..field_types import as_text, from_iso
from ..known import KnownDetails
from ..privacy.masking import Mask
from ..records import NewColumns, Record, Rows, object_in, rows_of, table_of
from ..signed_client import SignedClient
from .paged_lists import Budget, all_records, records_by_id
from .row_versions import with_versions
from .tables import INTEGRATION_FLOWS, INTEGRATION_RUNS, INTEGRATIONS

IDENTITY = (
    "integration_id", "name", "integration_type", "model_id", "workspace_id", "process_id", "created_by",
)  # fmt: skip
# Answers to an account without the role Restricted Integration User.
WITHOUT_ROLE = 452
# Answer of a host below which CloudWorks is not.
NOT_HERE = 404


class CloudWorksRoleError(RoleError):
    """The account lacks the role for CloudWorks."""


class IntegrationList(NamedTuple):
    """The integrations, each with its latest run, the address that answered, and the number of pages."""

    records: list[Record]
    url: str
    pages: int = 1


def fetch_integrations(client: SignedClient, urls: list[str]) -> IntegrationList:
    """Return the integrations from the first address that has CloudWorks.

    Raises:
        CloudWorksRoleError: The account lacks the role.
        AuditSourceError: No address answers.
    """
    failures: list[AuditSourceError] = []
    for url in urls:
        try:
            found = records_by_id(client, f"{url}/integrations", ("integrations",), Budget(), "integrationId")
            # One that is sent in two spellings would be stored twice: the first one counts.
            records = {_integration_id(one): one for one in reversed(found.records.values())}
            return IntegrationList(list(records.values()), url, found.pages)
        except AuditSourceError as error:
            if isinstance(error, RoleError) or error.status_code == WITHOUT_ROLE:
                raise CloudWorksRoleError(
                    error.operation,
                    "the account lacks the role Restricted Integration User",
                    "Give it the role and a workspace, or set `cloudworks = false`.",
                ) from None
            if not (isinstance(error, UnreachableError) or error.status_code == NOT_HERE):
                raise
            failures.append(error)
    # An address without CloudWorks does not explain why the other one failed.
    raise next((error for error in failures if error.status_code != NOT_HERE), failures[0])


def confirm(client: SignedClient, listed: IntegrationList) -> None:
    """Read a list of several pages again: offset pagination skips an integration if another is deleted mid-read.

    Raises:
        BadAnswerError: The second reading has other integrations.
        AuditSourceError: No answer.
    """
    if listed.pages > 1:
        again = fetch_integrations(client, [listed.url])
        if {_integration_id(one) for one in again.records} != {_integration_id(one) for one in listed.records}:
            reason = f"{len(listed.records)} integrations, and other ones when read again"
            raise BadAnswerError(f"GET {listed.url}/integrations", reason, "What was known stays. Run again.")


def integration_rows(records: list[Record], mask: Mask, new_columns: NewColumns) -> pa.Table:
    """Return the SCD2 rows of the integrations, without their runs."""
    rows = rows_of(INTEGRATIONS, [mask(INTEGRATIONS.name, _integration(one)) for one in records], new_columns)
    rows.columns["integration_id"] = [_integration_id(one) for one in records]
    return with_versions(INTEGRATIONS, rows, IDENTITY)


def fetch_runs(
    client: SignedClient, integrations: IntegrationList, known: KnownDetails, purged_before: int
) -> Iterator[list[Record]]:
    """Yield the runs of each integration whose latest run is not known.

    If the runs of an integration cannot be listed, its latest run alone is used. Runs that started before
    `purged_before` (epoch ms) are left out.
    """
    for one in integrations.records:
        latest, key = one.get("latestRun"), _integration_id(one)
        newest = known.newest_runs.get(key, (0, 0))
        if not isinstance(latest, dict) or not _is_newer(latest, newest):
            continue
        if any(run_id.startswith(f"{key}/") for run_id in known.runs_without_id):
            # Once, the runs could not be listed: older ones may be missing.
            newest = (0, 0)
        url = f"{integrations.url}/integrations/runs/{one['integrationId']}"
        try:
            listed = all_records(client, url, ("history_of_runs", "runs"), Budget())
        except BadAnswerError:
            listed = []
        yield [
            {**run, "integrationId": key}
            for run in _merged(listed, latest)
            if _is_newer(run, newest) and (_ms(run.get("startDate")) or purged_before) >= purged_before
        ]


def run_rows(runs: list[Record], mask: Mask, known: KnownDetails) -> pa.Table | None:
    """Return the rows of runs, each run once. None without runs."""
    by_id: dict[str, Record] = {}
    for run in runs:
        by_id[_run_id(run, known)] = run
    if not by_id:
        return None
    fields = [column.field for column in INTEGRATION_RUNS.columns if column.field]
    records = [{name: run.get(name) for name in fields} for run in by_id.values()]
    for record in records:
        record["executionErrorCode"] = as_text(record["executionErrorCode"])
    rows = rows_of(INTEGRATION_RUNS, [mask(INTEGRATION_RUNS.name, record) for record in records], NewColumns())
    rows.columns["run_id"] = list(by_id)
    rows.columns["integration_id"] = [run["integrationId"] for run in by_id.values()]
    return table_of(INTEGRATION_RUNS, rows)


def fetch_flows(client: SignedClient, url: str) -> list[Record]:
    """Return the flows.

    Raises:
        AuditSourceError: Anaplan did not answer, or refused.
    """
    return list(records_by_id(client, f"{url}/integrationflows", ("integrationFlows",), Budget()).records.values())


def flow_rows(flows: list[Record], mask: Mask, new_columns: NewColumns) -> pa.Table:
    """Return the rows of flows."""
    rows: Rows = rows_of(INTEGRATION_FLOWS, [mask(INTEGRATION_FLOWS.name, flow) for flow in flows], new_columns)
    return table_of(INTEGRATION_FLOWS, rows)


def _integration(record: Record) -> Record:
    parts = object_in(record, "schedule")
    kept = {name: value for name, value in record.items() if name != "latestRun"}
    return {**kept, "schedule.status": parts.get("status"), "schedule.type": parts.get("type")}


def _integration_id(record: Record) -> str:
    return str(record["integrationId"]).lower()


def _is_newer(run: Record, newest: tuple[int, int]) -> bool:
    """Return whether a run started or ended after all that is known. Runs overlap: a long one ends after later ones."""
    start, end = _ms(run.get("startDate")), _ms(run.get("endDate"))
    return end is None or end > newest[1] or (start or 0) > newest[0]


def _merged(listed: list[Record], latest: Record) -> list[Record]:
    """Return the listed runs, and the latest one if the list does not have it."""
    starts = {_ms(run.get("startDate")) for run in listed}
    return listed if _ms(latest.get("startDate")) in starts else [*listed, latest]


def _run_id(run: Record, known: KnownDetails) -> str:
    """Return the id of a run. A run that was stored under its start, since it came without an id, keeps that id."""
    by_start = f"{run['integrationId']}/{_ms(run.get('startDate'))}"
    return by_start if by_start in known.runs_without_id or not run.get("id") else str(run["id"])


def _ms(value: Any) -> int | None:
    return from_iso(value) if isinstance(value, str) else value if isinstance(value, int) else None
