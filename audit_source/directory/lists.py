"""Users, workspaces and models: whole lists, verified before they are applied.

dlt retires every record that is missing from a list, so a truncated list would retire active users. Such a list is
fetched again, and finally left out.
"""

from typing import Any, NamedTuple

import pyarrow as pa
from dlt.common import logger

from ..errors import BadAnswerError
from ..records import NewColumns, Record, by_id, decode_lenient, object_in, rows_of, table_of
from ..schema import MODELS, USER_LOGINS, USERS, WORKSPACES, Table
from ..signed_client import SignedClient
from .row_versions import with_versions

PAGE_SIZE = 5_000
LIST_ATTEMPTS = 4

# Columns whose change makes a new version. A sign-in date or a size changes daily and does not identify a record.
IDENTITY: dict[str, list[str]] = {
    USERS.name: ["id", "first_name", "last_name", "email", "active"],
    WORKSPACES.name: ["id", "name", "active", "size_allowance"],
    MODELS.name: ["id", "name", "active_state", "current_workspace_id", "current_workspace_name"],
}
_PARAMS: dict[str, dict[str, str]] = {
    # Without an order the pages of a list may overlap.
    USERS.name: {"sort": "+email"},
    WORKSPACES.name: {"tenantDetails": "true"},
    MODELS.name: {"modelDetails": "true"},
}


def fetch_list(client: SignedClient, api_url: str, name: str) -> list[Record]:
    """Return every record of `users`, `workspaces` or `models`, each id once.

    Raises:
        BadAnswerError: After every attempt, the number of records differed from `totalSize`.
        AuditSourceError: Anaplan did not answer, or refused.
    """
    url = f"{api_url}/2/0/{name}"
    last: set[str] | None = None
    for attempt in range(1, LIST_ATTEMPTS + 1):
        records, totals, pages = _fetch_once(client, url, name)
        whole = not totals or totals[0] == totals[-1] == len(records)
        # Offset pagination can skip a record when another is deleted mid-read, and a new one then hides it from the
        # count. So a list of several pages needs two identical reads.
        if whole and (pages == 1 or last == records.keys()):
            return list(records.values())
        last = set(records) if whole else None
        logger.info(
            f"List of {name}, attempt {attempt}: {len(records)} arrived on {pages} pages, {totals} were reported."
        )
    reported = f"{totals[-1]} reported" if totals and not whole else "never the same ones twice"
    raise BadAnswerError(
        f"GET {url}", f"{len(records)} {name}, but {reported}", "The list was left as it was. Run again."
    )


def count_list(client: SignedClient, api_url: str, name: str) -> int | None:
    """Return how many records Anaplan reports for a list, or None if it reports no total for existing records.

    Raises:
        AuditSourceError: Anaplan did not answer, or refused.
    """
    page, total = _page(client, f"{api_url}/2/0/{name}", name, {**_PARAMS[name], "limit": 1, "offset": 0})
    return total if total is not None or page else 0


def versions(table: Table, records: list[Record], new_columns: NewColumns) -> pa.Table | None:
    """Return the SCD2 rows of a list, with the hash that identifies a version. None for an empty list."""
    if not records:
        return None
    # Sign-in dates have their own table, where they make no versions.
    elsewhere = {column.field for column in USER_LOGINS.columns} - {"id"} if table is USERS else set()
    rows = rows_of(
        table, [{key: record[key] for key in record if key not in elsewhere} for record in records], new_columns
    )
    return with_versions(table, rows, IDENTITY[table.name])


def logins(records: list[Record]) -> pa.Table | None:
    """Return the last sign-in of each user. None for an empty list."""
    return table_of(USER_LOGINS, rows_of(USER_LOGINS, records, NewColumns())._replace(extra={})) if records else None


class _Reading(NamedTuple):
    """A list as it was read once: records by id, `totalSize` of each page, number of pages with new records."""

    records: dict[str, Record]
    totals: list[int]
    pages: int


def _fetch_once(client: SignedClient, url: str, name: str) -> _Reading:
    """Read a list once. `all_records` reports neither totals nor pages, which comparing two reads needs."""
    records: dict[str, Record] = {}
    totals: list[int] = []
    arrived = pages = 0
    while True:
        page, total = _page(client, url, name, {**_PARAMS[name], "limit": PAGE_SIZE, "offset": arrived})
        fresh = by_id(page)
        brings_more = not fresh.keys() <= records.keys()
        records.update(fresh)
        arrived += len(page)
        pages += brings_more or not pages
        if total is not None:
            totals.append(total)
        # Without a total, pages may have any size: the list ends at a page without new records.
        if not brings_more or (total is not None and arrived >= total):
            return _Reading(records, totals, pages)


def _page(client: SignedClient, url: str, name: str, params: dict[str, Any]) -> tuple[list[Any], int | None]:
    """Return one page and its `totalSize`. The key of the list is absent if the list is empty."""
    operation = f"GET {url}"
    answer = decode_lenient(client.get(url, params).content, operation)
    page = answer.get(name, []) if isinstance(answer, dict) else None
    if page is None or not isinstance(page, list) or not ("meta" in answer or name in answer):
        raise BadAnswerError(
            operation, f"JSON that is not a list of {name}", "Check `api_url`. If it stays, report it."
        )
    total = object_in(object_in(answer, "meta"), "paging").get("totalSize")
    return page, total if isinstance(total, int) else None
