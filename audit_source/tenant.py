"""Keeps two tenants apart: what belongs to another tenant than the rows of before is refused before it is written."""

from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .errors import ConfigurationError


class TenantGuard:
    """Remembers the tenant of the first load, in the state that commits with the rows.

    Args:
        field (str): Field of the API that names the tenant: `tenantId` of events, `customerId` of users.
        state (MutableMapping): State of the resource.
        loaded (str): The tenant of the rows in the destination, for a state of before this was remembered.
    """

    def __init__(self, field: str, state: MutableMapping[str, Any], loaded: str | None) -> None:
        self._field, self._state = field, state
        if loaded and "tenant" not in state:
            state["tenant"] = loaded.lower()

    def check(self, ids: Iterable[Any] | pa.ChunkedArray) -> None:
        """Compare the tenant that most of the ids name with the known one, or remember it.

        Raises:
            ConfigurationError: It is another tenant.
        """
        if isinstance(ids, pa.ChunkedArray):
            counts = ((one["values"], one["counts"]) for one in pc.value_counts(ids).to_pylist())
        else:
            counts = ((value, 1) for value in ids)
        counted: Counter[str] = Counter()
        for value, count in counts:
            if value:
                counted[str(value).lower()] += count
        if not counted:
            return
        found = counted.most_common(1)[0][0]
        known = self._state.setdefault("tenant", found)
        if known not in counted:
            raise ConfigurationError(
                f"tenant of the account (`{self._field}`)",
                f"it is {found}, but the database holds tenant {known}",
                "Use another database and DLT_DATA_DIR for this tenant, or the account of the other one. Nothing was "
                "written.",
            )
