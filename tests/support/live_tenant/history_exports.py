"""History exports of models: actions of type AUDIT_LOG, their tasks, and the chunks of the files they write."""

import csv
import gzip
import io
import re
from dataclasses import dataclass, field

from tests.support.live_tenant.directory import Record

OTHER, HISTORY = "116000000001", "116000000017"
STATES = ("NOT_STARTED", "IN_PROGRESS", "COMPLETE")
_PATH = re.compile(r"/2/0(?:/workspaces/(?P<workspace>\w+))?/models/(?P<model>\w+)/(?P<rest>(?:exports|files)\b.*)")


@dataclass
class Model:
    """A model with a saved history export.

    `rows` are newest first, `bytes_of_chunk` cuts anywhere, and `body` replaces what an export writes.
    """

    workspace: str
    rows: list[dict[str, str]]
    headers: list[str]
    bytes_of_chunk: int = 997
    tasks: dict[str, int] = field(default_factory=dict)
    file: bytes | None = None
    body: bytes | None = None

    def write(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.headers, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(self.rows)
        self.file = b"\xef\xbb\xbf" + text.getvalue().encode() if self.body is None else self.body

    @property
    def chunks(self) -> list[bytes]:
        body = self.file or b""
        return [body[at : at + self.bytes_of_chunk] for at in range(0, len(body), self.bytes_of_chunk)]


class HistoryExports:
    """The exports of a tenant. A model that is in neither `models` nor `hidden` has no history export."""

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}
        # Models in which the account has the role NO ACCESS.
        self.hidden: set[str] = set()
        self.started: list[str] = []

    def answer(self, method: str, path: str) -> tuple[int, Record | bytes] | None:
        """Return the answer to a request below a model, or None if the path or the model is another one."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        key, rest = found["model"].upper(), found["rest"].split("/")
        if key not in self.models and key not in self.hidden:
            return None
        model = self.models.get(key)
        if key in self.hidden or (model and found["workspace"] not in (None, model.workspace)):
            return _not_found(path)
        if method == "GET" and rest == ["exports"]:
            return 200, _page("exports", _exports(model))
        if model is None or rest[1] != HISTORY:
            return _not_found(path)
        if rest[0] == "exports" and rest[2:3] == ["tasks"]:
            return self._task(method, path, key, rest[3:])
        return _chunk(path, model, rest[3:]) if method == "GET" and rest[2:3] == ["chunks"] else _not_found(path)

    def _task(self, method: str, path: str, key: str, rest: list[str]) -> tuple[int, Record | bytes]:
        model = self.models[key]
        if method == "POST" and not rest:
            task = f"{len(self.started):032X}"
            self.started.append(key)
            model.tasks[task] = 0
            return 200, {"status": _OK, "task": {"taskId": task}}
        if method != "GET" or not rest or rest[0] not in model.tasks:
            return _not_found(path)
        state = STATES[min(model.tasks[rest[0]], len(STATES) - 1)]
        model.tasks[rest[0]] += 1
        task_record: Record = {"taskId": rest[0], "taskState": state, "progress": 0.0}
        if state == "COMPLETE":
            model.write()
            task_record["result"] = {"successful": True, "objectId": HISTORY, "failureDumpAvailable": False}
        return 200, {"status": _OK, "task": task_record}


def _exports(model: Model | None) -> list[Record]:
    other = {"id": OTHER, "name": "Grid", "exportType": "GRID_CURRENT_PAGE", "exportFormat": "text/csv"}
    history = {"id": HISTORY, "name": "Who changed what", "exportType": "AUDIT_LOG", "exportFormat": "text/csv"}
    return [] if model is None else [other, history]


def _chunk(path: str, model: Model, rest: list[str]) -> tuple[int, Record | bytes]:
    if not rest:
        return 200, _page("chunks", [{"id": str(n), "name": f"Chunk {n}"} for n in range(len(model.chunks))])
    number = int(rest[0])
    # May be compressed in transit.
    return (200, gzip.compress(model.chunks[number])) if number < len(model.chunks) else _not_found(path)


def _page(name: str, rows: list[Record]) -> Record:
    paging = {"currentPageSize": len(rows), "totalSize": len(rows), "offset": 0}
    return {"meta": {"paging": paging}, "status": _OK, **({name: rows} if rows else {})}


def _not_found(path: str) -> tuple[int, Record]:
    return 404, {"status": {"code": 404, "message": "Not found"}, "path": path}


_OK = {"code": 200, "message": "Success"}
