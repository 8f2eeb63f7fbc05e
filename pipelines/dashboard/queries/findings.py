"""Security findings, their rules and the events behind them."""

from collections.abc import Sequence

from sqlglot import exp

from ..filters import ACTOR_OR_TARGET, Filters
from .shapes import DETAILS, Query, newest_rows, select

COLUMNS = (
    "severity, rule, finding, user_label, target_user_label, evidence_count, started_at, ended_at, user_id,"
    " target_user_id, evidence_event_ids, finding_id"
)
ORDER = "order by case severity when 'high' then 0 when 'medium' then 1 else 2 end, ended_at desc, finding_id"


def findings(filters: Filters, limit: int = DETAILS) -> Query:
    """Return findings whose events overlap the days; highest severity first, then newest."""
    return select(
        f"select {COLUMNS} from security_findings {ORDER} limit {int(limit)}",
        filters.moments("started_at", "ended_at", ACTOR_OR_TARGET),
    )


def every_finding(filters: Filters) -> Query:
    """Return severity, rule, ended_at, finding_id of all these findings, in the same order."""
    return select(
        f"select severity, rule, ended_at, finding_id from security_findings {ORDER}",
        filters.moments("started_at", "ended_at", ACTOR_OR_TARGET),
    )


def findings_with(finding_ids: Sequence[str]) -> Query:
    """Return the findings with these ids, in the same order and with the columns of `findings`."""
    chosen = exp.column("finding_id").isin(*map(exp.Literal.string, finding_ids))
    return select(f"select {COLUMNS} from security_findings {ORDER}", [chosen if finding_ids else exp.false()])


def findings_by_rule(filters: Filters) -> Query:
    """Return rule, severity, findings."""
    sql = "select rule, severity, count(*) as findings from security_findings group by rule, severity"
    return select(sql, filters.moments("started_at", "ended_at", ACTOR_OR_TARGET))


def rules() -> Query:
    """Return the rules with severity and description."""
    return select("select rule, severity, description from finding_rules")


def evidence(event_ids: Sequence[int]) -> Query:
    """Return the events behind a finding."""
    columns = (
        "occurred_at, event_message, success, user_label, target_user_label, object_name, role_name,"
        " workspace_name, model_name, ip_address, client, message, event_id"
    )
    ids = exp.column("event_id").isin(*(exp.Literal.number(int(event_id)) for event_id in event_ids))
    return newest_rows(columns, "fct_events", [ids])
