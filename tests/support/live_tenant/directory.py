"""The directory of the company: ids and names, and the lists that the Integration API serves."""

from typing import Any

Record = dict[str, Any]
TENANT = "8a81b00e5a6c3d2f015a9be1c04d7e10"
ANNA, BEN, CARA, DIRK, AUDITOR, STRANGER = (f"8a81b09e5f{n:02d}4c1a015f7e21{n:02d}d9a4f3" for n in range(1, 7))
SYSTEM = "INTERNAL_12"
FINANCE, OPERATIONS = "8a81b00d6f20a4c7016f3b5e11aa0c01", "8a81b00d6f20a4c7016f3b5e11aa0c02"
# Upper case in the Integration API, lower case in events.
PLAN, SUPPLY, OLD, LOST = (f"{n:02d}B7F3A09C5E4D6C8A1F0E2D3C4B5A{n:02d}" for n in range(51, 55))
NAMES = {ANNA: "Anna Arndt", BEN: "Ben Bauer", CARA: "Cara Čapek", DIRK: "Dirk Dünn", AUDITOR: "Audit Service"}
MODEL_NAMES = {PLAN: "Plan 2026", SUPPLY: "Supply", OLD: "Plan 2019"}
WORKSPACE_NAMES = {FINANCE: "Finance", OPERATIONS: "Operations"}
WORKSPACE_OF = {PLAN: FINANCE, SUPPLY: OPERATIONS, OLD: FINANCE}


def users() -> list[Record]:
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


def workspaces() -> list[Record]:
    return [
        {"id": key, "name": name, "active": True, "sizeAllowance": 42_949_672_960, "currentSize": 217_689_238}
        for key, name in WORKSPACE_NAMES.items()
    ]


def models() -> list[Record]:
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
    # Some lists send the first field. An archived model uses no memory.
    found[0]["modelTransactionRunning"] = True
    del found[2]["memoryUsage"]
    return found
