"""The company: its directory, and events together with what the facts must say about each."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]

HOUR = 3_600_000
DAY = 24 * HOUR
TENANT = "8a81b00e5a6c3d2f015a9be1c04d7e10"
ANNA, BEN, CARA, DIRK, AUDITOR, STRANGER = (f"8a81b09e5f{n:02d}4c1a015f7e21{n:02d}d9a4f3" for n in range(1, 7))
SYSTEM = "INTERNAL_12"
FINANCE, OPERATIONS = "8a81b00d6f20a4c7016f3b5e11aa0c01", "8a81b00d6f20a4c7016f3b5e11aa0c02"
# Upper case in the Integration API, lower case in events.
PLAN, SUPPLY, OLD, LOST = (f"{n:02d}B7F3A09C5E4D6C8A1F0E2D3C4B5A{n:02d}" for n in range(51, 55))
INTEGRATION = "1061928a4c5d4f0e9b7a6c3d2e1f0a9b"
CONNECTION, OTHER_CONNECTION = "con_P7JGok4rAnkvJArx", "con_p7jgok4rankvjarx"
APP, PAGE = "5d3f1c2e-7a4b-4c9d-8e6f-0123456789ab", "9f8e7d6c-5b4a-4321-8fed-ba9876543210"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"

CATEGORIES = {
    "USR": "user_activity",
    "AUTHZ": "access_control",
    "CONN": "connection_management",
    "INT": "integration",
    "FRCST": "forecaster",
    "PIQ": "plan_iq",
    "WF": "workflow",
    "DSM": "encryption",
    "BYOK": "encryption",
    "OAUTH": "oauth",
    "COMMENT": "comment",
}
NAMES = {ANNA: "Anna Arndt", BEN: "Ben Bauer", CARA: "Cara Čapek", DIRK: "Dirk Dünn", AUDITOR: "Audit Service"}
MODEL_NAMES = {PLAN: "Plan 2026", SUPPLY: "Supply", OLD: "Plan 2019"}
WORKSPACE_NAMES = {FINANCE: "Finance", OPERATIONS: "Operations"}
WORKSPACE_OF = {PLAN: FINANCE, SUPPLY: OPERATIONS, OLD: FINANCE}
# Codes that run an action, with the range of ids that the action comes from.
ACTION_CODES = {
    "USR-20": "117",
    "USR-32": None,
    "USR-33": None,
    "USR-34": None,
    "USR-35": None,
    "USR-36": "116",
    "USR-38": "117",
    "USR-40": "117",
    "USR-41": "118",
    "USR-42": "112",
    "USR-50": "112",
    "USR-51": "112",
    "USR-52": "112",
    "USR-53": "112",
    "USR-54": "112",
}


@dataclass
class Happening:
    """An event as the API sends it, and columns of `fct_events` with the values that they must have."""

    sent: Record
    expected: Record = field(default_factory=dict)


class Company:
    """Events of the last weeks, seen from `now` (ms); every call of `happen` adds one."""

    def __init__(self, now: int | None = None) -> None:
        self.now = now or int(time.time() * 1000)
        self.happenings: list[Happening] = []
        self._ids = itertools.count(2_529_918_698)
        self.users = _users()
        self.workspaces = _workspaces()
        self.models = _models()

    @property
    def events(self) -> list[Record]:
        return [one.sent for one in self.happenings]

    def happen(
        self, code: str, at: int, message: str, user: str, subject: str | None, attributes: Any, **expected: Any
    ) -> Happening:
        """Add an event; `at` in epoch ms. `expected` adds to what every event must come to."""
        number = next(self._ids)
        sent: Record = {
            "id": number,
            "eventTypeId": code,
            "userId": user,
            "tenantId": TENANT,
            "objectId": subject,
            "message": message,
            "success": expected.pop("success", True),
            "ipAddress": f"198.51.100.{number % 5}",
            "userAgent": BROWSER if number % 9 else "NA",
            "hostName": "us1a.app.anaplan.com" if number % 7 else "NA",
            "eventDate": at,
            "eventTimeZone": "UTC",
            "createdDate": at + 1500,
            "createdTimeZone": "UTC",
            "checksum": str(1_000_000_007 * number % 4_294_967_291),
            "additionalAttributes": attributes,
        }
        if subject is None:
            del sent["objectId"]
        one = Happening(sent, {**_expected(sent), **expected})
        self.happenings.append(one)
        return one

    def live_through(self, days: int, a_day: int = 20) -> "Company":
        """Fill the days until an hour ago: 79 % user activity, 17 % access control, 4 % integration."""
        usual = [_sign_in, _open_model, _open_page, _open_model]
        start = self.now - days * DAY + 2 * HOUR
        for number in range(days * a_day):
            at = start + number * (days * DAY - 3 * HOUR) // (days * a_day)
            user = (ANNA, BEN, CARA)[number % 3]
            if number % 25 == 0:
                integration(self, at)
            elif number % 6 == 1:
                self.happen("AUTHZ-1", at, "Access granted", user, user, {"auth_id": f"a{number}", "name": "Home"})
            else:
                usual[number % 4](self, at, user, number)
        return self

    def find(self, code: str) -> list[Happening]:
        return [one for one in self.happenings if one.sent["eventTypeId"] == code]


def run_actions(company: Company, at: int) -> None:
    """Every code that runs an action, as live tenants send it: the model as object, and of the rest a part only."""
    for number, (code, prefix) in enumerate(ACTION_CODES.items()):
        for sends_workspace, model in ((False, PLAN), (True, SUPPLY), (False, OLD)):
            attributes: Record = {}
            expected: Record = {"object_kind": "model", "action_id": None, "process_id": None}
            if prefix is not None:
                action = f"{prefix}0000000{number:02d}"
                # A number as text, and at times one without quotes.
                attributes["actionId"] = action if model != OLD else int(action)
                expected.update(action_id=action, process_id=action if prefix == "118" else None)
            if sends_workspace:
                attributes["workspaceId"] = WORKSPACE_OF[model]
            if code in ("USR-36", "USR-38"):
                attributes["name"] = expected["action_name"] = f"Nightly {number}"
            company.happen(code, at + number * 1000, "…", BEN, model.lower(), attributes or None, **expected)
    company.happen(
        "USR-20", at, "User executed action", BEN, PLAN.lower(), {"actionId": "-1"}, object_kind="model", action_id="-1"
    )
    # A model without access is in no list; the catalogue's `process` would be wrong for it too.
    company.happen(
        "USR-41",
        at,
        "A process action has been executed",
        BEN,
        LOST.lower(),
        {"actionId": "118000000077", "workspaceId": FINANCE},
        object_kind="model",
        model_id=LOST.lower(),
        model_name=None,
        workspace_id=FINANCE,
        workspace_name="Finance",
        action_id="118000000077",
        process_id="118000000077",
    )


def integration(company: Company, at: int) -> None:
    """CloudWorks tells the id of the integration and nothing else."""
    company.happen(
        "INT-06",
        at,
        "Data Integration execution",
        AUDITOR,
        INTEGRATION,
        {},
        object_kind="integration",
        integration_id=INTEGRATION,
        model_id=None,
    )


def refuse(company: Company, at: int) -> None:
    """Denials: what each refuses, with the user who asked."""
    company.happen("USR-14", at, "User access-to-model failure", DIRK, PLAN.lower(), None, success=False)
    company.happen("AUTHZ-0", at + 1, "Authorization failure", DIRK, None, {"name": "exports"}, success=False)
    company.happen("AUTHZ-2", at + 2, "Access denied", STRANGER, STRANGER, {}, success=False, user_kind="unknown")


def change_platform(company: Company, at: int) -> None:
    """Connections that differ in case, keys, guardpoints, comments, workflow, forecasts, and the system itself."""
    for connection in (CONNECTION, OTHER_CONNECTION):
        company.happen("CONN-2", at, "…", CARA, connection, {"connectionId": connection}, object_kind="connection")
    for code in ("DSM-229", "DSM-DAO0229I", "BYOK-231", "DSM-501"):
        company.happen(
            code,
            at + 1,
            "…",
            CARA,
            OPERATIONS,
            {},
            object_kind="workspace",
            workspace_id=OPERATIONS,
            workspace_name="Operations",
        )
    company.happen("BYOK-239", at + 2, "Create symmetric key with key", CARA, "key-7", {"name": "key-7"})
    company.happen("COMMENT-01", at + 3, "Comment added", ANNA, None, {"commentId": "42"})
    company.happen("WF-100", at + 4, "Task created", ANNA, None, {"workflowTemplateId": "11"})
    company.happen("FRCST-64", at + 5, "…", SYSTEM, None, "run 7 completed", user_kind="system")
    company.happen("PIQ-14", at + 6, "Forecast action executed", ANNA, None, None)
    company.happen("OAUTH-1", at + 7, "…", ANNA, None, {"clientName": "Reporting"})
    company.happen(
        "INT-61", at + 8, "ADO Pipeline started", SYSTEM, "pipe_1", {"pipelineId": "pipe_1"}, user_kind="system"
    )
    # Attributes that nobody has described, with values of every kind.
    company.happen(
        "USR-13", at + 9, "…", ANNA, PLAN.lower(), {"riskScore": 0.5, "tags": ["a", {"b": None}], "modelId": PLAN}
    )
    company.happen(
        "USR-8", at + 10, "User login success", STRANGER, STRANGER, None, user_kind="unknown", user_name=None
    )
    company.happen(
        "AUTHZ-3", at + 11, "Role assigned", CARA, DIRK, {"roleName": "Tenant Auditor"}, target_user_name="Dirk Dünn"
    )


def use_unlisted_codes(company: Company, at: int) -> set[str]:
    """A code of each prefix that is in no list, and one whose prefix nobody knows; returns the codes."""
    codes = {f"{prefix}-{number}" for number, prefix in enumerate(CATEGORIES, 7001)} | {"DSM-DAO7999I", "BYOK-DAO7999I"}
    for code in sorted(codes):
        company.happen(code, at, "something new", ANNA, None, {"name": "x"})
    company.happen("QQQ-1", at, "something new", ANNA, None, {}, event_category="unknown")
    return codes | {"QQQ-1"}


def whole_company(days: int = 12, now: int | None = None) -> Company:
    """A company with all that is usual, and every kind of event that an observation tells of."""
    company = Company(now).live_through(days)
    yesterday = company.now - 30 * HOUR
    for tell in (run_actions, refuse, change_platform):
        tell(company, yesterday)
        yesterday += 20 * 60_000
    return company


def _expected(sent: Record) -> Iterator[tuple[str, Any]] | Record:
    """Return what holds for every event, whatever its code."""
    code = sent["eventTypeId"]
    prefix, _, number = code.rpartition("-")
    user, subject = sent["userId"], sent.get("objectId")
    expected: Record = {
        "event_type_id": f"{prefix}-{int(number)}" if number.isdigit() else code,
        "event_category": CATEGORIES.get(code.partition("-")[0], "unknown"),
        "message": sent["message"],
        "success": sent["success"],
        "user_id": user,
        "user_name": NAMES.get(user),
        "user_kind": "person",
        "object_id": subject,
        "ip_address": sent["ipAddress"],
        "host_name": sent["hostName"],
        "client": "Chrome" if sent["userAgent"] == BROWSER else (_attributes(sent).get("clientName")),
    }
    for model, name in MODEL_NAMES.items():
        if subject == model.lower():
            expected.update(
                object_kind="model",
                object_name=name,
                object_status="named",
                model_id=subject,
                model_name=name,
                workspace_id=WORKSPACE_OF[model],
                workspace_name=WORKSPACE_NAMES[WORKSPACE_OF[model]],
            )
    return expected


def _attributes(sent: Record) -> Record:
    return sent["additionalAttributes"] if isinstance(sent["additionalAttributes"], dict) else {}


def _sign_in(company: Company, at: int, user: str, number: int) -> None:
    # About one record in a thousand has no attributes at all; here one in some dozen.
    company.happen("USR-8", at, "User login success", user, user, None if number % 12 == 0 else {}, object_kind="user")


def _open_model(company: Company, at: int, user: str, number: int) -> None:
    model = (PLAN, SUPPLY)[number % 2]
    attributes = {"workspaceId": WORKSPACE_OF[model], "modelAccessed": MODEL_NAMES[model]}
    company.happen("USR-13", at, "User access to model, success", user, model.lower(), attributes)


def _open_page(company: Company, at: int, user: str, number: int) -> None:
    attributes = {"appId": APP, "appName": "Cockpit", "pageId": PAGE, "pageName": "Überblick", "modelId": PLAN.lower()}
    company.happen(
        "USR-43",
        at,
        "UX board page opened",
        user,
        f"{APP}/{PAGE}",
        attributes,
        object_kind="app_page",
        app_name="Cockpit",
        page_name="Überblick",
        model_name="Plan 2026",
        workspace_name="Finance",
    )


def _users() -> list[Record]:
    found = []
    for number, (user, name) in enumerate(NAMES.items()):
        first, last = name.split()
        record = {
            "id": user,
            "active": user != CARA,
            "email": f"{first.lower()}@example.com",
            "emailOptIn": False,
            "firstName": first,
            "lastName": last,
            "customerId": TENANT,
            "lastLoginDate": f"2026-11-{number + 1:02d}T08:15:00.000+0000",
        }
        if user == DIRK:
            del record["lastLoginDate"]
        found.append(record)
    return found


def _workspaces() -> list[Record]:
    return [
        {"id": key, "name": name, "active": True, "sizeAllowance": 42_949_672_960, "currentSize": 217_689_238}
        for key, name in WORKSPACE_NAMES.items()
    ]


def _models() -> list[Record]:
    found: list[Record] = []
    for number, (model, name) in enumerate(MODEL_NAMES.items()):
        workspace = WORKSPACE_OF[model]
        found.append(
            {
                "id": model,
                "name": name,
                "activeState": "ARCHIVED" if model == OLD else "PRODUCTION",
                "lastSavedSerialNumber": 25_000 + number,
                "lastModifiedByUserGuid": ANNA,
                "memoryUsage": 93_000_000,
                "currentWorkspaceId": workspace,
                "currentWorkspaceName": WORKSPACE_NAMES[workspace],
                "modelUrl": f"https://us1a.app.anaplan.com/core3/frameset.jsp?selectedWorkspaceId={workspace}",
                "categoryValues": [
                    {
                        "id": "8a81b09e6f1",
                        "name": "Finance",
                        "categoryId": "8a81b09e6f0",
                        "categoryName": "Department",
                        "customerId": TENANT,
                    }
                ],
                "isoCreationDate": "2023-04-05T09:10:11.000+0000",
                "lastModified": "2026-11-02T10:00:00.000+0000",
            }
        )
    # At times only, and an archived model uses no memory.
    found[0]["modelTransactionRunning"] = True
    del found[2]["memoryUsage"]
    return found
