"""Decide what an enrichment has to write: which days, which tables as a whole, and which not at all."""

import hashlib
import json
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timezone
from typing import Any

import dlt

from pipelines.warehouse.restore_tables import missing_tables

from . import list_days
from .graph import Enrichment
from .history_days import days_of_history, days_of_names
from .incremental import FACTS, WATCHED, Watermark, changed_ids, read_watermark, rows_of, touched_days
from .list_days import ListsState, days_of_lists, read_lists_state
from .materialize import Days, State, stored_state
from .parse import Model
from .unchanged import unchanged_tables

# The keys of the state that hold the fields of `ListsState`.
_LISTS = ("contents", "older_contents", "contents_signature", "history")


@dataclass(frozen=True)
class Plan:
    """What to write, and the states to store.

    `days` are rewritten, `rebuilt` tables as a whole. `missing` tables were dropped in the destination, and `unchanged`
    ones would get the same rows.
    """

    days: Days
    rebuilt: set[str]
    missing: set[str]
    unchanged: set[str]
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
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, full_refresh: bool, recount: bool
) -> Plan:
    """Return what an enrichment has to write."""
    state = stored_state(pipeline)
    now = read_watermark(raw)
    wanted = fingerprints(enrichment, _catalogue_hash(raw))
    built = {} if full_refresh else state.get("models", {})
    existing: set[str] = set(pipeline.default_schema.tables) if pipeline.default_schema_name else set()
    missing = set(missing_tables(pipeline)) & set(enrichment.tables)
    unbuilt = missing | (set(wanted) - existing)
    rebuilt = {name for name, value in wanted.items() if built.get(name) != value or name in unbuilt}
    days: Days = None
    moment, tables = datetime.now(timezone.utc), enrichment.tables.items()
    is_first_of_day = str(state.get("as_of", ""))[:10] != moment.date().isoformat()
    lists_before = ListsState(*(state.get(name) for name in _LISTS))
    lists_now = read_lists_state(raw, lists_before, is_first_of_day)
    if FACTS in wanted and FACTS not in rebuilt:
        days = _touched(raw, pipeline.dataset(), state, lists_before, is_first_of_day)
        counts_again = recount or is_first_of_day or lists_before.signature != lists_now.signature
        if days is not None and counts_again:
            days |= days_of_history(raw, pipeline.dataset(), lists_before.history)
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
        "as_of": as_of,
        "models": wanted,
        "checked": inputs_hash(enrichment),
        "descriptions": _hash([(name, table.docs.columns, table.docs.comment) for name, table in sorted(tables)]),
    }
    # The first run of a day, and one that counts again, repair what no watermark shows.
    is_usual = days is not None and not is_first_of_day and not recount
    unchanged = unchanged_tables(enrichment, state, after) - rebuilt if is_usual else set()
    return Plan(days, rebuilt, missing, unchanged, before, after)


def _touched(raw: dlt.Dataset, enriched: dlt.Dataset, state: State, before: ListsState, is_first_of_day: bool) -> Days:
    """Return the days to rewrite because of events, names and lists; None means all days."""
    since = Watermark(state.get("events"), state.get("directory"))
    found = [
        touched_days(raw, enriched, since),
        days_of_lists(raw, enriched, before, is_first_of_day),
        days_of_names(raw, enriched, changed_ids(raw, since), since.directory),
    ]
    if None in found:
        return None
    return set[date]().union(*(days for days in found if days is not None))


def fingerprints(enrichment: Enrichment, catalogue: str) -> dict[str, str]:
    """Return a hash for each table, of its rows or of its SQL and inputs. A table with another hash is outdated."""
    found = {name: catalogue if name == "event_types" else name for name in enrichment.raw_tables}
    found.update({seed.name: _hash(seed.columns, seed.rows) for seed in enrichment.seeds})
    for layer in enrichment.layers:
        for model in layer:
            inputs = [found[name] for name in sorted(model.inputs)]
            files = [*model.files, *(one.sql_file for one in model.inlines)]
            found[model.name] = _hash([one.tokens for one in files], model.docs.day, inputs)
    return {name: found[name] for name in enrichment.tables}


def inputs_hash(enrichment: Enrichment) -> str:
    """Return a hash of everything that `check_models` reads."""
    return _hash(fingerprints(enrichment, ""), {name: dict(types) for name, types in enrichment.raw_tables.items()})


def _catalogue_hash(raw: dlt.Dataset) -> str:
    query = "select event_type_code, category, event_message, object_kind from event_types"
    return _hash(sorted(map(str, rows_of(raw, query))))


def _hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
