"""Lists of models and CloudWorks are complete, whichever of the total and the next page the service names."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_source.directory.paged_lists import MOST_PAGES, Budget, all_records, records_by_id
from audit_source.errors import BadAnswerError
from tests.support.memory import Answer, FakeClient

THINGS = [{"id": str(number)} for number in range(25)]
CAP = 10


def serving(words: str, ignores_offset: bool = False) -> FakeClient:
    """Return a service that cuts its pages to 10 records. `words` says what it tells of them."""

    def answer(params: dict[str, Any]) -> Answer:
        start = 0 if ignores_offset else params["offset"]
        page = THINGS[start : start + CAP]
        paging: dict[str, Any] = {"offset": start} if words else {}
        if "total" in words:
            paging["totalSize"] = len(THINGS)
        if "next" in words and start + CAP < len(THINGS):
            paging["next"] = "https://api.example.com/next"
        meta = {"meta": {"paging": paging}} if paging else {}
        return Answer(json.dumps({**meta, **({"things": page} if page else {})}).encode())

    return FakeClient(answer)


def read(client: Any) -> list[dict[str, Any]]:
    return all_records(client, "https://api.example.com/things", ("things",), Budget())


@pytest.mark.parametrize(("words", "requests"), [("total", 3), ("next", 3), ("total and next", 3), ("", 4)])
def test_list_is_read_to_its_end(words: str, requests: int) -> None:
    client = serving(words)
    assert read(client) == THINGS
    assert len(client.requests) == requests


@pytest.mark.parametrize("words", ["next", ""])
def test_service_that_ignores_offset_ends_pagination(words: str) -> None:
    client = serving(words, ignores_offset=True)
    assert read(client) == THINGS[:CAP]
    assert len(client.requests) == 2 < MOST_PAGES


def test_list_with_another_number_than_reported_is_refused() -> None:
    with pytest.raises(BadAnswerError, match="30 records, but 25 reported"):
        read(serving("total", ignores_offset=True))


class Moving:
    """A service whose list changes after its first page was read, for some readings."""

    def __init__(self, change: Callable[[list[dict[str, Any]]], None], readings: int) -> None:
        self.things, self._change, self._left = list(THINGS), change, readings

    def answer(self, params: dict[str, Any]) -> Answer:
        page = self.things[params["offset"] : params["offset"] + CAP]
        body = {"meta": {"paging": {"totalSize": len(self.things)}}, "things": page}
        if params["offset"] == 0 and self._left:
            self._left -= 1
            self._change(self.things)
        return Answer(json.dumps(body).encode())


def read_ids(client: Any) -> set[str]:
    return set(records_by_id(client, "https://api.example.com/things", ("things",), Budget()).records)


def test_record_that_is_added_while_pages_are_read_hides_none() -> None:
    moving = Moving(lambda things: things.insert(0, {"id": "new"}), readings=1)
    assert read_ids(FakeClient(moving.answer)) == {one["id"] for one in moving.things}
    assert len(moving.things) == len(THINGS) + 1


def test_list_that_never_stands_still_is_refused() -> None:
    moving = Moving(lambda things: things.insert(0, {"id": f"new {len(things)}"}), readings=100)
    with pytest.raises(BadAnswerError, match="repeated records, and other ones each time"):
        read_ids(FakeClient(moving.answer))


def test_record_that_is_always_sent_twice_is_read_once() -> None:
    doubled = [*THINGS, THINGS[3]]
    client = FakeClient(lambda params: Answer(json.dumps({"things": doubled[params["offset"] :]}).encode()))
    assert read_ids(client) == {one["id"] for one in THINGS}


@pytest.mark.parametrize("content", [b"", b"{}", b'{"message": "OK"}'])
def test_answer_that_does_not_mention_the_list_is_not_an_empty_list(content: bytes) -> None:
    with pytest.raises(BadAnswerError, match="JSON without a list `things`"):
        read(FakeClient(lambda _: Answer(content)))


def test_list_is_empty_if_its_key_is_absent() -> None:
    assert read(FakeClient(lambda _: Answer(b'{"meta": {"paging": {"totalSize": 0}}}'))) == []
