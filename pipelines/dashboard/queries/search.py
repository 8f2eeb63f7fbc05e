"""All events, by free text and by what they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from ..filters import ACTOR_OR_TARGET, Filters
from .shapes import Query, select
from .words import somewhere, words

# A word is found anywhere in these columns; in ids, only as the whole id.
TEXTS = (
    "event_type_id", "event_category", "event_message", "message", "user_label", "user_email", "target_user_label",
    "target_user_email", "workspace_name", "model_name", "object_name", "app_name", "page_name", "action_name",
    "process_name", "integration_name", "role_name", "import_name", "export_name", "ip_address", "client",
)  # fmt: skip
IDS = ("user_id", "target_user_id", "workspace_id", "model_id", "object_id", "session_id")
SUCCEEDED, FAILED = "succeeded", "failed"


@dataclass(frozen=True)
class Wanted:
    """What is searched: words that must all be found, an outcome, categories, or the events with these ids."""

    text: str = ""
    outcome: str | None = None
    categories: tuple[str, ...] = ()
    event_ids: tuple[int, ...] | None = None


def columns() -> Query:
    """Return no row, but every column that the events have."""
    return select("select * from fct_events limit 0")


def categories() -> Query:
    """Return event_category, of all events."""
    return select("select distinct event_category from agg_daily_usage where event_category is not null order by 1")


def count(filters: Filters, wanted: Wanted) -> Query:
    """Return events: how many were found."""
    return select("select count(*) as events from fct_events", _conditions(filters, wanted))


def page(filters: Filters, wanted: Wanted, shown: Sequence[str], size: int, number: int) -> Query:
    """Return one page of the found events, newest first; the first page is number 1."""
    return everything(filters, wanted, shown).limit(size).offset(size * (number - 1))


def everything(filters: Filters, wanted: Wanted, shown: Sequence[str]) -> Query:
    """Return all found events, newest first."""
    query = exp.select(*(exp.column(name) for name in shown)).from_("fct_events").where(*_conditions(filters, wanted))
    return query.order_by(exp.column("occurred_at").desc(), exp.column("event_id").desc())


def finding(finding_id: str) -> Query:
    """Return finding, evidence_event_ids of one finding."""
    chosen = exp.column("finding_id").eq(exp.Literal.string(finding_id))
    return select("select finding, evidence_event_ids from security_findings", [chosen])


def _conditions(filters: Filters, wanted: Wanted) -> list[exp.Condition]:
    if wanted.event_ids is not None:
        ids = [exp.Literal.number(number) for number in wanted.event_ids]
        found: list[exp.Condition] = [exp.column("event_id").isin(*ids) if ids else exp.false()]
    else:
        found = filters.conditions(users=ACTOR_OR_TARGET)
    if wanted.outcome in (SUCCEEDED, FAILED):
        found.append(exp.column("success").eq(exp.true() if wanted.outcome == SUCCEEDED else exp.false()))
    if wanted.categories:
        found.append(exp.column("event_category").isin(*map(exp.Literal.string, wanted.categories)))
    return found + [_contains(word) for word in words(wanted.text)]


def _contains(word: str) -> exp.Condition:
    whole = [exp.column(name).eq(exp.Literal.string(spelt)) for name in IDS for spelt in sorted({word, word.lower()})]
    if word.isdigit() and len(word) < 19:
        whole.append(exp.column("event_id").eq(exp.Literal.number(int(word))))
    return exp.paren(exp.or_(*somewhere(word, TEXTS), *whole))
