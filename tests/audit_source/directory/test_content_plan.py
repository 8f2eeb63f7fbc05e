"""Which models are read: new ones by use and change, changed ones in turn, refused ones rarely."""

from typing import Any

import pytest

from audit_source.directory.content_plan import ContentRead, ListedModel, Task, newly_archived, plan

DAY = 86_400_000
NOW = 1_700_000_000_000


def model(name: str, serial: int | None = 1, modified: int | None = 1, is_archived: bool = False) -> ListedModel:
    return ListedModel(name, "w", serial, modified, is_archived)


def read(status: str = "read", serial: int = 1, modified: int = 1, days_ago: float = 1, **counts: Any) -> ContentRead:
    return ContentRead(serial, modified, NOW - int(days_ago * DAY), status, **counts)


def due(models: list[ListedModel], reads: dict[str, ContentRead], usage: dict[str, int] | None = None) -> list[str]:
    return [task.model.model_id for task in plan(models, reads, usage or {}, NOW)]


def test_new_models_come_by_use_then_by_change_and_changed_ones_in_the_order_they_were_read() -> None:
    models = [model("OLD"), model("NEW", modified=9), model("USED"), model("B", serial=2), model("A", modified=5)]
    reads = {"a": read(days_ago=1), "b": read(days_ago=3)}
    assert due(models, reads, {"used": 5}) == ["USED", "NEW", "OLD", "B", "A"]


def test_model_that_did_not_change_is_not_read_again() -> None:
    assert due([model("A")], {"a": read(days_ago=400)}) == []
    assert due([model("A", None, None)], {"a": ContentRead(None, None, NOW, "read")}) == []


@pytest.mark.parametrize(("status", "days"), [("forbidden", 7), ("failed", 1)])
def test_refused_model_is_requested_again_rarely_or_when_it_was_saved(status: str, days: int) -> None:
    assert due([model("A")], {"a": read(status, days_ago=days - 0.1)}) == []
    assert due([model("A")], {"a": read(status, days_ago=days)}) == ["A"]
    assert due([model("A", serial=2)], {"a": read(status, days_ago=0)}) == ["A"]


def test_archived_model_is_never_requested_and_is_read_once_it_is_back() -> None:
    shelved = model("A", is_archived=True)
    assert due([shelved], {}) == [] and due([shelved], {"a": read(serial=9)}) == []
    assert newly_archived([shelved], {}) == [shelved] == newly_archived([shelved], {"a": read()})
    assert newly_archived([shelved], {"a": read("archived")}) == []
    assert due([model("A")], {"a": read("archived", days_ago=0)}) == ["A"]


def test_steps_that_a_run_did_not_reach_are_read_without_the_lists() -> None:
    known = read(process_count=5, steps_read=2)
    assert plan([model("A")], {"a": known}, {}, NOW) == [Task(model("A"), known)]
    assert plan([model("A", serial=2)], {"a": known}, {}, NOW) == [Task(model("A", serial=2))]
    assert plan([model("A")], {"a": read(process_count=5, steps_read=5)}, {}, NOW) == []
