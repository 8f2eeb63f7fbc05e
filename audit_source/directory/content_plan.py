"""Decides which models' contents a run reads. Pure: from what is listed, and what was read before."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..events.spans import DAY_MS

READ, FORBIDDEN, ARCHIVED, FAILED = "read", "forbidden", "archived", "failed"
# A refused model is requested again after this time, or once it has been saved again.
RETRY_MS = {FORBIDDEN: 7 * DAY_MS, ARCHIVED: 7 * DAY_MS, FAILED: DAY_MS}


class ListedModel(NamedTuple):
    """A model as the directory lists it. `serial` is `lastSavedSerialNumber`, `last_modified` is epoch ms."""

    model_id: str
    workspace_id: str | None
    serial: int | None
    last_modified: int | None
    is_archived: bool

    @property
    def key(self) -> str:
        """The id in one spelling: events and lists differ in case."""
        return self.model_id.lower()


class ContentRead(NamedTuple):
    """What was read of a model, and at which state of the model. `read_at` is epoch ms."""

    serial: int | None
    last_modified: int | None
    read_at: int
    status: str
    action_count: int | None = None
    process_count: int | None = None
    steps_read: int | None = None

    @property
    def lacks_steps(self) -> bool:
        """Whether the steps of some processes are still to be read."""
        return self.status == READ and (self.steps_read or 0) < (self.process_count or 0)


class Task(NamedTuple):
    """A model to read. With `continued`, only the steps of the processes that an earlier run did not reach."""

    model: ListedModel
    continued: ContentRead | None = None


def plan(
    models: Iterable[ListedModel], reads: Mapping[str, ContentRead], usage: Mapping[str, int], now: int
) -> list[Task]:
    """Return the models that are due, the most urgent ones first.

    Models that were never read come first, the most used and newest changed ones before others. Then come the changed
    ones, in the order in which they were read, so that a model that changes every hour does not keep others waiting.

    Args:
        reads (Mapping): What was read, by `ListedModel.key`.
        usage (Mapping): Number of recent events, by `ListedModel.key`.
        now (int): Epoch ms.
    """
    new: list[Task] = []
    again: list[tuple[int, Task]] = []
    for model in models:
        read = reads.get(model.key)
        if model.is_archived:
            continue
        if read is None:
            new.append(Task(model))
        elif _has_changed(model, read) or _is_retried(read, now):
            again.append((read.read_at, Task(model)))
        elif read.lacks_steps:
            again.append((read.read_at, Task(model, read)))
    new.sort(key=lambda task: (-usage.get(task.model.key, 0), -(task.model.last_modified or 0), task.model.key))
    again.sort(key=lambda due: (due[0], due[1].model.key))
    return [*new, *(task for _, task in again)]


def newly_archived(models: Iterable[ListedModel], reads: Mapping[str, ContentRead]) -> list[ListedModel]:
    """Return the archived models that are not yet known as such. Anaplan refuses to list what they hold."""
    return [model for model in models if model.is_archived and not _is_known_as_archived(reads.get(model.key))]


def _is_known_as_archived(read: ContentRead | None) -> bool:
    return read is not None and read.status == ARCHIVED


def _has_changed(model: ListedModel, read: ContentRead) -> bool:
    # A model that is no longer archived can be read at once.
    return read.status == ARCHIVED or (model.serial, model.last_modified) != (read.serial, read.last_modified)


def _is_retried(read: ContentRead, now: int) -> bool:
    return read.status in RETRY_MS and now - read.read_at >= RETRY_MS[read.status]
