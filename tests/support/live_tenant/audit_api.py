"""`GET /audit/api/1/events` with its pagination, its limits and its retention of 30 or 90 days."""

import hashlib
from typing import Any
from urllib.parse import urlencode

from tests.support.live_tenant.company import DAY, HOUR
from tests.support.live_tenant.directory import Record

TYPES = {
    "user_activity": "USR-",
    "access_control": "AUTHZ-",
    "int": "INT-",
    "conn_mgmt": "CONN-",
    "comment": "COMMENT-",
    "byok": ("DSM-", "BYOK-"),
    "plan_iq": "PIQ-",
    "forecaster": "FRCST-",
}
_BAD = {"status": "FAILURE_BAD_REQUEST", "statusMessage": "Date range cannot exceed 30 days"}


class AuditApi:
    """Events of a tenant.

    Args:
        retention_days: Retention of an event.
        most: Largest page size.
        strict_limit: Whether a larger limit gets a 204, as documented, or is accepted, as observed.
        meta: `always`, or `if_needed`: absent if one page holds everything.
    """

    def __init__(
        self,
        events: list[Record],
        retention_days: int = 30,
        most: int = 10_000,
        strict_limit: bool = True,
        meta: str = "always",
    ) -> None:
        self.events, self.retention_days, self.most = events, retention_days, most
        self.strict_limit, self.meta = strict_limit, meta

    def answer(self, base: str, query: dict[str, str], now: int) -> tuple[int, dict[str, Any] | None]:
        try:
            start, end = _span(query, now)
            limit, offset = int(query.get("limit", self.most)), int(query.get("offset", 0))
        except ValueError:
            return 400, _BAD
        if end - start > 30 * DAY:
            return 400, _BAD
        if limit > self.most and self.strict_limit:
            return 204, None
        # Both ends are inclusive; an unknown type does not filter.
        prefix = TYPES.get(query.get("type", "all"), "")
        kept = max(start, now - self.retention_days * DAY)
        found = [
            one for one in self.events if kept <= one["eventDate"] <= end and one["eventTypeId"].startswith(prefix)
        ]
        # Events stored later than now are not visible yet. The order is arbitrary.
        found = sorted((one for one in found if one["createdDate"] <= now), key=_shuffled)
        page = found[offset : offset + limit]
        answer: dict[str, Any] = {"response": page}
        if self.meta == "always" or len(page) < len(found):
            answer = {"meta": {"paging": _paging(base, query, page, found, offset, limit)}, **answer}
        return 200, answer


def _paging(
    base: str, query: dict[str, str], page: list[Record], found: list[Record], offset: int, limit: int
) -> dict[str, Any]:
    paging: dict[str, Any] = {"currentPageSize": len(page), "totalSize": len(found), "offSet": offset}
    # Sent on the last page too; the address is the POST endpoint.
    paging["nextOffset"] = offset + len(page)
    rest = {key: value for key, value in query.items() if key not in ("offset", "limit")}
    paging["nextUrl"] = f"{base}/search?{urlencode({**rest, 'limit': limit, 'offset': offset + len(page)})}"
    if offset:
        paging["previousUrl"] = f"{base}?{urlencode({**rest, 'limit': limit, 'offset': max(0, offset - limit)})}"
    return paging


def _span(query: dict[str, str], now: int) -> tuple[int, int]:
    if "intervalInHours" in query:
        return now - int(query["intervalInHours"]) * HOUR, now
    end = int(query.get("dateTo", now))
    return int(query.get("dateFrom", end - 30 * DAY)), end


def _shuffled(event: Record) -> bytes:
    return hashlib.sha256(str(event["id"]).encode()).digest()
