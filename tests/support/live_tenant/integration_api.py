"""Users, workspaces and models: lists and single records, with the errors of the Integration API."""

import re
from datetime import datetime, timezone
from typing import Any

from tests.support.live_tenant.directory import Record

SORTED_BY = {
    "users": ("firstName", "lastName", "email", "active", "lastLoginDate"),
    "workspaces": ("name", "sizeAllowance"),
    "models": ("name", "activeState"),
}
# Sent only if the request asks for details.
DETAILS = {
    "workspaces": ("tenantDetails", ("sizeAllowance", "currentSize")),
    "models": (
        "modelDetails",
        (
            "lastSavedSerialNumber",
            "lastModifiedByUserGuid",
            "memoryUsage",
            "isoCreationDate",
            "lastModified",
            "modelTransactionRunning",
        ),
    ),
}


class IntegrationApi:
    """The lists of a tenant. `missing` maps lists that the account cannot see to the status it gets."""

    def __init__(self, lists: dict[str, list[Record]], most: int = 5_000) -> None:
        self.lists, self.most = lists, most
        self.missing: dict[str, int] = {}

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        name, _, key = path.removeprefix("/2/0/").partition("/")
        if name in self.missing:
            return error(self.missing[name], path, "You do not have the right to see this")
        if name not in self.lists:
            return error(404, path, "Resource not found")
        if not key:
            return self._list(path, name, query)
        wanted = {"me": self.lists["users"][-1]["id"]}.get(key, key) if name == "users" else key
        one = next((each for each in self.lists[name] if each["id"].lower() == wanted.lower()), None)
        if one is None:
            return error(404, path, "Resource not found")
        return 200, {
            "meta": {"schema": f"https://api.anaplan.com/2/0/objects/{name[:-1]}"},
            "status": _OK,
            name[:-1]: one,
        }

    def _list(self, path: str, name: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        records = list(self.lists[name])
        if "sort" in query:
            found = re.fullmatch(r"([+-])(\w+)", query["sort"])
            if not found or found[2] not in SORTED_BY[name]:
                return error(400, path, f"Invalid sort parameter '{query['sort']}'")
            records.sort(key=lambda one: str(one.get(found[2], "")), reverse=found[1] == "-")
        limit, offset = int(query.get("limit", self.most)), int(query.get("offset", 0))
        if not 0 < limit <= self.most or offset < 0:
            return error(400, path, "Invalid paging parameter")
        flag, details = DETAILS.get(name, ("", ()))
        hidden = set() if query.get(flag) == "true" else set(details)
        page = [{key: one[key] for key in one if key not in hidden} for one in records[offset : offset + limit]]
        paging: dict[str, Any] = {"currentPageSize": len(page), "totalSize": len(records), "offset": offset}
        if offset + len(page) < len(records):
            paging["next"] = f"{path}?limit={limit}&offset={offset + len(page)}"
        if offset:
            paging["previous"] = f"{path}?limit={limit}&offset={max(0, offset - limit)}"
        # An empty list omits the key.
        return 200, {"meta": {"paging": paging}, "status": _OK, **({name: page} if page else {})}


_OK = {"code": 200, "message": "Success"}


def error(status: int, path: str, message: str) -> tuple[int, dict[str, Any]]:
    """Return an error of the Integration API. Its form differs from that of the audit service."""
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return status, {"status": {"code": status, "message": message}, "path": path, "timestamp": at}
