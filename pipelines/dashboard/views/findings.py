"""Page: security findings, which of them were acknowledged, and the events behind each of them."""

from shlex import quote as quote_for_shell
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from pipelines.common.configuration import can_acknowledge_in_dashboard
from pipelines.common.exit_codes import explain
from pipelines.common.names import command_line
from pipelines.common.text import printable
from pipelines.dashboard import charts, data_access
from pipelines.dashboard.queries import findings

from ..acknowledgements import ACKNOWLEDGED, OPEN, acknowledge_findings, with_state
from ..cached import ask
from ..filters import Filters
from ..panels import Panel, details, numbers, page_title, row
from ..queries.shapes import DETAILS
from ..tenants import address_part

SEVERITIES = ("high", "medium", "low")
CHOICES = 200
ALL = "all"
# What the last click did, until it is shown: how to show it, and the text.
DONE = "acknowledgement"


def show(filters: Filters) -> None:
    """Draw the page `findings`."""
    page_title(
        "Security findings",
        "Events that may need a look. A finding says what the log shows, not that anybody did something wrong.",
    )
    _say_what_was_done()
    every = with_state(ask(findings.every_finding(filters)))
    chosen = _choose(every)
    states = every["state"].value_counts()
    counts = chosen["severity"].value_counts()
    numbers(
        {
            **{
                f"{severity.capitalize()} severity": (int(counts.get(severity, 0)), "Of the findings chosen above.")
                for severity in SEVERITIES
            },
            "Open": (int(states.get(OPEN, 0)), "Findings of the period that nobody acknowledged."),
            "Acknowledged": (int(states.get(ACKNOWLEDGED, 0)), "Findings of the period that somebody acknowledged."),
        }
    )
    row(
        Panel(
            "Findings by rule",
            chosen,
            lambda rows: charts.top_bars(rows, "what", "findings", 1),
            prepare=lambda rows: _by_rule(rows, ask(findings.rules())),
            note="The rules and their thresholds are in pipelines/models/seeds/finding_rules.csv.",
        )
    )
    row(
        Panel(
            "Findings a day",
            chosen,
            lambda rows: charts.daily_bars(rows, "findings", filters, "severity", SEVERITIES),
            prepare=lambda rows: _by_day(rows, filters),
            note="By the day of the last event.",
        )
    )
    found = with_state(ask(findings.findings_with(chosen["finding_id"].tolist()[:DETAILS])))
    details("Findings", found, note="Highest severity first.")
    _acknowledge_all(chosen)
    if len(found):
        _evidence(found.set_index("finding_id", drop=False))


def _choose(every: pd.DataFrame) -> pd.DataFrame:
    """Draw the filters of this page; return the chosen findings."""
    left, middle, right = st.columns(3)
    with left:
        state = st.selectbox("State", [ALL, OPEN, ACKNOWLEDGED], key="state", bind="query-params", filter_mode=None)
    with middle:
        severity = st.selectbox("Severity", [ALL, *SEVERITIES], key="severity", bind="query-params", filter_mode=None)
    with right:
        known = sorted(ask(findings.rules())["rule"])
        rules = st.multiselect("Rule", known, key="rule", bind="query-params", placeholder="All")
    chosen = pd.Series(True, index=every.index)
    if state in (OPEN, ACKNOWLEDGED):
        chosen &= every["state"] == state
    if severity in SEVERITIES:
        chosen &= every["severity"] == severity
    if rules:
        chosen &= every["rule"].isin(rules)
    return every[chosen]


def _by_rule(rows: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return rows
    counts = rows.groupby(["rule", "severity", "state"]).size().unstack("state", fill_value=0)
    counts = counts.reindex(columns=[OPEN, ACKNOWLEDGED], fill_value=0).reset_index()
    counts = counts.assign(findings=counts[OPEN] + counts[ACKNOWLEDGED])
    counts = counts.merge(rules[["rule", "description"]], on="rule", how="left")
    counts["what"] = counts["rule"].map(_spaced) + " (" + counts["severity"] + ")"
    order = counts["severity"].map({name: number for number, name in enumerate(SEVERITIES)})
    counts = counts.assign(order=order).sort_values(["order", "findings"], ascending=[True, False])
    return counts[["what", "findings", OPEN, ACKNOWLEDGED, "rule", "severity", "description"]]


def _by_day(rows: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    if rows.empty:
        return rows
    days = rows["ended_at"].dt.tz_localize(None).dt.normalize().clip(upper=pd.Timestamp(filters.last))
    return rows.assign(event_day=days).groupby(["event_day", "severity"]).size().reset_index(name="findings")


def _evidence(found: pd.DataFrame) -> None:
    with st.container(border=True):
        st.subheader("Evidence", anchor=False)
        chosen = st.selectbox(
            "Finding",
            found.index[:CHOICES].tolist(),
            format_func=lambda finding_id: _label(found.loc[finding_id]),
            index=None,
            placeholder="Choose a finding to see the events behind it",
            key="finding",
        )
        if chosen is None:
            return
        finding = found.loc[chosen]
        _acknowledgement(finding)
    ids = str(finding["evidence_event_ids"] or "").split(",")
    # Another tab: the list of findings stays as it is.
    st.link_button(
        "Open in the event search",
        f"events?{address_part()}finding_id={quote(str(chosen), safe='')}",
        icon=":material/search:",
    )
    details("Events behind the finding", findings.evidence([int(value) for value in ids if value.isdigit()]))


def _acknowledgement(finding: pd.Series) -> None:
    """Show who acknowledged the finding, or let the reader do so."""
    if finding["state"] == ACKNOWLEDGED:
        # As text: the note is in somebody's words.
        note = f": {finding['note']}" if isinstance(finding["note"], str) else "."
        st.text(f"Acknowledged on {finding['acknowledged_at']:%-d %b %Y} by {finding['acknowledged_by']}{note}")
    elif can_acknowledge_in_dashboard():
        st.text_input("Reason, and who you are", key="note", max_chars=500, icon=":material/edit:")
        st.button(
            "Acknowledge this finding",
            on_click=_acknowledge,
            args=([finding["finding_id"]], "note"),
            icon=":material/done:",
            help="`status` no longer counts it. Its row stays; the table `alerts` keeps the reason.",
        )
    else:
        st.caption("To acknowledge it, once you know its reason:")
        subject = quote_for_shell(printable(finding["finding_id"]))
        st.code(command_line(f"acknowledge {subject}"), language=None)


def _acknowledge_all(chosen: pd.DataFrame) -> None:
    """Let the reader acknowledge every open finding that the filters of the page leave, where a setting allows it."""
    still_open = chosen.loc[chosen["state"] == OPEN, "finding_id"].tolist()
    if len(still_open) < 2 or not can_acknowledge_in_dashboard():
        return
    with st.expander(
        f"Acknowledge all {len(still_open):,} open findings of this selection", icon=":material/done_all:"
    ):
        st.text_input("Reason for all of them, and who you are", key="note_all", max_chars=500, icon=":material/edit:")
        st.button("Acknowledge all of them", on_click=_acknowledge, args=(still_open, "note_all"))


def _acknowledge(finding_ids: list[str], note: str) -> None:
    # Called before the page is drawn, so this session holds no database open.
    try:
        new = acknowledge_findings(finding_ids, str(st.session_state.get(note) or ""))
        st.session_state[note] = ""
        done = f"Acknowledged {new:,} findings." if len(finding_ids) > 1 else "Acknowledged."
        said: tuple[Any, str] = (st.success, done if new else "Somebody acknowledged it already.")
    except data_access.Busy:
        said = (st.warning, "Not acknowledged: a run or a reader holds the database. Try again when it has ended.")
    except Exception as error:
        said = (st.error, f"Not acknowledged: {explain(error)[1]}")
    st.session_state[DONE] = said


def _say_what_was_done() -> None:
    draw, text = st.session_state.pop(DONE, (None, ""))
    if draw is st.error:
        # The message may contain text of others.
        st.error("Nothing was acknowledged.", icon=":material/error:")
        st.text(text)
    elif draw:
        draw(text)


def _spaced(rule: str) -> str:
    return str(rule).replace("_", " ")


def _label(finding: pd.Series) -> str:
    done = f" · {ACKNOWLEDGED}" if finding["state"] == ACKNOWLEDGED else ""
    return f"{finding['severity']}{done} · {finding['ended_at']:%Y-%m-%d} · {printable(finding['finding'])}"
