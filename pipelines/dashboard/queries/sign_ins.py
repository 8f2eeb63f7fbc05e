"""Sign-ins. They belong to no workspace or model."""

from collections.abc import Sequence

from sqlglot import exp

from pipelines.common.figures import PERSON, SIGN_IN, UNLISTED

from ..filters import Filters
from .shapes import Query, by_day, count_if, newest_rows, ranking, select

FAILURES = count_if("outcome = 'failure'", "failures")


def daily_sign_ins(filters: Filters) -> Query:
    """Return event_day, outcome (success or failure), sign_ins."""
    return by_day("fct_sign_ins", "count(*) as sign_ins", _conditions(filters), by="outcome", where=SIGN_IN)


def signed_in(filters: Filters) -> Query:
    """Return people and unlisted ids that signed in, attempts, failures."""
    people, unlisted = (
        f"count(distinct case when outcome = 'success' and {kind} then user_id end)" for kind in (PERSON, UNLISTED)
    )
    measures = f"{people} as people, {unlisted} as unlisted, count(*) as attempts, {FAILURES}"
    sql = f"select {measures} from fct_sign_ins where {SIGN_IN}"
    return select(sql, _conditions(filters))


def sign_ins_by(column: str, filters: Filters) -> Query:
    """Return the column, failures, attempts, users; most failures first."""
    measures = [FAILURES, "count(*) as attempts", "count(distinct user_id) as users"]
    return ranking("fct_sign_ins", column, measures, _conditions(filters), where=SIGN_IN, then="attempts desc")


def users_failing(filters: Filters) -> Query:
    """Return user_id, user_label, failures, addresses, last_at; most failures first."""
    measures = ["count(*) as failures", "count(distinct ip_address) as addresses", "max(occurred_at) as last_at"]
    failed = f"{SIGN_IN} and outcome = 'failure'"
    return ranking("fct_sign_ins", "user_id", measures, _conditions(filters), ["user_label"], where=failed)


def sign_in_events(filters: Filters, outcomes: Sequence[str]) -> Query:
    """Return the newest sign-ins with one of these outcomes."""
    columns = (
        "occurred_at, outcome, user_label, user_email, ip_address, network_name, country, client, message, user_id,"
        " event_id"
    )
    chosen = exp.column("outcome").isin(*(exp.Literal.string(outcome) for outcome in outcomes))
    return newest_rows(columns, "fct_sign_ins", [*_conditions(filters), chosen])


def _conditions(filters: Filters) -> list[exp.Condition]:
    return filters.conditions(places=False)
