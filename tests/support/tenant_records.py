"""Directory lists and audit events of a small tenant, as Anaplan's API sends them."""

import time
from typing import Any

from tests.conftest import event
from tests.support.hostile_values import HOSTILE

DAY = 86_400_000
USERS = [
    {"id": f"u{i}", "firstName": f"First{i}", "lastName": "Last", "email": f"u{i}@example.com", "active": True,
     "emailOptIn": True, "customerId": "c", **({"lastLoginDate": "2026-11-01T08:00:00.000+0000"} if i else {})}
    for i in range(5)
]  # fmt: skip
LISTS = {
    "users": USERS,
    "workspaces": [{"id": "w1", "name": "Finance", "active": True, "sizeAllowance": 2**40, "currentSize": 1}],
    "models": [{"id": "ABCDEF", "name": "Forecast", "activeState": "UNLOCKED", "currentWorkspaceId": "w1",
                "currentWorkspaceName": "Finance", "lastModified": "2026-11-01T08:00:00.000+0000", "memoryUsage": 5,
                "categoryValues": [{"id": "a"}]}],
}  # fmt: skip


def month_of_events(number: int = 400) -> list[dict[str, Any]]:
    """Return events over the last 29 days with every kind of odd value, the last one five minutes old."""
    now = int(time.time() * 1000)
    return [
        event(
            i,
            now - 5 * 60_000 - (number - 1 - i) * (29 * DAY // number),
            eventTypeId=["USR-8", "USR-08", "DSM-DAO0267I", "NEW-001"][i % 4],
            message=HOSTILE[i % len(HOSTILE)],
            userAgent=HOSTILE[(i + 1) % len(HOSTILE)],
            additionalAttributes=[None, {}, "bare", {"modelId": "M", "name": HOSTILE[i % 9], "other": {"a": i}}][i % 4],
            errorNumber="",
            **({"sensitivity": {"level": i}} if i % 100 == 7 else {}),
        )
        for i in range(number)
    ]
