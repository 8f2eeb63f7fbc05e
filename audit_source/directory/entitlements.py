"""SCIM: which user may enter which workspace, and when each user was created."""

from typing import Any

import pyarrow as pa

from ..errors import BadAnswerError, RoleError
from ..privacy.masking import Mask
from ..records import NewColumns, Record, by_id, object_in, rows_of, table_of
from ..signed_client import SignedClient
from .paged_lists import Budget, get_json
from .row_versions import with_versions
from .tables import SCIM_USERS, USER_ENTITLEMENTS

# Anaplan refuses more.
PAGE_SIZE = 100
SCIM_ATTEMPTS = 4
IDENTITY = ("user_id", "workspace_id", "entitlement_type")


def fetch_scim_users(client: SignedClient, api_url: str) -> list[Record]:
    """Return every user of SCIM, each id once.

    A list of several pages, or with repeated ids, needs two equal reads: a user who is deleted between two pages hides
    another one.

    Raises:
        RoleError: The account lacks the role User Administrator.
        BadAnswerError: No attempt gave the reported number of users, or no two gave the same users.
        AuditSourceError: Anaplan did not answer, or refused.
    """
    url = f"{api_url}/scim/1/0/v2/Users"
    users: dict[str, Record] = {}
    arrived = reported = 0
    last: set[str] | None = None
    for _ in range(SCIM_ATTEMPTS):
        users, arrived, reported = _fetch_once(client, url)
        if arrived == reported and (len(users) == reported <= PAGE_SIZE or last == users.keys()):
            return list(users.values())
        last = set(users) if arrived == reported else None
    reason = f"{arrived} users, but {reported} reported" if arrived != reported else "never the same users twice"
    raise BadAnswerError(f"GET {url}", reason, "The stored users were kept. Run again.")


def count_scim_users(client: SignedClient, api_url: str) -> int | None:
    """Return how many users SCIM reports.

    Raises:
        AuditSourceError: Anaplan did not answer, or refused.
    """
    answer = _page(client, f"{api_url}/scim/1/0/v2/Users", 1, 1)
    total = answer.get("totalResults")
    return total if isinstance(total, int) else None


def entitlement_rows(users: list[Record], mask: Mask) -> pa.Table | None:
    """Return the SCD2 rows of the entitlements. None if no user has any."""
    found: dict[tuple[str, str, str], tuple[str, Record]] = {}
    for user in users:
        entitlements = user.get("entitlements")
        for one in entitlements if isinstance(entitlements, list) else ():
            if isinstance(one, dict) and one.get("value"):
                key = (str(user["id"]), str(one["value"]), str(one.get("type")))
                found[key] = (key[0], {name: one.get(name) for name in ("value", "display", "type")})
    if not found:
        return None
    records = [mask(USER_ENTITLEMENTS.name, record) for _, record in found.values()]
    rows = rows_of(USER_ENTITLEMENTS, records, NewColumns())
    rows.columns["user_id"] = [user_id for user_id, _ in found.values()]
    return with_versions(USER_ENTITLEMENTS, rows, IDENTITY)


def scim_user_rows(users: list[Record], mask: Mask) -> pa.Table:
    """Return the rows of the users."""
    records = [mask(SCIM_USERS.name, _scim_user(user)) for user in users]
    return table_of(SCIM_USERS, rows_of(SCIM_USERS, records, NewColumns()))


def _scim_user(user: Record) -> Record:
    parts = object_in(user, "meta")
    kept = {name: user.get(name) for name in ("id", "userName", "displayName", "active")}
    return {**kept, "meta.created": parts.get("created"), "meta.lastModified": parts.get("lastModified")}


def _fetch_once(client: SignedClient, url: str) -> tuple[dict[str, Record], int, int]:
    """Return the users by id, the number of records that arrived, and the reported one."""
    users: dict[str, Record] = {}
    arrived = reported = 0
    while True:
        answer = _page(client, url, arrived + 1, PAGE_SIZE)
        page: Any = answer.get("Resources") or []
        if not isinstance(page, list) or not isinstance(answer.get("totalResults"), int):
            raise BadAnswerError(f"GET {url}", "JSON that is not a list of users", "Run again. If it stays, report it.")
        reported = answer["totalResults"]
        users.update(by_id(page))
        arrived += len(page)
        if not page or arrived >= reported:
            return users, arrived, reported


def _page(client: SignedClient, url: str, start: int, count: int) -> Record:
    try:
        return get_json(client, url, {"startIndex": start, "count": count}, Budget())
    except RoleError as error:
        reason = "the account lacks the role User Administrator"
        raise RoleError(error.operation, reason, "Give it the role, if you need the entitlements.") from None
