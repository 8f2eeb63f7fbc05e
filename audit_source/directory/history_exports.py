"""The history exports of models: which models have one, running it, and the chunks of the file that it writes."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import islice
from time import monotonic
from typing import Any, NamedTuple

from ..answers import OCTETS
from ..errors import BadAnswerError, ExportError
from ..records import decode_lenient, object_in
from ..signed_client import SignedClient
from .paged_lists import Budget, all_records

EXPORT_TYPE = "AUDIT_LOG"
# Otherwise months and headers would be in the language of the account.
_LOCALE = {"localeName": "en_US"}
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 5.0
# Chunks in memory while one is parsed. A chunk has some 10 MB.
_AHEAD = 2


class HistoryExport(NamedTuple):
    """A model, and its export action that writes the history."""

    model_id: str
    model_name: str
    workspace_id: str
    serial_number: int | None
    export_id: str
    export_name: str


class HistoryExports:
    """The exports of a tenant, as one account sees them.

    Args:
        signed (SignedClient): Sends the requests.
        api_url (str): Address of the Integration API.
        wanted (str): Name of the export action to run; None selects by the type `AUDIT_LOG`.
        timeout (int): Longest time for one export, in seconds.
        is_stopped (Callable): Whether the run ends, and exports are no longer awaited.
    """

    def __init__(
        self,
        signed: SignedClient,
        api_url: str,
        wanted: str | None,
        timeout: int,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._signed, self._timeout, self._is_stopped = signed, timeout, is_stopped
        self._base = f"{api_url}/2/0"
        self._wanted = (wanted or EXPORT_TYPE).casefold()

    def of_model(self, model: dict[str, Any]) -> HistoryExport | None:
        """Return the history export of a model, or None if it has none. Of several, the first in order of id.

        Raises:
            AuditSourceError: Anaplan did not answer, or refused.
        """
        found = [
            one
            for one in all_records(self._signed, f"{self._base}/models/{model['id']}/exports", ("exports",), Budget())
            if self._wanted in {str(one.get(key)).casefold() for key in ("name", "exportType")}
        ]
        if not found:
            return None
        # An export of the right name that is no history is taken only if there is no other.
        first = min(found, key=lambda one: (one.get("exportType") != EXPORT_TYPE, str(one.get("id"))))
        return HistoryExport(
            str(model["id"]),
            str(model.get("name") or model["id"]),
            str(model.get("currentWorkspaceId") or ""),
            serial_of(model),
            str(first.get("id")),
            str(first.get("name") or ""),
        )

    def run(self, export: HistoryExport) -> None:
        """Run an export, and wait until its file is written.

        Raises:
            ExportError: It failed, was cancelled or takes too long.
            AuditSourceError: Anaplan did not answer, or refused.
        """
        tasks = f"{self._of(export)}/exports/{export.export_id}/tasks"
        operation = f"history export of model `{export.model_name}`"
        answer = decode_lenient(self._signed.post(tasks, _LOCALE).content, f"POST {tasks}")
        task_id = object_in(answer, "task").get("taskId")
        if not task_id:
            raise BadAnswerError(f"POST {tasks}", "no id of a task", "Run again. If it stays, report it.")
        waited, pause = 0.0, _FIRST_PAUSE
        while True:
            began = monotonic()
            task = object_in(
                decode_lenient(self._signed.get(f"{tasks}/{task_id}", {}).content, f"GET {tasks}/{task_id}"), "task"
            )
            if _has_ended(task, operation):
                return
            if waited >= self._timeout or self._is_stopped():
                raise ExportError(
                    operation,
                    f"it has not ended within {self._timeout} seconds",
                    "It runs again the next time. Raise `model_history_timeout` if this model needs longer.",
                    "slow",
                )
            self._signed.client.wait(pause)
            waited += max(pause, monotonic() - began)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def chunks(self, export: HistoryExport, threads: Executor) -> Iterator[bytes]:
        """Yield the chunks of a written file in order, while `threads` fetch the next ones."""
        url = f"{self._of(export)}/files/{export.export_id}/chunks"
        answer = decode_lenient(self._signed.get(url, {}).content, f"GET {url}")
        listed = answer.get("chunks", []) if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            raise BadAnswerError(f"GET {url}", "JSON that is not a list of chunks", "Run again.")
        ids = iter([str(chunk.get("id")) for chunk in listed if isinstance(chunk, dict)])

        def fetch(chunk: str) -> bytes:
            answer = self._signed.get(f"{url}/{chunk}", {}, {"Accept": OCTETS})
            if answer.status_code != 200:
                # Skipping the chunk would lose its rows silently.
                raise BadAnswerError(f"GET {url}/{chunk}", "no content", "Run again.")
            return answer.content

        waiting: deque[Future[bytes]] = deque(threads.submit(fetch, chunk) for chunk in islice(ids, _AHEAD))
        try:
            while waiting:
                body = waiting.popleft().result()
                waiting.extend(threads.submit(fetch, chunk) for chunk in islice(ids, 1))
                yield body
        finally:
            for future in waiting:
                future.cancel()

    def _of(self, export: HistoryExport) -> str:
        return f"{self._base}/workspaces/{export.workspace_id}/models/{export.model_id}"


def choose_models(
    models: Sequence[dict[str, Any]], include: Sequence[str] | None, exclude: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return the models that the settings select by name or id, without archived ones, which no request can reach."""
    return [
        model
        for model in models
        if model.get("activeState") != "ARCHIVED"
        and (not include or any(is_named(model, name) for name in include))
        and not any(is_named(model, name) for name in exclude or ())
    ]


def is_named(model: dict[str, Any], name: str) -> bool:
    """Return whether a name or id, in any case, is that of the model."""
    return name.casefold() in {str(model.get(key)).casefold() for key in ("id", "name")}


def serial_of(model: dict[str, Any]) -> int | None:
    """Return the number of the model's last save, if Anaplan told it."""
    serial = model.get("lastSavedSerialNumber")
    return serial if isinstance(serial, int) else None


def _has_ended(task: dict[str, Any], operation: str) -> bool:
    state = str(task.get("taskState"))
    result = object_in(task, "result")
    if state == "CANCELLED":
        raise ExportError(operation, "somebody cancelled it", "It runs again the next time.", "cancelled")
    if state == "FAILED" or (state == "COMPLETE" and result.get("successful") is False):
        raise ExportError(
            operation, "Anaplan reports that it failed", "Run the export in the model to see why.", "failed"
        )
    return state == "COMPLETE"
