"""`/_sandbox/`: controls the sandbox from another process. JSON in, JSON out, without a token.

GET  /_sandbox                 url, clock, number of visible events, settings
GET  POST /_sandbox/settings   {"page_cap": 500, ...}
GET  POST DELETE /_sandbox/faults    {"specs": ["events:500:3"]}
POST /_sandbox/events          {"events": [...], "visible_from": ms | null, "hold_back": false}
POST /_sandbox/release         held-back events become visible
GET  POST /_sandbox/clock      {"ms": n} stops it, {"offset_ms": n} shifts it, {"advance_ms": n} moves it, {} real time
POST /_sandbox/users           {"add": {...}} | {"remove": id} | {"rename": id, "fields": {...}}
                               | {"role": email, "auditor": false, "cloudworks": false, "user_administrator": false,
                                  "workspaces": false, "models": false}; those that are not named stay
                               | {"entitle": user id, "workspaces": [id, ...] | null}
POST /_sandbox/models          {"model": id, "access": false | true | null}: NO ACCESS, access, as the settings say
                               | {"model": id, "change": item id, "fields": {"name": ...}}
                               | {"model": id, "remove": item id}
                               | {"model": id, "add": "actions" | ..., "fields": {...}}: lists inside a model
GET  /_sandbox/history?model=id  rows of the model's history as they are saved now, one JSON a line
POST /_sandbox/integrations    {"change": id, "fields": {"name": ...}} | {"remove": id}
POST /_sandbox/collections     {"models": [...] | null}: serves exactly these rows
GET  DELETE /_sandbox/requests requests seen so far
GET  /_sandbox/truth?type=all  visible events, one JSON object per line
POST /_sandbox/tokens          {"email": ...}: a live token;   POST /_sandbox/tokens/expire: all tokens die
POST /_sandbox/certificates    {"pem": "..."}: trusts a certificate
POST /_sandbox/device/approve  {"user_code": "..."}; without it the newest code
POST /_sandbox/device/deny     the same, denied
POST /_sandbox/stop
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from .answers import json_answer
from .bodies import MalformedBody, json_object
from .certificates import fingerprint
from .fault_effects import STOPPING
from .state import State, state_of
from .tokens import AUDITOR

routes = web.RouteTableDef()
Action = Callable[[State, dict[str, Any]], Any]


def _action(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that calls `action` with the JSON body and answers with its result; errors become 400."""

    async def handler(request: web.Request) -> web.Response:
        try:
            return json_answer(action(state_of(request), await json_object(request)))
        except (MalformedBody, ValueError, KeyError, TypeError) as error:
            return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)

    return handler


def _overview(state: State, _: dict[str, Any]) -> Any:
    now = state.clock.now()
    visible = state.store.window(0, now + 1).total
    return {"now_ms": now, "events": visible, "requests": len(state.requests), "settings": state.settings.as_dict()}


def _settings(state: State, body: dict[str, Any]) -> Any:
    state.settings.set(**body)
    return state.settings.as_dict()


def _faults(state: State, body: dict[str, Any]) -> Any:
    state.faults.add(*body.get("specs", []), *([body["spec"]] if "spec" in body else []))
    return [{"spec": fault.spec, "seen": fault.seen, "done": fault.done} for fault in state.faults.active]


def _clear_faults(state: State, _: dict[str, Any]) -> Any:
    state.faults.clear()
    return []


def _events(state: State, body: dict[str, Any]) -> Any:
    if body.get("hold_back"):
        return {"ids": state.store.hold_back(body["events"])}
    return {"ids": state.store.add(body["events"], body.get("visible_from"))}


def _clock(state: State, body: dict[str, Any]) -> Any:
    if "advance_ms" in body:
        state.clock.advance(int(body["advance_ms"]))
    else:
        state.clock.set(body.get("ms"), int(body.get("offset_ms", 0)))
    return _now(state, body)


def _now(state: State, _: dict[str, Any]) -> Any:
    return {"now_ms": state.clock.now(), "frozen": state.clock.is_frozen}


def _users(state: State, body: dict[str, Any]) -> Any:
    if "add" in body:
        return {"id": state.directory.add_user(**body["add"])}
    if "remove" in body:
        state.directory.remove_user(body["remove"])
    elif "rename" in body:
        state.directory.rename_user(body["rename"], **body["fields"])
    elif "entitle" in body:
        state.entitlements.replace(body["entitle"], body["workspaces"])
    else:
        state.tokens.accounts[body["role"]].set(**{key: value for key, value in body.items() if key != "role"})
    return {}


def _models(state: State, body: dict[str, Any]) -> Any:
    model, fields = body["model"], body.get("fields", {})
    if "access" in body:
        state.set_access(model, body["access"])
    elif "change" in body:
        state.contents.change(model, body["change"], **fields)
    elif "remove" in body:
        state.contents.remove(model, body["remove"])
    else:
        return {"id": state.contents.add(model, body["add"], **fields)}
    return {}


def _integrations(state: State, body: dict[str, Any]) -> Any:
    if "change" in body:
        state.integrations.change(body["change"], **body["fields"])
    else:
        state.integrations.remove(body["remove"])
    return {}


def _collections(state: State, body: dict[str, Any]) -> Any:
    for collection, rows in body.items():
        state.directory.replace(collection, rows)
    return {}


def _requests(state: State, _: dict[str, Any]) -> Any:
    return [record.as_dict() for record in state.requests]


def _clear_requests(state: State, _: dict[str, Any]) -> Any:
    state.requests.clear()
    return []


def _trust(state: State, body: dict[str, Any]) -> Any:
    state.trusted_certificates.append(fingerprint(body["pem"].encode()))
    return {}


def _approve(state: State, body: dict[str, Any]) -> Any:
    return {"approved": state.grants.approve(body.get("user_code"), body.get("email", AUDITOR))}


def _deny(state: State, body: dict[str, Any]) -> Any:
    return {"denied": state.grants.deny(body.get("user_code"))}


async def _truth(request: web.Request) -> web.StreamResponse:
    encode = msgspec.json.Encoder().encode_lines
    events = state_of(request).store.truth(request.query.get("type"))
    return web.Response(body=encode(events), content_type="application/x-ndjson")


async def _history(request: web.Request) -> web.StreamResponse:
    """The truth about a model's history: what its file must say now, row by row."""
    state = state_of(request)
    model = state.contents.find(request.query.get("model", ""))
    if model is None:
        return json_answer({"error": "no such model"}, 400)
    rows = state.history.rows(model, state.history.count(model, state.clock.now()))
    return web.Response(body=msgspec.json.Encoder().encode_lines(rows), content_type="application/x-ndjson")


async def _stop(request: web.Request) -> web.Response:
    request.app[STOPPING].set()
    return json_answer({"stopping": True})


def control_routes() -> list[web.RouteDef]:
    actions: list[tuple[str, str, Action]] = [
        ("GET", "", _overview),
        ("GET", "/settings", lambda state, _: state.settings.as_dict()),
        ("POST", "/settings", _settings),
        ("GET", "/faults", lambda state, _: _faults(state, {})),
        ("POST", "/faults", _faults),
        ("DELETE", "/faults", _clear_faults),
        ("POST", "/events", _events),
        ("POST", "/release", lambda state, _: {"released": state.store.release()}),
        ("GET", "/clock", _now),
        ("POST", "/clock", _clock),
        ("POST", "/users", _users),
        ("POST", "/models", _models),
        ("POST", "/integrations", _integrations),
        ("POST", "/collections", _collections),
        ("GET", "/requests", _requests),
        ("DELETE", "/requests", _clear_requests),
        ("POST", "/tokens", lambda state, body: {"token": state.tokens.issue(body.get("email", AUDITOR)).value}),
        ("POST", "/tokens/expire", lambda state, _: {"expired": state.tokens.expire_all()}),
        ("POST", "/certificates", _trust),
        ("POST", "/device/approve", _approve),
        ("POST", "/device/deny", _deny),
    ]
    plain = [web.route(method, f"/_sandbox{path}", _action(action)) for method, path, action in actions]
    more = [web.get("/_sandbox/truth", _truth), web.get("/_sandbox/history", _history)]
    return [*plain, *more, web.post("/_sandbox/stop", _stop)]
