"""Summaries: small tables that tell something of all days, kept up to date from some days.

Examples are the ids that events name, and what each user did in all. A run must not read the whole log for them. So a
query that reads a summary gets it as a CTE: the rows that are stored, and those of the days that a run has to read,
aggregated once more. There are two kinds (`meta.summary`):

`touched_days`: the days that the run rewrites are added. Only `min` and `max` may be used: the same day may be added
again. It must have `first_day` and `last_day`: a row that a touched day no longer gives makes the summary outdated.
`recent_days`: the stored rows are those of older days, and the recent ones are added. `sum` and `count` may be used.

A summary is stored with the last layer, so a run that dies finds the rows of the last complete run again. It is built
from all days where it is outdated, and once a UTC day.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from pipelines.common.exit_codes import ModelError

from .column_types import sql_type
from .parse import Model
from .sql_file import line_of
from .table_docs import TOUCHED

_COMBINED: dict[type[exp.Expr], type[exp.AggFunc]] = {
    exp.Min: exp.Min,
    exp.Max: exp.Max,
    exp.Sum: exp.Sum,
    exp.Count: exp.Sum,
}
_IDEMPOTENT = (exp.Min, exp.Max)
FRESH = "is_fresh"


# None: all days.
Days = set[date] | None


@dataclass(frozen=True)
class Reach:
    """What the queries of a run read of the log.

    Attributes:
        dataset (str): The enriched dataset, in which the stored rows are.
        kept (frozenset[str]): The summaries whose stored rows hold. All others are built from all days.
        loaded (frozenset[date]): The days that loads touched: the raw rows of no other day changed.
        touched (frozenset[date]): The days that the run rewrites.
        since (date): The first of the recent days. None: all days are recent.
    """

    dataset: str = ""
    kept: frozenset[str] = frozenset()
    loaded: frozenset[date] = frozenset()
    touched: frozenset[date] = frozenset()
    since: date | None = None

    def added_days(self, summary: Model, column: str, *, is_raw: bool) -> exp.Expr | None:
        """Return the condition for the days that are added to the stored rows of a summary, None for all days."""
        if summary.name not in self.kept:
            return None
        if summary.docs.summary == TOUCHED:
            return one_of(column, self.loaded if is_raw else self.touched)
        return self.recent_days(column)

    def stored_days(self, summary: Model, column: str) -> exp.Expr | None:
        """Return the condition for the days that a summary stores when it is built as a whole, None for all days."""
        if summary.docs.summary == TOUCHED:
            return None
        return exp.condition("1 = 0") if self.since is None else exp.column(column) < day_literal(self.since)

    def recent_days(self, column: str) -> exp.Expr | None:
        """Return the condition for the recent days, None if all days are recent."""
        return None if self.since is None else exp.column(column) >= day_literal(self.since)


WHOLE = Reach()


def with_stored_rows(query: exp.Select, summary: Model, dataset: str, *, only_fresh: bool = False) -> None:
    """Add the stored rows to the CTE `whole_name` of a summary; `only_fresh` leaves out those without fresh ones."""
    place, cte = next((n, one) for n, one in enumerate(query.ctes) if one.alias == whole_name(summary))
    fresh = fresh_name(summary)
    cte.args["alias"].set("this", exp.to_identifier(fresh))
    body = combined(summary, fresh, dataset)
    if only_fresh:
        body = body.having(exp.Max(this=exp.column(FRESH)).eq(exp.Literal.number(1)))
    merged = exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(whole_name(summary))))
    query.args["with_"].expressions.insert(place + 1, merged)


def name_whole(query: exp.Select, summary: Model) -> None:
    """Give the CTE of a summary another name than its table has."""
    for cte in query.ctes:
        if cte.alias == summary.name:
            cte.args["alias"].set("this", exp.to_identifier(whole_name(summary)))
    for table in query.find_all(exp.Table):
        if table.name == summary.name and not table.db:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name)))
            table.set("this", exp.to_identifier(whole_name(summary)))


def combined(summary: Model, fresh: str, dataset: str) -> exp.Select:
    """Return stored and fresh rows of a summary, aggregated to one row for each key."""
    functions = combining_functions(summary)
    keys = [name for name in summary.columns if name not in functions]
    selected = [exp.column(name) for name in keys] + [
        exp.cast(function(this=exp.column(name)), sql_type(summary.columns[name])).as_(name)
        for name, function in functions.items()
    ]
    by_name = {one.alias_or_name: one for one in selected}
    rows = both(summary, fresh, dataset).subquery("both_parts")
    return exp.select(*(by_name[name] for name in summary.columns)).from_(rows).group_by(*(exp.column(k) for k in keys))


def both(summary: Model, fresh: str, dataset: str) -> exp.Query:
    """Return stored and fresh rows of a summary, one below the other, with a mark on the fresh ones."""
    names = [exp.column(name) for name in summary.columns]
    old = exp.select(*names, exp.Literal.number(0).as_(FRESH)).from_(stored_table(summary, dataset))
    new = exp.select(*(one.copy() for one in names), exp.Literal.number(1).as_(FRESH)).from_(fresh)
    return exp.union(old, new, distinct=False)


def stored_table(summary: Model, dataset: str) -> exp.Table:
    """Return the table of a summary, named with its dataset: the query may read another dataset otherwise."""
    return exp.Table(this=exp.to_identifier(summary.name), db=exp.to_identifier(dataset))


def fresh_name(summary: Model) -> str:
    """Return the name of the CTE with the rows that a run adds to those that are stored."""
    return f"{summary.name}__fresh"


def whole_name(summary: Model) -> str:
    """Return the name of the CTE with stored and fresh rows."""
    return f"{summary.name}__whole"


def combining_functions(summary: Model) -> dict[str, type[exp.AggFunc]]:
    """Return the aggregate that combines two parts of each column that is no key, from the SELECT of the summary.

    Raises:
        ModelError: A column is aggregated in a way that two parts cannot be combined, or the days are missing.
    """
    found: dict[str, type[exp.AggFunc]] = {}
    if summary.docs.summary == TOUCHED and not {"first_day", "last_day"} <= summary.columns.keys():
        raise ModelError(summary.file, f"a summary of {TOUCHED} needs the columns `first_day` and `last_day`")
    allowed = _IDEMPOTENT if summary.docs.summary == TOUCHED else tuple(_COMBINED)
    for selected in summary.files[0].query.selects:
        value = selected.unalias()
        value = value.this if isinstance(value, exp.Cast) else value
        if selected.alias_or_name in summary.docs.key:
            continue
        if type(value) not in allowed or value.find(exp.Distinct):
            names = ", ".join(sorted(one.__name__.lower() for one in allowed))
            reason = f"`{selected.alias_or_name}` of a summary of {summary.docs.summary} has to be one of {names}"
            raise ModelError(summary.file, reason, line_of(selected))
        found[selected.alias_or_name] = _COMBINED[type(value)]
    return found


def lost_keys(summary: Model, days: Set[date], dataset: str) -> exp.Select:
    """Return the keys whose stored first or last day is one of the days, while these days no longer give it."""
    keys = [exp.column(name) for name in summary.docs.key]
    parts = {
        f"{column}_{part}": exp.Max(
            this=exp.Case(ifs=[exp.If(this=exp.column(FRESH).eq(mark), true=exp.column(column))])
        ).as_(f"{column}_{part}")
        for column in ("first_day", "last_day")
        for part, mark in (("stored", 0), ("fresh", 1))
    }
    grouped = (
        exp.select(*keys, *parts.values())
        .from_(both(summary, fresh_name(summary), dataset).subquery("both_parts"))
        .group_by(*keys)
    )
    gone = []
    for column, later in (("first_day", exp.GT), ("last_day", exp.LT)):
        stored, new = exp.column(f"{column}_stored"), exp.column(f"{column}_fresh")
        no_longer = exp.or_(new.is_(exp.null()), later(this=new.copy(), expression=stored.copy()))
        gone.append(one_of(stored.name, days).and_(exp.paren(no_longer)))
    return exp.select(*(one.copy() for one in keys)).from_(grouped.subquery("days_of_keys")).where(exp.or_(*gone))


def one_of(column: str, days: Set[date]) -> exp.Expr:
    """Return the condition that a date column holds one of the days."""
    if not days:
        return exp.condition("1 = 0")
    return exp.column(column).isin(*map(day_literal, sorted(days)))


def day_literal(day: date) -> exp.Cast:
    """Return a day as SQL: with a literal, engines leave out the other partitions."""
    return exp.cast(exp.Literal.string(day.isoformat()), "date")


def reads_dataset(query: exp.Expr, dataset: str) -> bool:
    """Return whether the query reads a table that is named with this dataset."""
    return any(table.db == dataset for table in query.find_all(exp.Table))
