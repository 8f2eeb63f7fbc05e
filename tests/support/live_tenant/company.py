"""The company: its ordinary events, each with the values that the facts must have."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.live_tenant.directory import (
    ANNA,
    AUDITOR,
    BEN,
    CARA,
    MODEL_NAMES,
    NAMES,
    PLAN,
    SUPPLY,
    TENANT,
    WORKSPACE_NAMES,
    WORKSPACE_OF,
    Record,
    models,
    users,
    workspaces,
)

HOUR = 3_600_000
DAY = 24 * HOUR
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


@dataclass
class Happening:
    """An event as the API sends it, and the expected values of some columns of `fct_events`."""

    sent: Record
    expected: Record = field(default_factory=dict)


class Company:
    """The events of the weeks before `now` (ms). Each call of `happen` adds one."""

    def __init__(self, now: int | None = None) -> None:
        self.now = now or int(time.time() * 1000)
        self.happenings: list[Happening] = []
        self._ids = itertools.count(2_529_918_698)
        self.users = users()
        self.workspaces = workspaces()
        self.models = models()

    @property
    def events(self) -> list[Record]:
        return [one.sent for one in self.happenings]

    def happen(
        self, code: str, at: int, message: str, user: str, subject: str | None, attributes: Any, **expected: Any
    ) -> Happening:
        """Add an event at `at` (epoch ms). `expected` adds to the values expected of every event."""
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


def integration(company: Company, at: int) -> None:
    """Add a CloudWorks event, which carries only the id of the integration."""
    company.happen(
        "INT-06",
        at,
        "Data Integration execution",
        AUDITOR,
        INTEGRATION,
        {},
        object_kind="integration",
        object_name="SAP to plan",
        object_status="named",
        integration_id=INTEGRATION,
        integration_name="SAP to plan",
        model_id=PLAN.lower(),
        model_name=MODEL_NAMES[PLAN],
        workspace_id=WORKSPACE_OF[PLAN],
        workspace_name=WORKSPACE_NAMES[WORKSPACE_OF[PLAN]],
    )


def _expected(sent: Record) -> Iterator[tuple[str, Any]] | Record:
    """Return the values expected of an event of any code."""
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
    # On live tenants one record in a thousand has no attributes; here one in twelve.
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
