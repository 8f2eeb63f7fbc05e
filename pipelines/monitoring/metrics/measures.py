"""What is measured: the state of the destination and its last runs as numbers."""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

from pipelines.common.alert_settings import SEVERITIES
from pipelines.common.tenants import chosen_tenant
from pipelines.monitoring.status import MAX_AGE, read_status
from pipelines.warehouse.reader import RAW, Reader
from pipelines.warehouse.run_tables import RUNS

PREFIX = "anaplan_audit_"
# The label `tenant` of an installation without tenants.
NO_TENANT = "default"
STEPS = ("load", "history", "enrich", "check")

# Dashboards and alert rules name these metrics and labels: new ones may be added, existing ones never change.
DESCRIPTIONS = {
    "last_success_timestamp_seconds": "When the command last ended with exit code 0",
    "last_run_timestamp_seconds": "When the last run of the command that ended began",
    "last_run_exit_code": "Exit code of the last run of the command that ended",
    "last_run_new_events": "Events that the last run of the command loaded for the first time",
    "last_run_seconds": "Seconds of the last run of the command, by step; `total` is the whole run",
    "newest_event_timestamp_seconds": "When the newest loaded event happened",
    "newest_event_age_seconds": "Age of the newest loaded event when this was written",
    "covered_until_timestamp_seconds": "Until when every requested event type is loaded completely",
    "rows": "Rows of the table",
    "gaps": "Lost spans of events that nobody acknowledged",
    "incomplete_windows": "Windows that the next run fetches again and that nobody acknowledged",
    "open_findings": "Security findings that nobody acknowledged",
    "certificate_expiry_timestamp_seconds": "When the certificate for the sign-in to Anaplan expires",
}


class Sample(NamedTuple):
    """A value with the labels that tell it from others of its name; `tenant` is added when it is written."""

    name: str
    value: float
    labels: dict[str, str]


class Measure(NamedTuple):
    """A gauge: its full name, its meaning, and its values with all labels."""

    name: str
    description: str
    samples: list[Sample]

    @property
    def unit(self) -> str:
        """The unit in UCUM: seconds, or none."""
        return "s" if self.name.endswith("_seconds") else ""


def read_measures(reader: Reader, now: datetime | None = None) -> list[Measure]:
    """Return the measures of a destination. A measure without any value is left out."""
    now = now or datetime.now(timezone.utc)
    found = [*_of_runs(reader), *_of_events(reader, now), *_of_status(read_status(reader, MAX_AGE, 0, now))]
    tenant = {"tenant": chosen_tenant() or NO_TENANT}
    measures = []
    for name, description in DESCRIPTIONS.items():
        samples = [one._replace(labels={**tenant, **one.labels}) for one in found if one.name == name]
        if samples:
            measures.append(Measure(f"{PREFIX}{name}", description, samples))
    return measures


def _of_runs(reader: Reader) -> Iterator[Sample]:
    succeeded = f"select command, max(ended_at) as ended_at from {RUNS} where exit_code = 0 group by command"
    for row in reader.rows(RAW, succeeded):
        yield Sample("last_success_timestamp_seconds", row["ended_at"].timestamp(), {"command": row["command"]})
    newest = f"select command, max(started_at) as started_at from {RUNS} where ended_at is not null group by command"
    last = f"select r.* from {RUNS} as r join ({newest}) as n on r.command = n.command and r.started_at = n.started_at"
    for row in reader.rows(RAW, last):
        yield from _of_run(row)


def _of_run(run: dict[str, Any]) -> Iterator[Sample]:
    command = {"command": run["command"]}
    yield Sample("last_run_timestamp_seconds", run["started_at"].timestamp(), command)
    yield Sample("last_run_exit_code", run["exit_code"], command)
    if run["new_events"] is not None:
        yield Sample("last_run_new_events", run["new_events"], command)
    for step, column in (*((step, f"{step}_seconds") for step in STEPS), ("total", "seconds")):
        if run.get(column) is not None:
            yield Sample("last_run_seconds", run[column], {**command, "step": step})


def _of_events(reader: Reader, now: datetime) -> Iterator[Sample]:
    for row in reader.rows(RAW, "select max(event_date) as newest from events"):
        if row["newest"] is not None:
            yield Sample("newest_event_timestamp_seconds", row["newest"].timestamp(), {})
            yield Sample("newest_event_age_seconds", (now - row["newest"]).total_seconds(), {})


def _of_status(status: dict[str, Any]) -> Iterator[Sample]:
    until = status["freshness"]["covered_until"]
    if until is not None:
        yield Sample("covered_until_timestamp_seconds", until.timestamp(), {})
    for table in status["tables"]:
        yield Sample("rows", table["rows"], {"dataset": table["dataset"], "table": table["table"]})
    for name in ("gaps", "incomplete_windows"):
        yield Sample(name, sum(not one["acknowledged"] for one in status[name]), {})
    for severity in SEVERITIES:
        yield Sample("open_findings", status["findings"][severity], {"severity": severity})
    certificate = status["sign_in"]["certificate_expires_at"]
    if certificate is not None:
        yield Sample("certificate_expiry_timestamp_seconds", datetime.fromisoformat(certificate).timestamp(), {})
