"""Events as JSON templates: fields that many events share are encoded once, the rest per event."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from . import names
from .catalogue import MESSAGES, PADDED, prefix_of
from .company import Company, Model, Named, Page, Person, hex_id
from .model_contents import RUN_KINDS, ItemTurns

ABSENT: Any = object()
HOST = "us1a.app.anaplan.com"

# id, eventTypeId part, user part, object part, session part, eventDate, createdDate, checksum, attributes part.
EVENT = (
    b'{"id":%d,%b%b%b%b'
    b'"eventDate":%d,"eventTimeZone":"UTC","createdDate":%d,"createdTimeZone":"UTC","checksum":"%d"%b},'
)
# Some tenants send a checksum of 64 hex digits.
EVENT_WITH_LONG_CHECKSUM = EVENT.replace(b'"checksum":"%d"', b'"checksum":"%064x"')
LONG_CHECKSUM_FACTOR = 2**224 - 63


class Template(NamedTuple):
    """The encoded fields that all events of a kind on one object share."""

    code: bytes
    target: bytes
    attributes: bytes
    prefix: str


def encoded(**values: Any) -> bytes:
    """Return fields as JSON without braces, with a trailing comma. ABSENT values are left out."""
    kept = {key: value for key, value in values.items() if value is not ABSENT}
    return msgspec.json.encode(kept)[1:-1] + b"," if kept else b""


def user_part(user_id: str, tenant_id: str) -> bytes:
    return encoded(userId=user_id, tenantId=tenant_id)


def session_part(ip: str, user_agent: str, session_id: str = "", odd: bool = False) -> bytes:
    """Return the fields of the request. Live tenants send neither session nor version; the documentation shows both."""
    if not odd:
        # Anaplan's own services send neither browser nor host.
        service = ip.startswith("10.0.0.")
        return encoded(ipAddress=ip, userAgent="NA" if service else user_agent, hostName="NA" if service else HOST)
    if not session_id:
        return encoded(ipAddress=ip, userAgent=user_agent)
    return encoded(ipAddress=ip, userAgent=user_agent, sessionId=session_id, hostName=HOST, serviceVersion="5.3.0.1674")


def template(
    code: str,
    object_id: Any = ABSENT,
    attributes: Any = ABSENT,
    *,
    kind: Any = "",
    tenant: Any = ABSENT,
    success: Any = True,
    error: Any = "",
    message: str | None = None,
    odd: bool = False,
) -> Template:
    """Return the template of a kind of event, with the fields that live tenants send.

    With `odd`, it has all documented fields, some of them absent, null or empty; `attributes` can then be None, a
    bare string or ABSENT.
    """
    text = MESSAGES[code] if message is None else message
    if not odd:
        known = object_id if isinstance(object_id, str) else ""
        target = encoded(objectId=known, message=text, success=success is not False)
        found = attributes if isinstance(attributes, dict) else {}
        return Template(encoded(eventTypeId=code), target, _attributes(found), prefix_of(code))
    target = encoded(
        objectId=object_id,
        objectTypeId=kind,
        objectTenantId=tenant,
        message=text,
        success=success,
        errorNumber=error,
    )
    more = b"" if attributes is ABSENT else _attributes(attributes)
    return Template(encoded(eventTypeId=code), target, more, prefix_of(code))


def _attributes(attributes: Any) -> bytes:
    return b',"additionalAttributes":' + msgspec.json.encode(attributes)


class Library:
    """Templates for every object of a company."""

    def __init__(self, company: Company, odd: bool = False) -> None:
        self.company = company
        self.odd = odd
        self.tenant = company.tenant_id
        self._models: dict[str, list[tuple[Template, float]]] = {}
        self._turns = ItemTurns(company.seed)
        self._changes: dict[str, tuple[tuple[Named, ...], dict[Template, Template]]] = {}
        self._pages = {page.id: self._for_page(page) for page in company.pages}

    def _template(self, *args: Any, **more: Any) -> Template:
        return template(*args, odd=self.odd, **more)

    def signing(self, person: Person) -> dict[str, Template]:
        """Return the sign-in, failure, sign-out and time-out of a person."""
        own = {"object_id": person.id, "tenant": self.tenant}
        return {
            "in": self._template("USR-8", attributes={"auth_id": person.email, "clientName": "web"}, **own),
            "in padded": self._template("USR-8", attributes=None, **own)._replace(
                code=encoded(eventTypeId=PADDED["USR-8"] if self.odd else "USR-8")
            ),
            "failed": self._template("USR-9", attributes={}, success=False, error="401", **own),
            "out": self._template("USR-10", attributes=None, **own),
            "time-out": self._template("USR-12", **own),
        }

    def for_model(self, model: Model) -> list[tuple[Template, float]]:
        """Return the events of a model with their weights."""
        if model.id not in self._models:
            self._models[model.id] = self._build_model(model)
        return self._models[model.id]

    def _build_model(self, model: Model) -> list[tuple[Template, float]]:
        return self._odd_model(model) if self.odd else self._live_model(model)

    def _live_model(self, model: Model) -> list[tuple[Template, float]]:
        """Return events as live tenants send them.

        The object is the model; attributes hold the action's id, sometimes the workspace, and hardly ever a name.
        """
        where = {"workspaceId": model.workspace.id}

        def event(code: str, weight: float, attributes: dict[str, Any]) -> tuple[Template, float]:
            return template(code, model.id, attributes), weight

        built = [
            event("USR-13", 14.0, {**where, "name": model.name}),
            event("USR-13", 6.0, {"modelAccessed": model.name}),
            event(
                "USR-19", 5.0, {**where, "objectId": model.id[:12], "objectTypeId": "Dashboard", "name": "Start page"}
            ),
            (template("USR-14", model.id, where, success=False), 0.3),
            event("USR-20", 1.5, {**where, "actionId": "-1", "actionType": "Open Dashboard", "name": "null"}),
            event("USR-32", 0.4, {**where, "name": "Grid", "type": "xlsx"}),
        ]
        for number, item in enumerate(model.actions):
            built.append(event("USR-20", 2.0, {"actionId": item.id, **(where if number % 2 else {})}))
        for item, code in zip(model.imports, ("USR-51", "USR-52", "USR-52"), strict=True):
            built.append(event(code, 1.2, {**where, "actionId": item.id}))
        for item in model.exports:
            built.append(event("USR-36", 0.5, {**where, "actionId": item.id, "name": item.name, "type": "csv"}))
        built += [event("USR-41", 0.8, {"actionId": item.id}) for item in model.processes]
        return built

    def _odd_model(self, model: Model) -> list[tuple[Template, float]]:
        where = {"workspaceId": model.workspace.id, "modelId": model.id}

        def event(code: str, weight: float, **more: Any) -> tuple[Template, float]:
            return self._template(code, model.id, {**where, **more}, kind=None), weight

        def action(item: Named, kind: str) -> dict[str, str]:
            return {"actionId": item.id, "actionName": item.name, "actionType": kind}

        built = [
            (self._template("USR-13", model.id, {**where, "name": model.name}, tenant=self.tenant), 14.0),
            (self._template("USR-13", model.id, {"modelAccessed": model.name}, kind=None), 6.0),
            event("USR-19", 5.0, objectId=f"{model.id[:12]}", objectTypeId="Dashboard", name="Start page"),
            (self._template("USR-14", model.id, where, success=False, error="403", tenant=self.tenant), 0.3),
            # -1 stands for an action that was never saved.
            event("USR-20", 1.5, actionId="-1", actionType="Open Dashboard", name="null"),
            event("USR-20", 0.5, actionId=-1, actionType="Copy", name=""),
            event("USR-32", 0.4, name="Grid", type="xlsx"),
        ]
        built += [event("USR-20", 2.0, **action(item, "Action")) for item in model.actions]
        for item, code in zip(model.imports, ("USR-51", "USR-52", "USR-52"), strict=True):
            built.append(event(code, 1.2, **action(item, "Import")))
        built += [event("USR-36", 0.5, **action(item, "Export"), type="csv") for item in model.exports]
        built += [
            event("USR-41", 0.8, processId=item.id, processName=item.name, taskId="0" * 24) for item in model.processes
        ]
        return built

    def for_page(self, page: Page) -> list[tuple[Template, float]]:
        return self._pages[page.id]

    def _for_page(self, page: Page) -> list[tuple[Template, float]]:
        app = {"appId": page.app.id, "appName": page.app.name}
        full = {**app, "pageId": page.id, "pageName": page.name}
        path = f"{page.app.id}/{page.id}"
        return [
            (self._template(page.code, path, full, kind=ABSENT, error=ABSENT), 10.0),
            (self._template(page.code, path, {}, tenant=self.tenant), 0.8),
            (self._template(page.code, f"{page.app.id}/null", app, kind=None), 0.3),
            (self._template(page.code, f"null/{page.id}", None, error=None), 0.2),
            (self._template("USR-46" if page.code == "USR-43" else "USR-47", path, full), 0.6),
            (self._template("USR-48", page.app.id, app), 2.0),
            (self._template("COMMENT-01", path, {**full, "commentId": page.id[:8]}, success=ABSENT), 0.1),
            (self._template("WF-102", path, {"taskId": page.id[-12:], "workflowTemplateId": page.app.id}), 0.1),
        ]

    def role_change(self, code: str, role: str, target: Person) -> Template:
        number = names.ROLES.index(role) + 1
        more = {"roleId": str(number), "roleName": role, "targetUserId": target.id, "targetUserName": target.email}
        return self._template(code, target.id, more, kind="USER", tenant=self.tenant)

    def for_admin(self, target: Person, model: Model, role: str, model_role: str) -> list[tuple[Template, float]]:
        """Return what an administrator does to one person, with weights."""
        on = {"targetUserId": target.id, "targetUserName": target.email}
        place = {**on, "workspaceId": model.workspace.id}
        in_model = {**place, "modelId": model.id, "modelRoleId": f"{len(model_role):03d}", "modelRoleName": model_role}
        link = self.company.connections[int(target.id[:4], 16) % len(self.company.connections)]
        flow = self.company.integrations[int(target.id[4:8], 16) % len(self.company.integrations)]
        padded = self._template("USR-5", target.id, None, success=ABSENT)
        if self.odd:
            padded = padded._replace(code=encoded(eventTypeId=PADDED["USR-5"]))
        return [
            (self.role_change("AUTHZ-3", role, target), 0.4),
            (self.role_change("AUTHZ-6", role, target), 0.3),
            (self._template("USR-21", target.id, place, tenant=self.tenant), 2.0),
            (self._template("USR-22", target.id, place, tenant=self.tenant), 1.0),
            (self._template("USR-23", target.id, in_model, tenant=self.tenant), 2.5),
            (self._template("USR-24", target.id, in_model, tenant=self.tenant), 1.0),
            (self._template("USR-25", target.id, {**place, "active": True}, tenant=self.tenant), 0.3),
            (padded, 1.0),
            (self._template("CONN-2", link.id, {"connectionId": link.id, "name": link.name}), 0.5),
            (self._template("CONN-4", link.id, {"connectionId": link.id, "workspaceId": model.workspace.id}), 0.3),
            (self._integration("INT-04", flow), 0.5),
            # Started by hand.
            (self._integration("INT-06", flow), 1.0),
        ]

    def _integration(self, code: str, flow: Named, success: bool = True) -> Template:
        """An event of CloudWorks. Live, the integration's id is all there is."""
        more = {"integrationId": flow.id, "integrationName": flow.name, "integrationFlowId": flow.id[::-1]}
        error = "" if success else "500"
        return self._template(code, flow.id, more if self.odd else {}, tenant=self.tenant, success=success, error=error)

    def changed_on(self, day: int) -> dict[Template, Template]:
        """Return what the prepared events in models become on a day: some actions are renamed by then or replaced."""
        found: dict[Template, Template] = {}
        for model in self.company.used_models:
            found |= self._changed_in(self._turns.model_on(model, day))
        return found

    def _changed_in(self, then: Model) -> dict[Template, Template]:
        items = tuple(item for kind in RUN_KINDS for item in getattr(then, kind))
        if self._changes.get(then.id, (None,))[0] != items:
            base = next(model for model in self.company.models if model.id == then.id)
            pairs = zip(self.for_model(base), self._build_model(then), strict=True)
            self._changes[then.id] = (items, {old: new for (old, _), (new, _) in pairs if old != new})
        return self._changes[then.id][1]

    def granted(self, person: Person) -> Template:
        """Return a granted access, the most frequent event of access control."""
        return self._template("AUTHZ-1", person.id, {"objectId": person.id}, tenant=self.tenant)

    def refused(self, person: Person) -> Template:
        """Return the refusal of a function."""
        code = "AUTHZ-0" if int(person.id[0], 16) % 4 == 0 else "AUTHZ-2"
        return self._template(code, person.id, {"name": "Manage users"}, success=False, tenant=self.tenant)

    def for_system(self) -> list[tuple[Template, float]]:
        """Return the events of integrations, forecasts and keys, which have no person, with weights."""
        built: list[tuple[Template, float]] = []
        for flow in self.company.integrations:
            # One integration fails nearly as often as not, the others rarely.
            failures = 4.0 if flow is self.company.integrations[-1] else 0.4
            built.append((self._integration("INT-06", flow), 9.0 - failures))
            built.append((self._integration("INT-06", flow, success=False), failures))
            pipeline = hex_id(self.company.seed, "pipeline", flow.name)
            built.append(
                (self._template("INT-61", pipeline, {"pipelineId": pipeline, "dataspaceId": flow.id[:8]}), 1.0)
            )
        built += [
            # The forecaster sends a bare string where other services send an object.
            (self._template("FRCST-64", None, "Forecast Action run completed", kind=None), 1.0),
            (self._template("FRCST-07", None, "Data Collection: Orders \u2013 rerun", kind=None), 0.5),
            (self._template("PIQ-14", "collection-7", {"name": "Demand by SKU", "type": "schedule"}), 1.0),
            (self._template("DSM-DAO0267I", attributes=ABSENT, kind=ABSENT, error=ABSENT), 0.3),
            (self._template("DSM-405", "domain-1", None, kind=ABSENT), 0.1),
            (self._template("OAUTH-1", attributes={"clientName": "Data Orchestrator", "auth_id": "oauth"}), 1.0),
        ]
        return built
