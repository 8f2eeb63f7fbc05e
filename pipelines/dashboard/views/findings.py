"""Page: security findings, and the events behind each of them."""

from urllib.parse import quote

import pandas as pd
import streamlit as st

from pipelines.common.text import printable
from pipelines.dashboard import charts
from pipelines.dashboard.queries import findings

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, details, numbers, page_title, row

SEVERITIES = ("high", "medium", "low")
CHOICES = 200


def show(filters: Filters) -> None:
    """Draw the page `findings`."""
    page_title(
        "Security findings",
        "Events that may need a look. A finding says what the log shows, not that anybody did something wrong.",
    )
    by_rule = ask(findings.findings_by_rule(filters))
    counts = by_rule.groupby("severity")["findings"].sum() if len(by_rule) else {}
    numbers(
        {
            f"{severity.capitalize()} severity": (int(counts.get(severity, 0)), "Findings with events in the period.")
            for severity in SEVERITIES
        }
    )
    row(
        Panel(
            "Findings by rule",
            by_rule,
            lambda rows: charts.top_bars(rows, "what", "findings", 1),
            prepare=lambda rows: _described(rows, ask(findings.rules())),
            note="The rules and their thresholds are in pipelines/models/seeds/finding_rules.csv.",
        )
    )
    found = details("Findings", findings.findings(filters), note="Highest severity first.")
    if len(found):
        _evidence(found)


def _described(rows: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return rows
    rows = rows.merge(rules[["rule", "description"]], on="rule", how="left")
    rows["what"] = rows["rule"].str.replace("_", " ") + " (" + rows["severity"] + ")"
    order = rows["severity"].map({name: number for number, name in enumerate(SEVERITIES)})
    rows = rows.assign(order=order).sort_values(["order", "findings"], ascending=[True, False])
    return rows[["what", "findings", "rule", "severity", "description"]]


def _evidence(found: pd.DataFrame) -> None:
    with st.container(border=True):
        st.subheader("Evidence", anchor=False)
        chosen = st.selectbox(
            "Finding",
            range(min(CHOICES, len(found))),
            format_func=lambda number: _label(found.iloc[number]),
            index=None,
            placeholder="Choose a finding to see the events behind it",
            key="finding",
        )
    if chosen is not None:
        ids = str(found.iloc[chosen]["evidence_event_ids"] or "").split(",")
        # Another tab: the list of findings stays as it is.
        st.link_button(
            "Open in the event search",
            f"events?finding_id={quote(str(found.iloc[chosen]['finding_id']), safe='')}",
            icon=":material/search:",
        )
        details("Events behind the finding", findings.evidence([int(value) for value in ids if value.isdigit()]))


def _label(finding: pd.Series) -> str:
    return f"{finding['severity']} · {finding['ended_at']:%Y-%m-%d} · {printable(finding['finding'])}"
