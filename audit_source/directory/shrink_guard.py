"""Compares a list with what was loaded before: it may belong to another tenant, or be truncated.

An account that loses a right sees a fraction of a list. dlt would retire every missing record.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from ..extract_report import Run, ShrunkList
from ..known import Known
from ..tenant_guard import TenantGuard

# This many records may always disappear: in a short list, a few leavers do not prove a lost right.
LEAST_LOST = 3


class DirectoryGuard:
    """Decides whether a list may be applied.

    Args:
        limit_percent (int): A list that lost a larger share of its records at once is not applied.
        accept (bool): Whether to apply it anyway.
        known (Known): What the destination holds.

    Attributes:
        records (Mapping[str, int]): Number of records of each list in the destination, for a state without it.
    """

    def __init__(self, limit_percent: int, accept: bool, known: Known) -> None:
        self._limit, self._accept, self._known = limit_percent, accept, known
        self.records: Mapping[str, int] = known.records
        # Whether the tenant is known, but the users do not confirm it.
        self.is_unsure = False
        # Whether the list of users could not be read. That was reported, so an unconfirmed tenant needs no second
        # report.
        self.users_failed = False

    def accepts(self, name: str, records: list[Any], state: MutableMapping[str, Any], run: Run) -> bool:
        """Return whether a list may be applied, and note in `run` if it lost too many records at once.

        Callers never apply an empty list, even if it is accepted: it would retire every record.
        """
        before = self._before(name, state)
        lost = before - len(records)
        if not self._accept and lost > LEAST_LOST and lost * 100 > before * self._limit:
            run.shrunk.append(ShrunkList(name, before, len(records)))
            return False
        state["records"] = len(records)
        return True

    def check_tenant(self, users: list[dict[str, Any]], state: MutableMapping[str, Any]) -> None:
        """Refuse the users of another tenant.

        Raises:
            ConfigurationError: They belong to another tenant than the loaded ones.
        """
        tenant = TenantGuard("customerId", state, self._known.customer_id)
        tenant.check(user.get("customerId") for user in users)
        self.is_unsure = tenant.tenant is not None and not tenant.is_known

    def _before(self, name: str, state: MutableMapping[str, Any]) -> int:
        """Return how many records the list had when it was last applied."""
        records = state.get("records")
        return int(self.records.get(name, 0) if records is None else records)
