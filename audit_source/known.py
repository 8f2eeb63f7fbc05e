"""What the destination holds already, for a caller that can ask it: the source itself knows its state only."""

from typing import NamedTuple


class Known(NamedTuple):
    """Facts about earlier loads, each of which may be missing.

    Attributes:
        tenant_id (str): `tenantId` of the loaded events.
        customer_id (str): `customerId` of the loaded users.
        newest_stamp (int): The newest moment (epoch ms) that a load has written, for a version or a day.
        records (Dict[str, int]): Number of current records of each directory list.
        purged_before (int): Start of the first day (epoch ms) that the purges have left.
    """

    tenant_id: str | None = None
    customer_id: str | None = None
    newest_stamp: int = 0
    records: dict[str, int] = {}  # noqa: RUF012
    purged_before: int = 0


NOTHING_KNOWN = Known()
