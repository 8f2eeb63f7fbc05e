"""The words of the alerts: what happened and what to do; never a secret, and nothing that a chat would act upon."""

import socket
from datetime import datetime
from typing import Any

from pipelines.common.configuration import SEVERITIES
from pipelines.common.exit_codes import meaning_of
from pipelines.common.redaction import redact
from pipelines.common.text import printable
from pipelines.monitoring.problems import utc
from pipelines.monitoring.run_record import RunRecord
from pipelines.warehouse.engine import engine

SHOWN_FINDINGS = 5
LONGEST_TEXT = 300
# Names and messages come from anyone in the tenant: no mention, link or markup of theirs may work in the chat.
_HARMLESS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b", "://": ":\u200b//", "](": "] (", "`": "'"}


def headline() -> str:
    """Which installation speaks."""
    return f"*Anaplan audit log* on {harmless(socket.gethostname())} ({harmless(engine().location())})"


def failed(record: RunRecord) -> str:
    """A run that ended with another exit code than 0."""
    line = harmless(record.error) or "See its output."
    return (
        f"• FAILED: `{record.command}` ended with exit code {record.exit_code} ({meaning_of(record.exit_code)}). "
        f"{line} There is no further message until it ends otherwise."
    )


def resolved(command: str, exit_code: int) -> str:
    """A command that works again."""
    return f"• RESOLVED: `{command}` works again; it had ended with exit code {exit_code} ({meaning_of(exit_code)})."


def gap_found(start: datetime, end: datetime) -> str:
    """Events that are lost."""
    return (
        f"• LOST: events between {utc(start)} and {utc(end)} were not loaded in time, Anaplan keeps them no longer. "
        "Schedule the pipeline more often than the retention. Once you have taken note: "
        "`python -m pipelines.audit acknowledge gaps`."
    )


def certificate_ends(end: datetime, days_left: int) -> str:
    """The certificate that signs in: it expires soon, or it has expired."""
    if days_left < 0:
        what = f"expired on {utc(end)}. No run can sign in until you"
    else:
        what = f"expires in {days_left} day{'' if days_left == 1 else 's'}, on {utc(end)}. Before then,"
    return (
        f"• CERTIFICATE: what signs in to Anaplan {what} register a new one with Anaplan and set `certificate` and "
        "`private_key` under [sources.audit_source.credentials]."
    )


def alerting_failed(line: str) -> str:
    """Something that should have been alerted could not be looked up."""
    return f"• ALERTING: a part of what to alert could not be looked up: {harmless(line)} See `status`."


def findings_found(findings: list[dict[str, Any]]) -> str:
    """Security findings, the first of them in words."""
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
    """A text of somebody else's as one line that a chat shows and does nothing with."""
    line = printable(redact(text or "")) if text else ""
    line = line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
    for sign, replacement in _HARMLESS.items():
        line = line.replace(sign, replacement)
    return line
