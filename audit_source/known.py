"""What the destination already holds, for a caller that can query it. The source itself knows only its state."""

from typing import NamedTuple


class Known(NamedTuple):
    """Facts about earlier loads. Each of them may be missing.

    Attributes:
        tenant_id (str): `tenantId` of the loaded events.
        customer_id (str): `customerId` of the loaded users.
        newest_stamp (int): Newest time (epoch ms) that a load has written, for a version or a day.
        records (Dict[str, int]): Number of current records of each directory list.
        purged_before (int): Epoch ms of the first day that was not purged.
    """

    tenant_id: str | None = None
    customer_id: str | None = None
    newest_stamp: int = 0
    records: dict[str, int] = {}  # noqa: RUF012
    purged_before: int = 0


NOTHING_KNOWN = Known()
