"""Sign-ins. They belong to no workspace or model."""

from collections.abc import Sequence

from sqlglot import exp

from ..filters import Filters
from .shapes import Query, by_day, count_if, newest_rows, ranking, select

FAILURES = count_if("outcome = 'failure'", "failures")
ATTEMPTS = "kind = 'sign_in'"


def daily_sign_ins(filters: Filters) -> Query:
    """Return event_day, outcome (success or failure), sign_ins."""
    return by_day("fct_sign_ins", "count(*) as sign_ins", _conditions(filters), by="outcome", where=ATTEMPTS)


def signed_in(filters: Filters) -> Query:
    """Return people (distinct users who signed in), attempts, failures."""
    people = "count(distinct case when outcome = 'success' then user_id end) as people"
    sql = f"select {people}, count(*) as attempts, {FAILURES} from fct_sign_ins where {ATTEMPTS}"
    return select(sql, _conditions(filters))


def sign_ins_by(column: str, filters: Filters) -> Query:
    """Return the column, failures, attempts, users; most failures first."""
    measures = [FAILURES, "count(*) as attempts", "count(distinct user_id) as users"]
    return ranking("fct_sign_ins", column, measures, _conditions(filters), where=ATTEMPTS, then="attempts desc")


def users_failing(filters: Filters) -> Query:
    """Return user_id, user_label, failures, addresses, last_at; most failures first."""
    measures = ["count(*) as failures", "count(distinct ip_address) as addresses", "max(occurred_at) as last_at"]
    failed = f"{ATTEMPTS} and outcome = 'failure'"
    return ranking("fct_sign_ins", "user_id", measures, _conditions(filters), ["user_label"], where=failed)


def sign_in_events(filters: Filters, outcomes: Sequence[str]) -> Query:
    """Return the newest sign-ins with one of these outcomes."""
    columns = "occurred_at, outcome, user_label, user_email, ip_address, client, message, user_id, event_id"
    chosen = exp.column("outcome").isin(*(exp.Literal.string(outcome) for outcome in outcomes))
    return newest_rows(columns, "fct_sign_ins", [*_conditions(filters), chosen])


def _conditions(filters: Filters) -> list[exp.Condition]:
    return filters.conditions(places=False)
