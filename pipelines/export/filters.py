"""Filters of an export as conditions of its query. They are built as syntax trees: a value never becomes SQL."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timezone
from typing import NamedTuple

from sqlglot import exp

from pipelines.common.exit_codes import CONFIGURATION, PipelineError

# The columns to which the filters apply. A table has some of them.
MOMENTS = ("occurred_at", "event_date", "started_at", "event_day", "window_start", "happened_at", "checked_at")
LATER_MOMENTS = ("purged_at", "loaded_at", "last_seen_at", "last_login_date", "valid_from", "_dlt_valid_from")
USERS = ("user_id", "user_name", "user_email", "email")
WORKSPACES = ("workspace_id", "workspace_name", "additional_attributes__workspace_id", "current_workspace_id")
MODELS = ("model_id", "model_name", "additional_attributes__model_id")
# The raw lists call their id `id`.
ID_OF = {"users": USERS, "user_logins": USERS, "workspaces": WORKSPACES, "models": MODELS}


class Filters(NamedTuple):
    """Which rows to export: from `since` up to, not including, `until` (UTC); `where` holds texts `COLUMN=VALUE`."""

    since: datetime | None = None
    until: datetime | None = None
    user: str | None = None
    workspace: str | None = None
    model: str | None = None
    where: tuple[str, ...] = ()


def moment_column(columns: Mapping[str, str]) -> str | None:
    """Return the column with the time of a row, None if there is none."""
    return next((name for name in (*MOMENTS, *LATER_MOMENTS) if name in columns), None)


def conditions(
    table: str, columns: Mapping[str, str], moment: str | None, filters: Filters
) -> Iterator[exp.Expression]:
    """Yield the conditions of the filters for a table with these columns (name, dlt type).

    Raises:
        PipelineError: The table has no column for a filter, or a value does not fit its column.
    """
    for option, value in (("since", filters.since), ("until", filters.until)):
        if value is not None:
            if moment is None:
                raise PipelineError(CONFIGURATION, f"--{option}: table `{table}` has no column with a time.")
            yield _since_or_until(option, columns[moment], moment, value)
    for option, names in (("user", USERS), ("workspace", WORKSPACES), ("model", MODELS)):
        wanted = getattr(filters, option)
        if wanted is not None:
            own = ("id",) if ID_OF.get(table) is names else ()
            present = [name for name in (*own, *names) if name in columns]
            if not present:
                raise PipelineError(CONFIGURATION, f"--{option}: table `{table}` has no column that names one.")
            text = exp.Literal.string(wanted.lower())
            yield exp.paren(exp.or_(*(exp.Lower(this=exp.column(name)).eq(text) for name in present)))
    for equality in filters.where:
        yield _equality(table, columns, equality)


def _since_or_until(option: str, kind: str, column: str, value: datetime) -> exp.Expression:
    if kind == "date":
        begins_later = option == "until" and value.time() != datetime.min.time()
        bound = exp.cast(exp.Literal.string(value.date().isoformat()), "date")
        if begins_later:
            return exp.column(column) <= bound
    else:
        text = value.replace(tzinfo=timezone.utc).isoformat(sep=" ")
        bound = exp.cast(exp.Literal.string(text), "timestamptz")
    return exp.column(column) >= bound if option == "since" else exp.column(column) < bound


def _equality(table: str, columns: Mapping[str, str], text: str) -> exp.Expression:
    name, separator, value = text.partition("=")
    if not separator or name not in columns:
        known = ", ".join(columns)
        raise PipelineError(CONFIGURATION, f"--where {text}: write COLUMN=VALUE. Columns of `{table}`: {known}.")
    if value == "":
        return exp.column(name).is_(exp.null())
    try:
        return exp.column(name).eq(_LITERALS.get(columns[name], exp.Literal.string)(value))
    except (ValueError, OverflowError):
        raise PipelineError(CONFIGURATION, f"--where {text[:80]}: `{value[:40]}` is not a {columns[name]}.") from None


def _moment_literal(text: str) -> exp.Expression:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return exp.cast(exp.Literal.string(moment.isoformat(sep=" ")), "timestamptz")


def _bool_literal(text: str) -> exp.Expression:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return exp.true() if text.lower() == "true" else exp.false()


def _whole(text: str) -> int:
    number = int(text) if len(text) < 30 else 2**64
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_LITERALS: dict[str, Callable[[str], exp.Expression]] = {
    "bigint": lambda text: exp.Literal.number(_whole(text)),
    "double": lambda text: exp.Literal.number(_finite(text)),
    "date": lambda text: exp.cast(exp.Literal.string(date.fromisoformat(text).isoformat()), "date"),
    "timestamp": _moment_literal,
    "bool": _bool_literal,
}
