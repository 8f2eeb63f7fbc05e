"""What changed inside models, from their own history."""

from dataclasses import dataclass

from sqlglot import exp

from ..filters import Filters
from .shapes import TOP, Query, select
from .words import somewhere, words

TEXTS = (
    "user_name", "sent_user", "description", "module_or_list", "line_item_or_property", "item", "previous_value",
    "new_value", "target_user_name", "import_name", "export_name", "object_name", "model_name",
)  # fmt: skip
COLUMNS = (
    "changed_at", "user_name", "module_or_list", "line_item_or_property", "item", "previous_value", "new_value",
    "change_kind", "object_kind", "description", "model_name", "workspace_name", "target_user_name", "import_name",
    "export_name", "object_name", "object_count", "is_production", "sent_user", "transaction_id", "user_id",
    "target_user_id", "model_id",
)  # fmt: skip
CHANGES = "count(*) as changes"
LAST = "max(changed_at) as last_at"


@dataclass(frozen=True)
class Wanted:
    """What is searched: words that must all be found, kinds of change, and kinds of what was changed."""

    text: str = ""
    kinds: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()


def loaded() -> Query:
    """Return changes, models, first_day, last_day of all history that is loaded."""
    return select(
        f"select {CHANGES}, count(distinct model_id) as models, min(change_day) as first_day,"
        " max(change_day) as last_day from fct_model_history"
    )


def kinds() -> Query:
    """Return change_kind, object_kind of all history that is loaded."""
    return select("select distinct change_kind, object_kind from fct_model_history order by change_kind, object_kind")


def daily(filters: Filters, wanted: Wanted) -> Query:
    """Return event_day, kind, object_kind, changes."""
    return select(
        f"select change_day as event_day, change_kind as kind, object_kind, {CHANGES} from fct_model_history"
        " group by change_day, change_kind, object_kind",
        _conditions(filters, wanted),
    )


def who_and_where(filters: Filters, wanted: Wanted) -> Query:
    """Return who, model_id, user_name, user_id, model_name, workspace_name, changes, by_import, last_at.

    One query for users, models and totals: a search for words reads many texts. Who is no known user counts by name.
    """
    who = "coalesce(user_id, sent_user)"
    return select(
        f"select {who} as who, model_id, max(user_name) as user_name, max(user_id) as user_id,"
        f" max(model_name) as model_name, max(workspace_name) as workspace_name, {CHANGES},"
        f" count(import_name) as by_import, {LAST} from fct_model_history group by {who}, model_id",
        _conditions(filters, wanted),
    )


def by_place(filters: Filters, wanted: Wanted) -> Query:
    """Return module_or_list, model_name, changes, users, last_at, model_id; most changes first."""
    return select(
        f"select module_or_list, max(model_name) as model_name, {CHANGES},"
        f" count(distinct coalesce(user_id, sent_user)) as users, {LAST}, model_id from fct_model_history"
        " where module_or_list is not null group by module_or_list, model_id"
        f" order by changes desc, module_or_list, model_id limit {TOP}",
        _conditions(filters, wanted),
    )


def history_page(filters: Filters, wanted: Wanted, size: int, number: int) -> Query:
    """Return one page of the chosen changes, newest first; the first page is number 1."""
    return whole_history(filters, wanted).limit(size).offset(size * (number - 1))


def whole_history(filters: Filters, wanted: Wanted) -> Query:
    """Return the chosen changes, newest first."""
    chosen = exp.select(*map(exp.column, COLUMNS)).from_("fct_model_history").where(*_conditions(filters, wanted))
    return chosen.order_by(
        exp.column("changed_at").desc(), exp.column("transaction_id").desc(), exp.column("history_row_id")
    )


def _conditions(filters: Filters, wanted: Wanted) -> list[exp.Condition]:
    found = [filters.span("change_day"), *filters.chosen_places(), *filters.chosen_users()]
    for column, values in (("change_kind", wanted.kinds), ("object_kind", wanted.objects)):
        if values:
            found.append(exp.column(column).isin(*map(exp.Literal.string, values)))
    return found + [exp.paren(exp.or_(*somewhere(word, TEXTS))) for word in words(wanted.text)]
