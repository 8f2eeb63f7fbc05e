"""Anaplan's Integration API for running an export action and fetching the file that it writes."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..world.company import Model
from .answers import integration_failure, json_answer, origin
from .bodies import MalformedBody, json_object
from .export_tasks import ExportTask
from .fault_effects import WITHOUT_ID
from .middleware import note_rows, page_fault
from .model_contents import MODEL, MODEL_OF_WORKSPACE, not_found, open_model
from .state import State, state_of

routes = web.RouteTableDef()
GRID = b'Line Item,Jan,Feb\nRevenue,1,2\n"Price, net",3,4\n'


def _answer(request: web.Request, schema: str, **body: Any) -> web.Response:
    meta = {"schema": f"{origin(request)}/2/0/objects/{schema}"}
    return json_answer({"meta": meta, "status": {"code": 200, "message": "Success"}, **body})


def _export(request: web.Request) -> tuple[Model, dict[str, Any]] | web.Response:
    model = open_model(request)
    if isinstance(model, web.Response):
        return model
    rows = state_of(request).contents.rows(model, "exports")
    export = next((row for row in rows if row["id"] == request.match_info["export"]), None)
    return not_found(request) if export is None else (model, export)


@routes.post(f"{MODEL}/exports/{{export}}/tasks")
@routes.post(f"{MODEL_OF_WORKSPACE}/exports/{{export}}/tasks")
async def run(request: web.Request) -> web.Response:
    found = _export(request)
    if isinstance(found, web.Response):
        return found
    try:
        body = await json_object(request)
    except MalformedBody as error:
        return integration_failure(request.path, 400, str(error))
    if not isinstance(body.get("localeName"), str):
        return integration_failure(request.path, 400, "localeName is required")
    fault = page_fault()
    if fault is not None and fault.what == WITHOUT_ID:
        return _answer(request, "task", task={})
    task = state_of(request).exports.start(found[0], found[1]["id"], fault.what if fault else "")
    return _answer(request, "task", task={"taskId": task.id})


@routes.get(f"{MODEL}/exports/{{export}}/tasks")
@routes.get(f"{MODEL_OF_WORKSPACE}/exports/{{export}}/tasks")
async def tasks(request: web.Request) -> web.Response:
    found = _export(request)
    if isinstance(found, web.Response):
        return found
    known = state_of(request).exports.of(found[0], found[1]["id"])
    rows = [{"taskId": task.id, "taskState": task.state, "creationTime": task.created} for task in known]
    return _answer(request, "task", **({"tasks": rows} if rows else {}))


@routes.get(f"{MODEL}/exports/{{export}}/tasks/{{task}}")
@routes.get(f"{MODEL_OF_WORKSPACE}/exports/{{export}}/tasks/{{task}}")
async def poll(request: web.Request) -> web.Response:
    """Tell how far a task is. The file is written when the task is complete, with what is saved by then."""
    found, state = _export(request), state_of(request)
    if isinstance(found, web.Response):
        return found
    model, export = found
    task = state.exports.find(model, export["id"], request.match_info["task"])
    if task is None:
        return not_found(request)
    if state.exports.poll(task) and task.is_successful:
        is_history = export["exportType"] == "AUDIT_LOG"
        count = state.history.count(model, state.clock.now()) if is_history else None
        state.exports.files[model.id, export["id"]] = count
    return _answer(request, "task", task=_shown(task))


def _shown(task: ExportTask) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "taskId": task.id,
        "taskState": task.state,
        "creationTime": task.created,
        "currentStep": "Complete." if task.state == "COMPLETE" else "Exporting",
        "progress": {"NOT_STARTED": 0.0, "IN_PROGRESS": 0.5}.get(task.state, 1.0),
    }
    if task.state in ("COMPLETE", "FAILED"):
        text = {"type": "exportFailure", "localMessageText": "The export failed", "occurrences": 1, "values": []}
        more = {} if task.is_successful else {"details": [text]}
        shown["result"] = {
            "objectId": task.export_id,
            "successful": task.is_successful,
            "failureDumpAvailable": False,
            **more,
        }
    return shown


@routes.get(f"{MODEL}/files/{{file}}/chunks")
@routes.get(f"{MODEL_OF_WORKSPACE}/files/{{file}}/chunks")
async def chunks(request: web.Request) -> web.Response:
    """Name the chunks of a file; of an export that has not run yet there are none."""
    model = open_model(request)
    if isinstance(model, web.Response):
        return model
    rows = [{"id": str(i), "name": f"Chunk {i}"} for i in range(_chunk_count(state_of(request), model, request))]
    note_rows(len(rows))
    return _answer(request, "chunk", **({"chunks": rows} if rows else {}))


@routes.get(f"{MODEL}/files/{{file}}/chunks/{{chunk}}")
@routes.get(f"{MODEL_OF_WORKSPACE}/files/{{file}}/chunks/{{chunk}}")
async def chunk(request: web.Request) -> web.Response:
    model, state = open_model(request), state_of(request)
    if isinstance(model, web.Response):
        return model
    number = request.match_info["chunk"]
    if not (number.isdigit() and int(number) < _chunk_count(state, model, request)):
        return not_found(request)
    count = state.exports.files[model.id, request.match_info["file"]]
    body = GRID if count is None else state.history.chunk(model, count, int(number))
    return web.Response(body=body, content_type="application/octet-stream")


def _chunk_count(state: State, model: Model, request: web.Request) -> int:
    key = (model.id, request.match_info["file"])
    if key not in state.exports.files:
        return 0
    count = state.exports.files[key]
    return 1 if count is None else state.history.chunk_count(count)
