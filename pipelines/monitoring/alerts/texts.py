"""Texts of the alerts: what happened and what to do. They hold no secret, and nothing that a chat would act on."""

import socket
from datetime import datetime
from typing import Any

from pipelines.common.alert_settings import SEVERITIES
from pipelines.common.exit_codes import meaning_of
from pipelines.common.names import command_line
from pipelines.common.redaction import redact
from pipelines.common.tenants import chosen_tenant
from pipelines.common.text import printable
from pipelines.monitoring.problems import utc
from pipelines.monitoring.run_record import RunRecord
from pipelines.warehouse.engine import engine

SHOWN_FINDINGS = 5
LONGEST_TEXT = 300
# Anyone in the tenant can choose names and messages: their mentions, links and markup must not work in the chat.
_HARMLESS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b", "://": ":\u200b//", "](": "] (", "`": "'"}


def headline() -> str:
    """Name the installation that sends the alert."""
    tenant = chosen_tenant()
    of_tenant = f" of tenant {tenant}" if tenant else ""
    return f"*Anaplan audit log*{of_tenant} on {harmless(socket.gethostname())} ({harmless(engine().location())})"


def failed(record: RunRecord) -> str:
    """Describe a run that ended with an exit code other than 0."""
    line = harmless(record.error) or "See its output."
    return (
        f"• FAILED: `{record.command}` ended with exit code {record.exit_code} ({meaning_of(record.exit_code)}). "
        f"{line} No further message follows until it ends differently."
    )


def resolved(command: str, exit_code: int) -> str:
    """Describe a command that works again."""
    return f"• RESOLVED: `{command}` works again; it had ended with exit code {exit_code} ({meaning_of(exit_code)})."


def gap_found(start: datetime, end: datetime) -> str:
    """Describe lost events."""
    return (
        f"• LOST: events between {utc(start)} and {utc(end)} were not loaded before Anaplan deleted them. "
        "Schedule the pipeline more often than the retention period. To close the gap: "
        f"`{command_line('acknowledge gaps')}`."
    )


def certificate_ends(end: datetime, days_left: int) -> str:
    """Describe the certificate for sign-in: it expires soon, or it has expired."""
    if days_left < 0:
        what = f"expired on {utc(end)}. No run can sign in until you"
    else:
        what = f"expires in {days_left} day{'' if days_left == 1 else 's'}, on {utc(end)}. Before then,"
    return (
        f"• CERTIFICATE: the certificate for Anaplan {what} register a new one with Anaplan and set `certificate` and "
        "`private_key` under [sources.audit_source.credentials]."
    )


def alerting_failed(line: str) -> str:
    """Describe a failed look-up of new alerts."""
    return f"• ALERTING: some alerts could not be determined: {harmless(line)} See `status`."


def findings_found(findings: list[dict[str, Any]]) -> str:
    """Count new security findings by severity, and describe the first ones."""
    counts = [(sum(row["severity"] == severity for row in findings), severity) for severity in SEVERITIES]
    counted = ", ".join(f"{count} {severity}" for count, severity in counts if count)
    plural = "" if len(findings) == 1 else "s"
    lines = [f"• SECURITY: {len(findings)} new finding{plural} ({counted}). Look at them in `security_findings`."]
    for row in findings[:SHOWN_FINDINGS]:
        when = utc(row["started_at"]) if row["started_at"] is not None else "without a date"
        lines.append(f"    {row['severity']}, {when}: {harmless(row['finding'])}")
    if len(findings) > SHOWN_FINDINGS:
        lines.append(f"    and {len(findings) - SHOWN_FINDINGS} more")
    return "\n".join(lines)


def harmless(text: str | None) -> str:
    """Return an untrusted text as one line that a chat only displays."""
    line = printable(redact(text or "")) if text else ""
    line = line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
    for sign, replacement in _HARMLESS.items():
        line = line.replace(sign, replacement)
    return line
