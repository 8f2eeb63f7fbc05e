"""Close gaps, incomplete windows and findings. Their rows stay; `alerts` records who closed them."""

import dlt

from audit_source.events.windows import Window
from pipelines.common.account import account_name
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.monitoring.alerts.detect import alert_row
from pipelines.transform.incremental import rows_of, utc_moment
from pipelines.warehouse.pipelines import Pipelines
from pipelines.warehouse.reader import ENRICHED, RAW, Reader, no_tables
from pipelines.warehouse.run_tables import ALERTS, OwnTables

from .status import gap_subject, incomplete_subject

GAPS, WINDOWS, FINDINGS = "gaps", "incomplete", "findings"

_INCOMPLETE = (
    "select event_type, window_start, distinct_events, reported_events from event_windows where status = 'incomplete'"
)


def acknowledge(
    pipelines: Pipelines, reader: Reader, what: tuple[str, ...], note: str | None, account: str | None = None
) -> int:
    """Close gaps, incomplete windows or findings. Return how many of them were open.

    Args:
        what (Tuple[str, ...]): `gaps`, `incomplete`, `findings`, rules or ids of findings.
        account (str): Who closes them; by default the account on this machine.

    Raises:
        PipelineError: No finding has this id, there is no such rule, or nothing was loaded yet.
    """
    if not reader.tables(RAW):
        raise no_tables()
    gaps = {gap_subject(row) for row in reader.rows(RAW, "select * from event_windows where status = 'expired'")}
    windows = {incomplete_subject(row) for row in reader.rows(RAW, _INCOMPLETE)}
    found = reader.rows(ENRICHED, "select finding_id, rule from security_findings")
    findings = {row["finding_id"] for row in found}
    rules = {row["rule"] for row in reader.rows(ENRICHED, "select rule from finding_rules")}
    chosen: set[tuple[str, str]] = set()
    for name in what:
        if name == GAPS:
            chosen |= {("gap", subject) for subject in gaps}
        elif name == WINDOWS:
            chosen |= {("incomplete", subject) for subject in windows}
        elif name == FINDINGS:
            chosen |= {("finding", subject) for subject in findings}
        elif name in findings:
            chosen.add(("finding", name))
        elif name in rules:
            chosen |= {("finding", row["finding_id"]) for row in found if row["rule"] == name}
        else:
            raise PipelineError(
                CONFIGURATION,
                f"`{name}` is neither `{GAPS}`, `{WINDOWS}`, `{FINDINGS}`, a rule of `finding_rules` nor a "
                "`finding_id` of `security_findings`.",
            )
    tables = OwnTables(pipelines.raw)
    known = {(row["kind"], row["subject"]) for row in tables.select(ALERTS) if row["what"] == "acknowledged"}
    new = sorted(chosen - known)
    account = account or account_name()
    rows = [alert_row(kind, subject, "acknowledged", account=account, note=note) for kind, subject in new]
    tables.insert(ALERTS, rows)
    return len(rows)


def still_open(raw: dlt.Pipeline, incomplete: list[Window]) -> list[Window]:
    """Return the incomplete windows of a run, except those that were acknowledged with the same counts."""
    if not incomplete:
        return []
    known = {
        row["subject"]
        for row in OwnTables(raw).select(ALERTS)
        if (row["kind"], row["what"]) == ("incomplete", "acknowledged")
    }
    if not known:
        return incomplete
    names = ("event_type", "window_start", "distinct_events", "reported_events")
    rows = [dict(zip(names, row, strict=True)) for row in rows_of(raw.dataset(), _INCOMPLETE)]
    closed = {
        int(utc_moment(row["window_start"]).timestamp() * 1000) for row in rows if incomplete_subject(row) in known
    }
    return [window for window in incomplete if window.start not in closed]
