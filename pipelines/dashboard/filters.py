"""The filters that a reader chose: a span of days, workspaces, models and users."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlglot import exp

# Columns in which a chosen user is searched.
ACTOR = ("user_id",)
ACTOR_OR_TARGET = ("user_id", "target_user_id")


@dataclass(frozen=True)
class Filters:
    """Days from `first` to `last`, both included (UTC); an empty selection means all.

    `ignored` names the filters that are chosen, but do not apply to the page.
    Values enter SQL as literals of the syntax tree, never as text, so no value can become SQL.
    """

    first: date
    last: date
    workspaces: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    log_begins: date | None = None
    log_ends: date | None = None

    @property
    def days(self) -> int:
        """Return the number of days, both ends included."""
        return (self.last - self.first).days + 1

    @property
    def chosen(self) -> tuple[str, ...]:
        """Return the names of the filters that are chosen, beside the period."""
        values = {"workspace": self.workspaces, "model": self.models, "user": self.users}
        return tuple(name for name, chosen in values.items() if chosen)

    def left_out(self, *names: str) -> str:
        """Return which of these filters are chosen, as a note that a figure does not apply them.

        Args:
            names (str): `period`, `place` for workspace and model, `model`, `user`.
        """
        known = {"period": ("period",), "place": ("workspace", "model"), "model": ("model",), "user": ("user",)}
        found = [name for part in names for name in known[part] if name == "period" or name in self.chosen]
        return f"Not applied here: {' and '.join(found)}." if found else ""

    @property
    def places(self) -> bool:
        """Return whether workspaces or models are chosen."""
        return bool(self.workspaces or self.models)

    def before(self) -> "Filters":
        """Return the same filters for the preceding period of equal length."""
        return replace(self, first=self.first - timedelta(days=self.days), last=self.first - timedelta(days=1))

    @property
    def has_before(self) -> bool:
        """Return whether the log contains the whole preceding period."""
        return self.log_begins is None or self.before().first >= self.log_begins

    def whole_weeks(self) -> "Filters":
        """Return the same filters for all days of the weeks that overlap the period. Weeks begin on Monday."""
        first = self.first - timedelta(days=self.first.weekday())
        return replace(self, first=first, last=self.last + timedelta(days=6 - self.last.weekday()))

    def span(self, column: str = "event_day") -> exp.Condition:
        """Return the condition that a day column is in the period."""
        return exp.column(column).between(_day(self.first), _day(self.last))

    def conditions(self, *, places: bool = True, users: Sequence[str] = ACTOR) -> list[exp.Condition]:
        """Return the conditions for a table with `event_day`, `workspace_id`, `model_id` and the columns `users`.

        A chosen user may be in any of these columns.
        """
        found = [self.span()]
        if places:
            found += self.chosen_places()
        return found + self.chosen_users(users)

    def chosen_users(self, columns: Sequence[str] = ACTOR) -> list[exp.Condition]:
        """Return the condition that a chosen user is in one of these columns."""
        found = [condition for column in columns for condition in _chosen(column, self.users)]
        return [exp.or_(*found)] if found else []

    def chosen_places(self) -> list[exp.Condition]:
        """Return the conditions for a table with `workspace_id` and `model_id`."""
        return _chosen("workspace_id", self.workspaces) + _chosen("model_id", self.models)

    def chosen_workspaces(self) -> list[exp.Condition]:
        """Return the conditions for a table with `workspace_id` alone."""
        return _chosen("workspace_id", self.workspaces)

    def moments(self, start: str, end: str, users: Sequence[str] = ()) -> list[exp.Condition]:
        """Return the conditions for a table of time spans: those that overlap the days."""
        after = self.last + timedelta(days=1)
        return [
            exp.column(start) < _midnight(after),
            exp.column(end) >= _midnight(self.first),
            *self.chosen_users(users),
        ]


def _chosen(column: str, values: Iterable[str]) -> list[exp.Condition]:
    literals = [exp.Literal.string(value) for value in values]
    return [exp.column(column).isin(*literals)] if literals else []


def _midnight(day: date) -> exp.Cast:
    return exp.cast(exp.Literal.string(f"{day} 00:00:00+00:00"), "timestamptz")


def _day(day: date) -> exp.Cast:
    return exp.cast(exp.Literal.string(day.isoformat()), "date")
