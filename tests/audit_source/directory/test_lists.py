"""A list that is truncated or changes during pagination is fetched until it is complete, or not applied."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_source.directory import lists as directory
from audit_source.directory.lists import fetch_list
from audit_source.errors import BadAnswerError
from tests.support.memory import Answer, FakeClient

PEOPLE = [{"id": f"u{number:03}", "email": f"{number:03}@example.com"} for number in range(25)]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "PAGE_SIZE", 10)


def listing(
    users_at: Callable[[int], list[dict[str, Any]]], reported: Callable[[int], int | None] = len, cap: int = 10
) -> FakeClient:
    """Return a client whose answers change by request: the users of the list at that time, and the reported total."""

    def answer(params: dict[str, Any]) -> Answer:
        users = users_at(len(client.requests))
        shown = users[params["offset"] :][: min(params["limit"], cap)]
        total = reported(users)  # type: ignore[arg-type]
        meta = {"meta": {"paging": {"totalSize": total}}} if total is not None else {}
        return Answer(json.dumps({**meta, **({"users": shown} if shown or not meta else {})}).encode())

    client = FakeClient(answer)
    return client


def names(client: Any) -> set[str]:
    return {record["id"] for record in fetch_list(client, "", "users")}


ALL = {person["id"] for person in PEOPLE}


def test_simultaneous_join_and_leave_hides_no_user() -> None:
    """The total and the number that arrives stay the same: without a second read, u010 would be retired."""
    later = [*PEOPLE[1:], {"id": "u999", "email": "999@example.com"}]
    client = listing(lambda number: PEOPLE if number == 1 else later)
    assert names(client) == (ALL - {"u000"}) | {"u999"}


@pytest.mark.parametrize("changes_at", [2, 3])
def test_list_that_changes_during_pagination_is_fetched_again(changes_at: int) -> None:
    shrinking = listing(lambda number: PEOPLE if number < changes_at else PEOPLE[1:])
    assert names(shrinking) == ALL - {"u000"}
    growing = listing(lambda number: PEOPLE[1:] if number < changes_at else PEOPLE)
    assert names(growing) == ALL


def test_list_without_two_identical_reads_is_not_applied() -> None:
    client = listing(lambda number: [*PEOPLE[number % 7 + 1 :], *PEOPLE[: number % 7]])
    with pytest.raises(BadAnswerError, match="The list was left as it was"):
        names(client)
    assert len(client.requests) <= 12


@pytest.mark.parametrize("total", [26, 24, 10**9])
def test_list_with_a_wrong_total_is_not_applied(total: int) -> None:
    client = listing(lambda number: PEOPLE, lambda _: total)
    with pytest.raises(BadAnswerError, match=f"{total} reported"):
        names(client)
    assert len(client.requests) <= 16


@pytest.mark.parametrize("cap", [1, 4, 10])
def test_list_without_a_total_ends_at_a_page_without_new_records(cap: int) -> None:
    """The service may truncate pages, so a short page is not necessarily the last one."""
    client = listing(lambda number: PEOPLE, lambda _: None, cap)
    assert names(client) == ALL


def test_service_that_ignores_offset_ends_pagination() -> None:
    client = FakeClient(lambda params: Answer(json.dumps({"users": PEOPLE[:10]}).encode()))
    assert names(client) == {person["id"] for person in PEOPLE[:10]}
    assert len(client.requests) == 2


def test_one_page_list_is_requested_once() -> None:
    client = listing(lambda number: PEOPLE[:5])
    assert names(client) == {person["id"] for person in PEOPLE[:5]}
    assert len(client.requests) == 1


def test_empty_list_without_its_key_is_valid() -> None:
    client = listing(lambda number: [])
    assert names(client) == set()
