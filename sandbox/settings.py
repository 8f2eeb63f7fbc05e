"""Every sandbox setting with its default, for the command line, `Sandbox(...)` and `/_sandbox/settings`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

ORDERS = ("asc", "desc", "random")
CERTIFICATE_FORMATS = ("both", "v2", "v1")


def knob(default: Any, text: str, **more: Any) -> Any:
    """Return a dataclass field with a help text."""
    return field(default=default, metadata={"help": text, **more})


@dataclass
class Settings:
    """Values that can change while the sandbox runs, except those of the company (first block)."""

    events: int = knob(100_000, "events spread over --days; a busy weekday has five times those of a Sunday")
    days: int = knob(30, "days of history at start")
    users: int = knob(250, "headcount of the company, constant over time")
    models: int = knob(0, "minimum number of models; added models appear in no event (0: only those in use)")
    seed: int = knob(7, "same seed, same company, same events")
    late_percent: float = knob(0.5, "percentage of events stored hours or days after they happened")
    odd_shapes: bool = knob(False, "fields as documentation shows them: sessions, nulls, padded codes")
    hostile_percent: float = knob(0.0, "percentage of events with HTML, formulas, newlines or emoji in their texts")
    incident_level: int = knob(
        1, "planted incidents: 1 the usual ones, 2 also failed changes, roles for the own account, mass deletions"
    )
    long_checksums: bool = knob(False, "send checksums of 64 hex digits, as some tenants do, instead of short numbers")
    history_rows_a_day: float = knob(4.0, "history rows per model and day, averaged over all models")
    weekend: float = knob(0.15, "volume of a Saturday or Sunday relative to a weekday (1.0: equal)")

    order: str = knob("asc", "order of events in an answer", choices=ORDERS)
    unstable_order: bool = knob(False, "shuffle on every request, so that pages overlap and miss events")
    retention_days: float = knob(30.0, "retention of the audit log in days (Anaplan: 30, on some editions 90)")
    page_cap: int | None = knob(None, "largest page served; a larger limit is reduced silently", type=int)
    default_limit: int = knob(10_000, "page size of a request without a limit")
    refuse_over_limit: bool = knob(False, "answer 204 without a body if limit is over 10,000")
    date_to_inclusive: bool = knob(False, "include an event exactly at dateTo")
    no_meta_single_page: bool = knob(False, "omit `meta` if the answer fits one page")
    next_offset_on_last: bool = knob(True, "send nextOffset on the last page too, equal to totalSize")
    search_next_url: bool = knob(False, "point nextUrl at /events/search, also after a GET")

    no_access_models: int = knob(0, "models with the role NO ACCESS: every request below answers 404")
    no_access_listed: bool = knob(False, "list these models in /models anyway")
    archived_status: int = knob(422, "status of every request below an archived model")
    cloudworks_refusal: int = knob(403, "status of CloudWorks for an account without its role", choices=(403, 452))
    export_polls: int = knob(2, "polls of a task until its export ends")
    history_tabs: bool = knob(False, "tabs instead of commas in a model history file")
    history_chunk_rows: int = knob(50_000, "rows in a chunk of a model history file")

    rate_limit: int = knob(600, "requests per minute for the whole tenant, refilled evenly; 0 = no limit")
    retry_after: int | None = knob(10, "seconds in Retry-After of a 429; 0 = no header", type=int)
    latency_ms: float = knob(0.0, "delay before every answer")
    token_seconds: float = knob(2100.0, "life of a token")
    certificate_format: str = knob(
        "both",
        "accepted forms of certificate sign-in; v1 refuses the v2 field",
        choices=CERTIFICATE_FORMATS,
    )
    server_date: bool = knob(False, "set `Date` of the answers from the sandbox's clock, not the machine's")
    rotate_refresh_tokens: bool = knob(False, "a refresh token works once; the answer contains the next one")
    device_interval: float = knob(5.0, "seconds between two polls of the device grant")
    device_auto_approve: int = knob(0, "approve a device code automatically at the n-th poll; 0 = never")

    def set(self, **values: Any) -> None:
        """Change settings by name. An unknown name or value is an error, so that a typo in a test cannot pass."""
        known = {item.name for item in fields(self)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        for item in fields(self):
            choices = item.metadata.get("choices")
            if choices and values.get(item.name, choices[0]) not in choices:
                raise ValueError(f"{item.name} must be one of {', '.join(map(str, choices))}")
        for name, value in values.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
