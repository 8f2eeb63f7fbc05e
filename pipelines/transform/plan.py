"""Decide what an enrichment has to write: which days, which tables as a whole, and which not at all."""

import hashlib
import json
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import dlt

from pipelines.warehouse.engine import engine_of
from pipelines.warehouse.restore_tables import missing_tables

from . import list_days
from .graph import Enrichment
from .history_days import days_of_history
from .incremental import WATCHED, Watermark, rows_of
from .list_days import ListsState, lists_state_of
from .materialize import Datasets, State, stored_state
from .parse import Model
from .raw_signs import RawSigns
from .summaries import Days, Reach
from .touched import Search, can_search
from .unchanged import unchanged_tables

# Summaries of recent days store the rows of older days only. More than the 90 days that activity looks back.
RECENT_DAYS = 100

# The keys of the state that hold the fields of `ListsState`.
_LISTS = ("contents", "older_contents", "contents_signature", "history")


@dataclass(frozen=True)
class Plan:
    """What to write, and the states to store.

    `days` are rewritten, `rebuilt` tables as a whole. `missing` tables were dropped in the destination, and `unchanged`
    ones would get the same rows. `reach` says what their queries read of other days. `has_new_descriptions` is true if
    dlt has to learn some.
    """

    days: Days
    rebuilt: set[str]
    missing: set[str]
    unchanged: set[str]
    has_new_descriptions: bool
    reach: Reach
    state_before: State
    state_after: State

    @property
    def is_idle(self) -> bool:
        """Return whether every table would stay the same until the end of the day: some count days until today."""
        return self.days == set() and not self.rebuilt and not self.missing and self.state_before == self.state_after

    def days_of(self, model: Model) -> Days:
        """Return the days of a table to rewrite; None means the whole table."""
        return None if model.docs.day is None or model.name in self.rebuilt else self.days


def make_plan(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, signs: RawSigns, full_refresh: bool, recount: bool
) -> Plan:
    """Return what an enrichment has to write; `signs` are those of the raw dataset."""
    state = stored_state(pipeline)
    now = signs.watermark
    wanted = fingerprints(enrichment, _catalogue_hash(raw))
    built = {} if full_refresh else state.get("models", {})
    existing: set[str] = set(pipeline.default_schema.tables) if pipeline.default_schema_name else set()
    missing = set(missing_tables(pipeline)) & set(enrichment.tables)
    unbuilt = missing | (set(wanted) - existing)
    found_rows = {one.name: _hash(one.rows) for one in enrichment.seeds if one.version}
    rebuilt = {name for name, value in wanted.items() if built.get(name) != value or name in unbuilt}
    # What reads new rows are the days that brought them, and tables without days.
    rebuilt |= {name for name, value in found_rows.items() if state.get("found_rows", {}).get(name) != value}
    days: Days = None
    moment, tables = datetime.now(timezone.utc), enrichment.tables.items()
    is_first_of_day = str(state.get("as_of", ""))[:10] != moment.date().isoformat()
    lists_before = ListsState(*(state.get(name) for name in _LISTS))
    lists_now = lists_state_of(signs.lists, lists_before, is_first_of_day)
    # A purge removes days from those that loads touched. It may have died before its enrichment.
    recount = recount or is_first_of_day or now.day_count < state.get("day_count", 0)
    reach = Reach(pipeline.dataset_name, since=_recent_since(state, now, moment.date(), is_first_of_day))
    if can_search(rebuilt, missing, enrichment.models):
        datasets = Datasets(raw, pipeline.dataset())
        search = Search(datasets, enrichment, state, now, lists_before, lists_now, rebuilt, is_first_of_day, recount)
        days, reach = search.find(reach)
        if days is not None and (recount or lists_before.history != lists_now.history):
            days |= days_of_history(raw, pipeline.dataset(), lists_before.history, recount)
    if days is None:
        lists_now = replace(lists_now, older=lists_now.recent)
    # Until the last layer is written, a table that is being rebuilt counts as not built.
    before = {**state, "models": {name: value for name, value in built.items() if name not in rebuilt}}
    reads = {name for model in enrichment.models.values() for name in model.inputs if name in enrichment.raw_tables}
    # Changes of other raw tables, which a user's model may read, are not noticed: their readers are always written.
    as_of = moment.date().isoformat() if reads <= WATCHED | list_days.WATCHED else moment.isoformat()
    after = {
        "events": now.events,
        "directory": now.directory,
        "logins": now.logins,
        "access": now.access,
        **dict(zip(_LISTS, astuple(lists_now), strict=True)),
        "day_count": now.day_count,
        "recent_since": None if reach.since is None else reach.since.isoformat(),
        "as_of": as_of,
        "models": wanted,
        "found_rows": found_rows,
        "found_versions": {one.name: one.version for one in enrichment.seeds if one.version},
        "checked": inputs_hash(enrichment),
        "descriptions": _hash(
            [(name, table.docs.columns, table.docs.comment) for name, table in sorted(tables)], *_day_hints(pipeline)
        ),
    }
    # The first run of a day, and one that counts again, repair what no watermark shows. dlt learns a new description
    # only from a table that it writes.
    has_new_descriptions = state.get("descriptions") != after["descriptions"]
    writes_all = days is None or recount or has_new_descriptions
    unchanged = set() if writes_all else unchanged_tables(enrichment, state, after, days, reach) - rebuilt
    return Plan(days, rebuilt, missing, unchanged, has_new_descriptions, reach, before, after)


def _recent_since(state: State, now: Watermark, today: date, is_first_of_day: bool) -> date | None:
    """Return the first recent day. It moves once a UTC day: stored rows of other days would be added twice."""
    if not is_first_of_day and "recent_since" in state:
        known = state["recent_since"]
        return date.fromisoformat(known) if known else None
    # An event dated in the future must not make every day an old one.
    return min(now.newest_day, today) - timedelta(days=RECENT_DAYS) if now.newest_day else None


def fingerprints(enrichment: Enrichment, catalogue: str) -> dict[str, str]:
    """Return a hash for each table, of its rows or of its SQL and inputs. A table with another hash is outdated."""
    found = {name: catalogue if name == "event_types" else name for name in enrichment.raw_tables}
    found.update({seed.name: _hash(seed.columns, seed.version or seed.rows) for seed in enrichment.seeds})
    for layer in enrichment.layers:
        for model in layer:
            inputs = [found[name] for name in sorted(model.inputs)]
            files = [*model.files, *(one.sql_file for one in model.inlines)]
            found[model.name] = _hash([one.tokens for one in files], model.docs.day, inputs)
    return {name: found[name] for name in enrichment.tables}


def inputs_hash(enrichment: Enrichment) -> str:
    """Return a hash of everything that `check_models` reads."""
    return _hash(fingerprints(enrichment, ""), {name: dict(types) for name, types in enrichment.raw_tables.items()})


def _day_hints(pipeline: dlt.Pipeline) -> list[Any]:
    """Return the hints of days, which dlt has to learn as it learns descriptions; none if the engine has none."""
    hints = engine_of(pipeline).day_hints("day")
    return [hints] if hints else []


def _catalogue_hash(raw: dlt.Dataset) -> str:
    query = "select event_type_code, category, event_message, object_kind from event_types"
    return _hash(sorted(map(str, rows_of(raw, query))))


def _hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
