"""Users, workspaces and models: whole lists, verified before they are applied.

dlt retires every record that a list does not hold any more, so a list that arrived short would retire people
who are still there. Such a list is fetched again, and at last left out.
"""

import hashlib
from typing import Any

import pyarrow as pa
from dlt.common import logger

from ..client import SignedClient
from ..errors import BadAnswerError
from ..records import NewColumns, decode_lenient, rows_of, table_of
from ..schema import MODELS, USER_LOGINS, USERS, WORKSPACES, Table

PAGE_SIZE = 5_000
MOST_ATTEMPTS = 4

# What makes a new version of a record. A sign-in date or a size changes daily and says nothing about who or what it is.
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

Record = dict[str, Any]


def fetch_list(client: SignedClient, api_url: str, name: str) -> list[Record]:
    """Returns every record of `users`, `workspaces` or `models`, each id once.

    Raises:
        BadAnswerError: The list did not have as many records as it says (`totalSize`), however often it was fetched.
        AuditSourceError: Anaplan did not answer, or refused.
    """
    url = f"{api_url}/2/0/{name}"
    last: set[str] | None = None
    for attempt in range(1, MOST_ATTEMPTS + 1):
        by_id, totals, pages = _fetch_once(client, url, name)
        whole = not totals or totals[0] == totals[-1] == len(by_id)
        # Between two pages somebody may leave and somebody else come: the count is right, yet whoever moved up is
        # missing. So a list of several pages counts when it came twice the same.
        if whole and (pages == 1 or last == by_id.keys()):
            return list(by_id.values())
        last = set(by_id) if whole else None
        logger.info(f"List of {name}, attempt {attempt}: {len(by_id)} arrived on {pages} pages, reported {totals}.")
    reported = f"{totals[-1]} reported" if totals and not whole else "never the same ones twice"
    raise BadAnswerError(
        f"GET {url}", f"{len(by_id)} {name}, but {reported}", "The list was left as it was; run again."
    )


def count_list(client: SignedClient, api_url: str, name: str) -> int | None:
    """Returns how many records Anaplan says a list has; None where it does not say, though there are some.

    Raises:
        AuditSourceError: Anaplan did not answer, or refused.
    """
    page, total = _page(client, f"{api_url}/2/0/{name}", name, {**_PARAMS[name], "limit": 1, "offset": 0})
    return total if total is not None or page else 0


def versions(table: Table, records: list[Record], new_columns: NewColumns) -> pa.Table | None:
    """Returns the SCD2 rows of a list, with the hash that tells one version from the next; None for an empty list."""
    if not records:
        return None
    # A sign-in date is kept in a table of its own, where it makes no versions.
    elsewhere = {column.field for column in USER_LOGINS.columns} - {"id"} if table is USERS else set()
    rows = rows_of(
        table, [{key: record[key] for key in record if key not in elsewhere} for record in records], new_columns
    )
    identity = zip(*(rows.columns[name] for name in IDENTITY[table.name]), strict=False)
    rows.columns["row_version"] = [hashlib.sha256(repr(values).encode()).hexdigest()[:32] for values in identity]
    return table_of(table, rows)


def logins(records: list[Record]) -> pa.Table | None:
    """Returns the last sign-in of each user; None for an empty list."""
    return table_of(USER_LOGINS, rows_of(USER_LOGINS, records, NewColumns())._replace(extra={})) if records else None


def _fetch_once(client: SignedClient, url: str, name: str) -> tuple[dict[str, Record], list[int], int]:
    """Returns the records by id, the totals that the pages told, and the number of pages with records."""
    by_id: dict[str, Record] = {}
    totals: list[int] = []
    arrived = pages = 0
    while True:
        page, total = _page(client, url, name, {**_PARAMS[name], "limit": PAGE_SIZE, "offset": arrived})
        fresh = {str(record["id"]): record for record in page if isinstance(record, dict) and record.get("id")}
        brings_more = not fresh.keys() <= by_id.keys()
        by_id.update(fresh)
        arrived += len(page)
        pages += brings_more or not pages
        if total is not None:
            totals.append(total)
        # Without a total the list may have been cut to any size: it ends where a page brings nothing new.
        if not brings_more or (total is not None and arrived >= total):
            return by_id, totals, pages


def _page(client: SignedClient, url: str, name: str, params: dict[str, Any]) -> tuple[list[Any], int | None]:
    """Returns one page and `totalSize`. The key of the list is absent when there is nothing."""
    asked = f"GET {url}"
    answer = decode_lenient(client.get(url, params).content, asked)
    page = answer.get(name, []) if isinstance(answer, dict) else None
    if page is None or not isinstance(page, list) or not ("meta" in answer or name in answer):
        raise BadAnswerError(asked, f"JSON that is no list of {name}", "Check `api_url`; if it stays, report it.")
    meta = answer.get("meta")
    paging = meta.get("paging") if isinstance(meta, dict) else None
    total = paging.get("totalSize") if isinstance(paging, dict) else None
    return page, total if isinstance(total, int) else None
