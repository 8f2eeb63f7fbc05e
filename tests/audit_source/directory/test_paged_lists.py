"""Lists of models and CloudWorks are complete, whichever of the total and the next page the service names."""

import json
from typing import Any

import pytest

from audit_source.directory.paged_lists import MOST_PAGES, Budget, all_records
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
