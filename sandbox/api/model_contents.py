"""Anaplan's Integration API below one model: actions, imports, exports, processes, files."""

from __future__ import annotations

from aiohttp import web

from ..world.company import Model
from ..world.model_contents import Row
from .access import may_enter
from .answers import integration_failure, json_answer, origin, token_of
from .directory import MAX_LIMIT, SCHEMES, list_page
from .pages import BadRequest, positive
from .state import State, state_of

routes = web.RouteTableDef()
MODEL, MODEL_OF_WORKSPACE = "/2/0/models/{model}", "/2/0/workspaces/{workspace}/models/{model}"
KIND = "{kind:actions|imports|exports|processes|files}"


def not_found(request: web.Request) -> web.Response:
    return integration_failure(request.path, 404, "Entity not found")


def open_model(request: web.Request) -> Model | web.Response:
    """Return the model of the path, or the error to answer with: 404, never 403, where the account has no access."""
    state = state_of(request)
    token = token_of(request.headers.get("Authorization", ""), state, SCHEMES)
    if isinstance(token, web.Response):
        return token
    model = state.contents.find(request.match_info["model"])
    if model is None or not may_enter(state, token.account, model.id):
        return not_found(request)
    if request.match_info.get("workspace", model.workspace.id).lower() != model.workspace.id:
        return not_found(request)
    if model.state == "ARCHIVED":
        return integration_failure(request.path, state.settings.archived_status, "Model is archived")
    return model


@routes.get(f"{MODEL}/{KIND}")
@routes.get(f"{MODEL_OF_WORKSPACE}/{KIND}")
async def contents(request: web.Request) -> web.Response:
    state, kind = state_of(request), request.match_info["kind"]
    model = open_model(request)
    if isinstance(model, web.Response):
        return model
    try:
        limit = min(positive(request.query, "limit", MAX_LIMIT, 1), state.settings.page_cap or MAX_LIMIT, MAX_LIMIT)
        offset = positive(request.query, "offset", 0, 0)
    except BadRequest as error:
        return integration_failure(request.path, 400, str(error))
    rows = state.contents.rows(model, kind)
    if kind == "files":
        rows = [*rows, *_written_files(state, model)]
    return list_page(request, kind, rows, offset, limit)


def _written_files(state: State, model: Model) -> list[Row]:
    """Return the files of exports that have run: each has the id of its export."""
    exports = {row["id"]: row for row in state.contents.rows(model, "exports")}
    return [
        {
            "id": export_id,
            "name": exports[export_id]["name"],
            "chunkCount": 1 if count is None else state.history.chunk_count(count),
            "format": "txt",
            "encoding": "UTF-8",
            "headerRow": 1,
            "firstDataRow": 2,
        }
        for (model_id, export_id), count in state.exports.files.items()
        if model_id == model.id and export_id in exports
    ]


@routes.get(f"{MODEL}/processes/{{process}}")
@routes.get(f"{MODEL_OF_WORKSPACE}/processes/{{process}}")
async def process(request: web.Request) -> web.Response:
    """One process, with the actions that it runs in their order."""
    model = open_model(request)
    if isinstance(model, web.Response):
        return model
    found = state_of(request).contents.process_steps(model, request.match_info["process"])
    if found is None:
        return not_found(request)
    name, steps = found
    meta = {"schema": f"{origin(request)}/2/0/objects/processMetadata"}
    body = {"meta": meta, "status": {"code": 200, "message": "Success"}}
    return json_answer({**body, "processMetadata": {"name": name, "actions": steps}})
