"""Keeps two tenants apart: records of another tenant than the loaded ones are refused before they are written."""

import re
from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .errors import ConfigurationError

_TENANT_ID = re.compile(r"[0-9A-Fa-f]{32}")


class TenantGuard:
    """Remembers the tenant of the first load, in the state that dlt commits with the rows.

    Args:
        field (str): Field of the API with the tenant: `tenantId` of events, `customerId` of users.
        state (MutableMapping): State of the resource.
        loaded (str): Tenant of the rows in the destination, for a state without one.
        least (int): Number of foreign records, with none of the known tenant, that leads to refusal.
    """

    def __init__(self, field: str, state: MutableMapping[str, Any], loaded: str | None, least: int = 1) -> None:
        self._field, self._state, self._least = field, state, least
        self._foreign = 0
        # Whether a record has named the known tenant.
        self.is_known = False
        if loaded and _TENANT_ID.fullmatch(loaded) and "tenant" not in state:
            state["tenant"] = loaded.lower()

    @property
    def tenant(self) -> str | None:
        """The known tenant, or None before any record has named one."""
        known: str | None = self._state.get("tenant")
        return known

    @property
    def is_doubtful(self) -> bool:
        """Whether all records, few as they were, name another tenant."""
        return self._foreign > 0 and not self.is_known

    def check(self, ids: Iterable[Any] | pa.ChunkedArray) -> None:
        """Compare the tenant that most ids name with the known one, or remember it.

        Raises:
            ConfigurationError: It is another tenant.
        """
        counted = _count_tenants(ids)
        if not counted:
            return
        found = counted.most_common(1)[0][0]
        known = self._state.setdefault("tenant", found)
        self.is_known = self.is_known or known in counted
        self._foreign += counted.total() - counted[known]
        if not self.is_known and self._foreign >= self._least:
            raise ConfigurationError(
                f"tenant of the account (`{self._field}`)",
                f"it is {found}, but the database holds tenant {known}",
                "Use another database and DLT_DATA_DIR for this tenant, or the account of the other one. Nothing was "
                "written.",
            )


def _count_tenants(ids: Iterable[Any] | pa.ChunkedArray) -> Counter[str]:
    """Return how often each tenant id occurs, in lower case, without values that are not tenant ids."""
    if isinstance(ids, pa.ChunkedArray):
        counts = ((one["values"], one["counts"]) for one in pc.value_counts(ids).to_pylist())
    else:
        counts = ((value, 1) for value in ids)
    counted: Counter[str] = Counter()
    for value, count in counts:
        if value and _TENANT_ID.fullmatch(str(value)):
            counted[str(value).lower()] += count
    return counted
