"""Takes a gap or a finding off the list of what is open: somebody has seen it. The rows of the facts stay."""

from .account import account_name
from .alerts import alert_row
from .destination import Pipelines
from .exit_codes import CONFIGURATION, PipelineError
from .own_tables import ALERTS, OwnTables
from .reading import ENRICHED, RAW, Reader
from .status import gap_subject

GAPS, FINDINGS = "gaps", "findings"


def acknowledge(pipelines: Pipelines, reader: Reader, what: tuple[str, ...], note: str | None) -> int:
    """Records that gaps, findings, or single findings by their ids were seen; returns how many were open until now.

    Raises:
        PipelineError: There is no finding with such an id.
    """
    gaps = {gap_subject(row) for row in reader.rows(RAW, "select * from event_windows where status = 'expired'")}
    findings = {row["finding_id"] for row in reader.rows(ENRICHED, "select finding_id from security_findings")}
    chosen: set[tuple[str, str]] = set()
    for name in what:
        if name == GAPS:
            chosen |= {("gap", subject) for subject in gaps}
        elif name == FINDINGS:
            chosen |= {("finding", subject) for subject in findings}
        elif name in findings:
            chosen.add(("finding", name))
        else:
            raise PipelineError(
                CONFIGURATION, f"`{name}` is neither `{GAPS}`, `{FINDINGS}` nor a `finding_id` of `security_findings`."
            )
    tables = OwnTables(pipelines.raw)
    known = {(row["kind"], row["subject"]) for row in tables.select(ALERTS) if row["what"] == "acknowledged"}
    new = sorted(chosen - known)
    account = account_name()
    rows = [alert_row(kind, subject, "acknowledged", account=account, note=note) for kind, subject in new]
    tables.insert(ALERTS, rows)
    return len(rows)
