"""Lists below a model, CloudWorks and SCIM, as live tenants answer them."""

import re
from typing import Any

from tests.support.live_tenant.directory import (
    ANNA,
    BEN,
    FINANCE,
    OLD,
    OPERATIONS,
    PLAN,
    SUPPLY,
    Record,
)
from tests.support.live_tenant.integration_api import error

INTEGRATION = "1061928a4c5d4f0e9b7a6c3d2e1f0a9b"
_BELOW = re.compile(r"/2/0/models/(?P<model>[0-9A-Fa-f]{32})/(?P<kind>\w+)(?:/(?P<item>\w+))?")
_OK = {"code": 200, "message": "Success"}
KEYS = {"integrations": "integrations", "integrationflows": "integrationFlows"}


class DetailsApi:
    """What models hold, the integrations with their runs, and the entitlements of the users.

    Attributes:
        models: Lists by model and kind. A model that is missing here answers 404, as one with NO ACCESS does.
        steps: Actions of a process, by model and process.
        most: Largest page of a list below a model. Its pages have a `next` link and no total.
        cloudworks, scim: Status of every answer of the service, 200 with the role.
    """

    def __init__(self, users: list[Record]) -> None:
        self.models = contents()
        self.steps: dict[tuple[str, str], list[Record]] = {
            (PLAN, "118000000001"): [
                {"id": "112000000001", "name": "Load plan", "importType": "MODULE_DATA"},
                {"id": "117000000001", "name": "Delete old", "actionType": "DELETE_BY_SELECTION"},
            ]
        }
        self.most, self.cloudworks, self.scim = 2, 200, 200
        self.integrations = integrations()
        self.runs: dict[str, list[Record]] = {INTEGRATION: runs()}
        self.entitlements = [_scim_user(number, user) for number, user in enumerate(users)]

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any] | None:
        """Return the answer, or None for a path of another service."""
        if path.startswith("/cloudworks/2/0/"):
            return self._cloudworks(path)
        if path == "/scim/1/0/v2/Users":
            return self._scim(path, query)
        found = _BELOW.fullmatch(path)
        return self._below(path, query, **found.groupdict()) if found else None

    def _below(self, path: str, query: dict[str, str], model: str, kind: str, item: str | None) -> tuple[int, Any]:
        lists = self.models.get(model.upper())
        if model.upper() == OLD:
            return error(422, path, "Model is archived")
        if lists is None:
            return error(404, path, "Entity not found")
        if item is not None:
            steps = self.steps.get((model.upper(), item), [])
            return 200, {"status": _OK, "processMetadata": {"name": "…", "actions": steps}}
        records, offset = lists.get(kind, []), int(query.get("offset", 0))
        page = records[offset : offset + self.most]
        paging: dict[str, Any] = {"currentPageSize": len(page), "offset": offset}
        if offset + len(page) < len(records):
            paging["next"] = f"{path}?limit={self.most}&offset={offset + len(page)}"
        return 200, {"meta": {"paging": paging}, "status": _OK, **({kind: page} if page else {})}

    def _cloudworks(self, path: str) -> tuple[int, Any]:
        if self.cloudworks != 200:
            return error(self.cloudworks, path, "User is not a Restricted Integration User")
        rest = path.removeprefix("/cloudworks/2/0/")
        if rest.startswith("integrations/runs/"):
            found = self.runs.get(rest.rpartition("/")[2])
            if found is None:
                return error(404, path, "Not found")
            return 200, {"status": _OK, "history_of_runs": {"runs": found}}
        rows = {
            "integrations": self.integrations,
            "integrationflows": [{"id": "f1", "name": "Nightly", "stepsCount": 2}],
        }
        return 200, {"status": _OK, KEYS[rest]: rows[rest], "meta": {"paging": {"totalSize": len(rows[rest])}}}

    def _scim(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if self.scim != 200:
            return error(self.scim, path, "Forbidden")
        start, count = int(query["startIndex"]), int(query["count"])
        if count > 100:
            return error(400, path, "count")
        page = self.entitlements[start - 1 : start - 1 + min(count, 2)]
        total = len(self.entitlements)
        return 200, {"totalResults": total, "startIndex": start, "itemsPerPage": len(page), "Resources": page}


def contents() -> dict[str, dict[str, list[Record]]]:
    """Return the lists of the models. Ids are unique within a model only."""
    return {
        PLAN: {
            "actions": [
                {"id": f"11700000000{n}", "name": name, "actionType": "DELETE_BY_SELECTION"}
                for n, name in enumerate(("Delete old", "Copy", "Order"), 1)
            ],
            "imports": [
                {"id": "112000000001", "name": "Load plan", "importType": "MODULE_DATA", "importDataSourceId": "113000000001"}
            ],
            "exports": [
                {"id": "116000000001", "name": "Plan.csv", "exportType": "TABULAR_MULTI_COLUMN",
                 "exportFormat": "text/csv", "encoding": "UTF-8", "layout": "TABULAR_MULTI_COLUMN"}
            ],
            "processes": [{"id": "118000000001", "name": "Nightly"}],
            "files": [{"id": "113000000001", "name": "plan.xlsx", "chunkCount": 1, "format": "xlsx"}],
        },
        SUPPLY: {"actions": [{"id": "117000000001", "name": "Allocate", "actionType": "ORDER_LIST"}]},
    }  # fmt: skip


def integrations() -> list[Record]:
    return [
        {
            "integrationId": INTEGRATION, "name": "SAP to plan", "integrationType": "Import", "createdBy": "Anna Arndt",
            "creationDate": "2023-03-14T18:34:19.000Z", "modificationDate": "2023-03-14T18:34:19.000Z",
            "modelId": PLAN, "workspaceId": FINANCE, "processId": None, "nuxVisible": False, "notificationId": None,
            "schedule": {"status": "enabled", "type": "daily"},
            "latestRun": {key: value for key, value in runs()[0].items() if key not in ("id", "lastRun", "traceId")},
        }
    ]  # fmt: skip


def runs() -> list[Record]:
    return [
        {
            "id": f"run{n}", "lastRun": 1_700_000_000_000, "startDate": f"2026-11-2{n}T01:00:00.000Z",
            "endDate": f"2026-11-2{n}T01:02:00.000Z", "success": n != 2, "message": "Success" if n != 2 else "No file",
            "executionErrorCode": None if n != 2 else 101, "triggeredBy": "Anna Arndt", "triggerSource": "scheduled",
            "traceId": f"t{n}",
        }
        for n in (3, 2, 1)
    ]  # fmt: skip


def _scim_user(number: int, user: Record) -> Record:
    spaces = {ANNA: [FINANCE, OPERATIONS], BEN: [FINANCE]}.get(user["id"], [])
    record = {
        "id": user["id"], "userName": user["email"], "displayName": f"{user['firstName']} {user['lastName']}",
        "active": user["active"], "meta": {"created": f"2025-01-0{number + 1}T00:00:00.000Z"},
    }  # fmt: skip
    if spaces:
        record["entitlements"] = [{"value": one, "display": "…", "type": "WORKSPACE"} for one in spaces]
    return record
