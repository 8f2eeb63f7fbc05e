"""Find the days that an enrichment rewrites, and the summaries whose stored rows still hold.

Each rule for what touches a day is a function of another module: `incremental.py` (loads, lost rows, changed ids),
`told_names.py` (names that events or the SCIM service give), `list_days.py` (lists of models), `history_days.py` (model
history). This module calls them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlglot import exp

from .graph import Enrichment
from .history_days import days_of_names
from .incremental import (
    DAYS_OF_IDS,
    FACTS,
    MAX_CHANGED_IDS,
    Watermark,
    changed_ids,
    days_of,
    days_of_other_size,
    loaded_days,
    rows_of,
)
from .list_days import ListsState, days_of_lists
from .materialize import Datasets, State, summary_rows
from .parse import Model
from .summaries import Days, Reach, lost_keys, whole_name
from .table_docs import RECENT, TOUCHED
from .told_names import changed_in_scim, changed_names, days_with_other_names


@dataclass(frozen=True)
class Search:
    """What is known before the search.

    `now` and `lists_now` are what the raw tables hold, `lists` what the enriched ones contain. `recount` compares the
    number of events of every day, and builds every summary from all days. `incomplete` tables cannot be asked.
    """

    datasets: Datasets
    enrichment: Enrichment
    state: State
    now: Watermark
    lists: ListsState
    lists_now: ListsState
    incomplete: set[str]
    is_first_of_day: bool
    recount: bool

    def find(self, reach: Reach) -> tuple[Days, Reach]:
        """Return the days to rewrite, None for all, and what queries have to read of the others."""
        raw, enriched = self.datasets
        watermark = Watermark(self.state.get("events"), self.state.get("directory"))
        loaded = loaded_days(raw, watermark, self.now)
        reach = replace(reach, loaded=frozenset(loaded), kept=self._kept(reach, frozenset(loaded)))
        changes = changed_ids(raw, watermark, self.now)
        told = changed_names(self.datasets, self.enrichment, reach)
        named = changed_in_scim(self.datasets, reach) if self.state.get("access") != self.now.access else set()
        lists = days_of_lists(raw, enriched, self.lists, self.lists_now, self.now.newest_day, self.is_first_of_day)
        names = days_of_names(raw, enriched, changes, watermark.directory)
        if max(len(changes), len(told), len(named)) > MAX_CHANGED_IDS or lists is None or names is None:
            return None, replace(reach, kept=frozenset())
        is_bounded = DAYS_OF_IDS in self.enrichment.models and DAYS_OF_IDS not in self.incomplete
        days = loaded | lists | names | days_of(enriched, {**changes, **dict.fromkeys(named)}, is_bounded)
        days |= days_with_other_names(enriched, told, is_bounded)
        if self.recount:
            days |= days_of_other_size(raw, enriched)
        return days, self._reaching(reach, days)

    def _kept(self, reach: Reach, loaded: frozenset[date]) -> frozenset[str]:
        """Return the summaries that are complete, and have lost none of what the loaded days gave them."""
        summaries = {name: one for name, one in self.enrichment.models.items() if one.docs.summary}
        if self.recount:
            return frozenset()
        kept = frozenset(summaries) - self.incomplete
        of_raw = [one for name, one in summaries.items() if name in kept and self._adds_loaded_days(one)]
        added = replace(reach, loaded=loaded, kept=kept)
        return kept - {one.name for one in of_raw if loaded and self._has_lost(one, added)}

    def _adds_loaded_days(self, summary: Model) -> bool:
        return summary.docs.summary == TOUCHED and bool(summary.inputs & self.enrichment.raw_tables.keys())

    def _has_lost(self, summary: Model, reach: Reach) -> bool:
        query = summary_rows(self.enrichment, summary, reach)
        lost = lost_keys(summary, reach.loaded, reach.dataset).subquery("lost")
        counted = exp.select(exp.cast(exp.Count(this=exp.Star()), "bigint").as_("number")).from_(lost)
        counted.set("with_", exp.With(expressions=[one for one in query.ctes if one.alias != whole_name(summary)]))
        ((number,),) = rows_of(self.datasets.raw, counted, self.datasets.enriched)
        return bool(number)

    def _reaching(self, reach: Reach, days: set[date]) -> Reach:
        is_recent = reach.since is not None and all(day >= reach.since for day in days)
        models = self.enrichment.models
        outdated = {name for name in reach.kept if models[name].docs.summary == RECENT and not is_recent}
        return replace(reach, touched=frozenset(days), kept=reach.kept - outdated)


def can_search(rebuilt: set[str], missing: set[str], models: Mapping[str, Any]) -> bool:
    """Return whether only some days may be rewritten: the facts are complete, and nobody dropped a summary."""
    dropped = {name for name in missing if name in models and models[name].docs.summary}
    return FACTS in models and FACTS not in rebuilt and not dropped
