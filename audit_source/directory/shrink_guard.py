"""Compares a directory list with what was loaded before: it may belong to another tenant, or be truncated.

An account that loses a right sees a fraction of a list. dlt would retire every missing record.
"""

from collections.abc import MutableMapping
from typing import Any

from ..known import Known
from ..tenant_guard import TenantGuard

# This many records may always disappear: in a short list, a few leavers do not prove a lost right.
LEAST_LOST = 3


class DirectoryGuard:
    """Decides whether a list may be applied.

    Args:
        limit_percent (int): A list that lost a larger share of its records at once is not applied.
        accept (bool): Whether to apply it anyway.
        known (Known): Number of records of each list in the destination, for a state without it.
    """

    def __init__(self, limit_percent: int, accept: bool, known: Known) -> None:
        self._limit, self._accept, self._known = limit_percent, accept, known
        # Whether the tenant is known, but the users do not confirm it.
        self.is_unsure = False
        # Whether the list of users could not be read. That was reported, and explains the rest.
        self.users_failed = False

    def before(self, name: str, state: MutableMapping[str, Any]) -> int:
        """Return how many records the list had when it was last applied."""
        records = state.get("records")
        return int(self._known.records.get(name, 0) if records is None else records)

    def has_shrunk(self, name: str, records: list[Any], state: MutableMapping[str, Any]) -> bool:
        """Return whether the list lost more than it may. An empty list is never applied, even if it is accepted."""
        before = self.before(name, state)
        lost = before - len(records)
        return not self._accept and lost > LEAST_LOST and lost * 100 > before * self._limit

    def check_tenant(self, users: list[dict[str, Any]], state: MutableMapping[str, Any]) -> None:
        """Refuse the users of another tenant.

        Raises:
            ConfigurationError: They belong to another tenant than the loaded ones.
        """
        tenant = TenantGuard("customerId", state, self._known.customer_id)
        tenant.check(user.get("customerId") for user in users)
        self.is_unsure = tenant.tenant is not None and not tenant.is_known
