"""Which run holds the lease of the destination, on engines that have one."""

from typing import Any

from pipelines.warehouse.engine import engine
from pipelines.warehouse.lease.rules import Row, claims_of, holder
from pipelines.warehouse.lease.table import COLUMNS, LEASES
from pipelines.warehouse.reader import RAW, Reader

Json = dict[str, Any]

_QUERY = f"select {', '.join(COLUMNS)}, cast(current_timestamp as timestamptz) as read_at from {LEASES}"


def read_lease(reader: Reader | None) -> Json | None:
    """Return machine, process and moments of the run that holds the lease, or None."""
    found = reader.rows(RAW, _QUERY) if reader is not None and engine().has_lease else []
    if not found:
        return None
    claims = claims_of(Row(**{name: row[name] for name in COLUMNS}) for row in found)
    held = holder(claims, found[0]["read_at"])
    return held and {"host": held.host, "pid": held.pid, "since": held.since, "until": held.until}
