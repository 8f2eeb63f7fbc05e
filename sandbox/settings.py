"""Every knob of the sandbox, with its default. The command line, `Sandbox(...)` and `/_sandbox/settings` share them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

ORDERS = ("asc", "desc", "random")
CERTIFICATE_FORMATS = ("both", "v2", "v1")


def knob(default: Any, text: str, **more: Any) -> Any:
    """A dataclass field that carries its own help text."""
    return field(default=default, metadata={"help": text, **more})


@dataclass
class Settings:
    """Values that may be changed while the sandbox runs, except those of the company (first block)."""

    events: int = knob(100_000, "events spread over --days; a busy weekday has five times those of a Sunday")
    days: int = knob(30, "days of history at start")
    users: int = knob(250, "people of the company at any time")
    models: int = knob(0, "models of the company at least; the added ones are in no event (0: those in use)")
    seed: int = knob(7, "same seed, same company, same events")
    late_percent: float = knob(0.5, "events that are stored hours or days after they happened, in percent")
    odd_shapes: bool = knob(False, "fields as documentation shows them: sessions, nulls, padded codes")
    hostile_percent: float = knob(0.0, "events with HTML, formulas, newlines, emoji in their texts, in percent")
    long_checksums: bool = knob(False, "checksums of 64 hex digits, as some tenants send, instead of short numbers")
    history_rows_a_day: float = knob(4.0, "rows that a day adds to the history of a model, on the average of all")
    weekend: float = knob(0.15, "volume of a Saturday or Sunday, as a part of a weekday's (1.0: all days alike)")

    order: str = knob("asc", "order of the events in an answer", choices=ORDERS)
    unstable_order: bool = knob(False, "shuffle again at every request, so that pages overlap and miss events")
    retention_days: float = knob(30.0, "days that the audit log is kept (Anaplan: 30, on some editions 90)")
    page_cap: int | None = knob(None, "largest page served; a larger limit is cut without a word", type=int)
    default_limit: int = knob(10_000, "events of an answer when the request names no limit")
    refuse_over_limit: bool = knob(False, "answer 204 without a body when limit is over 10,000")
    date_to_inclusive: bool = knob(False, "an event exactly at dateTo belongs to the window")
    no_meta_single_page: bool = knob(False, "leave out `meta` when the answer fits one page")
    next_offset_on_last: bool = knob(True, "name nextOffset on the last page too, equal to totalSize")
    search_next_url: bool = knob(False, "let nextUrl point at /events/search, also after a GET")

    no_access_models: int = knob(0, "models in which the account has the role NO ACCESS: everything below is 404")
    no_access_listed: bool = knob(False, "list these models in /models all the same")
    archived_status: int = knob(422, "status of everything below an archived model")
    cloudworks_refusal: int = knob(403, "status of CloudWorks for an account without its role", choices=(403, 452))
    export_polls: int = knob(2, "polls of a task until its export has ended")
    history_tabs: bool = knob(False, "tabs instead of commas in the file of a model's history")
    history_chunk_rows: int = knob(50_000, "rows in a chunk of that file")

    rate_limit: int = knob(600, "requests a minute of the whole tenant, refilled evenly; 0 = no limit")
    retry_after: int | None = knob(10, "seconds in Retry-After of a 429; 0 = header left out", type=int)
    latency_ms: float = knob(0.0, "pause before every answer")
    token_seconds: float = knob(2100.0, "life of a token")
    certificate_format: str = knob(
        "both",
        "accepted forms of certificate sign-in; v1 refuses the field of v2",
        choices=CERTIFICATE_FORMATS,
    )
    server_date: bool = knob(False, "`Date` of the answers follows the sandbox's clock, not the machine's")
    rotate_refresh_tokens: bool = knob(False, "a refresh token dies when it is used; the answer has the next one")
    device_interval: float = knob(5.0, "seconds between two polls of the device grant")
    device_auto_approve: int = knob(0, "approve a device code by itself at the n-th poll; 0 = never")

    def set(self, **values: Any) -> None:
        """Changes knobs by name; an unknown name or value is an error, so that no test steers nothing."""
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
