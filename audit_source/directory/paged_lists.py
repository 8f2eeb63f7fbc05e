"""Lists in pages, as the Integration API and CloudWorks return them, within a budget of requests.

`lists.py` reads the lists of the directory itself, since they need two equal reads. `entitlements.py` reads SCIM, which
counts pages from 1 and reports `totalResults`.
"""

import threading
from typing import Any, NamedTuple

from ..errors import AuditSourceError, BadAnswerError
from ..records import Record, decode_lenient, object_in
from ..signed_client import SignedClient

PAGE_SIZE = 5_000
# No list of these services has more pages. A service that always names a next page must not be followed forever.
MOST_PAGES = 1_000
# Readings of a list with repeated ids, to find the same ids twice.
MOST_READINGS = 4


class BudgetSpentError(AuditSourceError):
    """The run has sent as many of these requests as it may."""


class Budget:
    """The number of requests that may still be sent, for all threads.

    Args:
        requests (int): Most requests. None sets no limit.
    """

    def __init__(self, requests: int | None = None) -> None:
        self._left, self._lock = requests, threading.Lock()

    def allows(self, requests: int) -> bool:
        """Return whether this number of requests may still be sent."""
        return self._left is None or self._left >= requests

    def take(self) -> None:
        """Count a request that is about to be sent.

        Raises:
            BudgetSpentError: None may be sent any more.
        """
        with self._lock:
            if not self.allows(1):
                raise BudgetSpentError("reading", "the requests of this run are used up", "The next run continues.")
            if self._left is not None:
                self._left -= 1


def get_json(client: SignedClient, url: str, params: dict[str, Any], budget: Budget) -> Record:
    """Return the JSON object that Anaplan answers.

    Raises:
        BudgetSpentError: No request may be sent.
        BadAnswerError: The answer is not a JSON object.
        AuditSourceError: Anaplan did not answer, or refused.
    """
    budget.take()
    operation = f"GET {url}"
    answer = decode_lenient(client.get(url, params).content or b"{}", operation)
    if not isinstance(answer, dict):
        raise BadAnswerError(operation, "JSON that is not an object", "Run again. If it stays, report it.")
    return answer


class RecordsById(NamedTuple):
    """The records of a list by id, and the number of pages they came on."""

    records: dict[str, Record]
    pages: int


def records_by_id(
    client: SignedClient, url: str, path: tuple[str, ...], budget: Budget, key: str = "id"
) -> RecordsById:
    """Return every record of a list that has an id, each id once.

    A record that is added while pages are read moves another one to the next page: it comes twice, and one is missing.
    So a list with repeated ids is read until it has the same ids twice.

    Args:
        path (Tuple[str, ...]): Keys that lead to the list in the answer.
        key (str): Field of the id.

    Raises:
        BadAnswerError: As of `all_records`, or the ids differed each time.
        AuditSourceError: As of `get_json`.
    """
    last: set[str] | None = None
    for _ in range(MOST_READINGS):
        records, pages = _read(client, url, path, budget)
        found = {str(one[key]): one for one in records if one.get(key)}
        if len(found) == sum(1 for one in records if one.get(key)) or last == found.keys():
            return RecordsById(found, pages)
        last = set(found)
    raise BadAnswerError(f"GET {url}", "repeated records, and other ones each time", "What was known stays. Run again.")


def all_records(client: SignedClient, url: str, path: tuple[str, ...], budget: Budget) -> list[Record]:
    """Return every record of a list. The key of the list is absent if the list is empty.

    Args:
        path (Tuple[str, ...]): Keys that lead to the list in the answer.

    Raises:
        BadAnswerError: The list has another number of records than it reports, or is no list.
        AuditSourceError: As of `get_json`.
    """
    return _read(client, url, path, budget)[0]


def _read(client: SignedClient, url: str, path: tuple[str, ...], budget: Budget) -> tuple[list[Record], int]:
    """Return the records of a list, and the number of pages that brought some."""
    found: list[Any] = []
    pages, may_be_silent = 0, False
    last: list[Any] | None = None
    total: int | None = None
    for _ in range(MOST_PAGES):
        answer = get_json(client, url, {"limit": PAGE_SIZE, "offset": len(found)}, budget)
        # An answer without any word, such as one without content, is no empty list. It may follow such pages.
        is_silent = answer.keys().isdisjoint({path[0], "meta", "status"})
        page = None if is_silent and not may_be_silent else _page(answer, path)
        paging = object_in(object_in(answer, "meta"), "paging")
        reported = paging.get("totalSize")
        total = reported if isinstance(reported, int) else total
        if page is None:
            reason = f"JSON without a list `{path[-1]}`"
            raise BadAnswerError(f"GET {url}", reason, "Run again. If it stays, report it.")
        if total is None and page == last:
            # The service ignores `offset`.
            break
        found += page
        pages += bool(page)
        may_be_silent = total is None and not paging
        last = page
        if not page or not _goes_on(paging, total, len(found), len(page)):
            break
    if total is not None and len(found) != total:
        raise BadAnswerError(
            f"GET {url}", f"{len(found)} records, but {total} reported", "What was known stays. Run again."
        )
    return [record for record in found if isinstance(record, dict)], pages


def _goes_on(paging: Record, total: int | None, arrived: int, size: int) -> bool:
    """Return whether another page may follow. Without any word on pages, only a page with nothing new is the last."""
    if total is not None:
        return arrived < total
    return bool(paging.get("next")) or not paging or size >= PAGE_SIZE


def _page(answer: Record, path: tuple[str, ...]) -> list[Any] | None:
    inner: Any = answer
    for key in path:
        if not isinstance(inner, dict):
            return None
        inner = inner.get(key, [] if key == path[-1] else {})
    return [] if inner is None else inner if isinstance(inner, list) else None
