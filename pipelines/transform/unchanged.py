"""Find the tables that would be written with the same rows, because nothing that they read changed."""

from typing import Any

from .graph import RAW_DAYS, Enrichment
from .list_days import unchanged_lists
from .summaries import Days, Reach
from .table_docs import RECENT

# The part of the enrichment's state that shows a change of these raw tables.
_WATERMARKS = {
    "users": "directory",
    "workspaces": "directory",
    "models": "directory",
    "user_logins": "logins",
    "scim_users": "access",
    "user_entitlements": "access",
    # Within a UTC day, days are only added. A purge, which removes some, has every table written.
    "event_days": "day_count",
}
_SIGNATURE = "contents_signature"


def unchanged_tables(
    enrichment: Enrichment, before: dict[str, Any], after: dict[str, Any], days: Days, reach: Reach
) -> set[str]:
    """Return the models whose rows are the same in two states of the enrichment, between which `days` changed.

    A changed catalogue of event codes and changed seeds are no part of it: they rebuild the models that read them.
    """
    same = {table for table, part in _WATERMARKS.items() if before.get(part) == after.get(part)}
    # Entitlements are watched by both: either may be the one that shows a change.
    lists = unchanged_lists(before.get(_SIGNATURE), after.get(_SIGNATURE))
    unchanged = {"event_types"} | (same - {"user_entitlements"}) | (lists - {"user_entitlements"})
    unchanged |= same & lists
    if not days:
        unchanged |= {"event_days", *RAW_DAYS}
    known = unchanged | {seed.name for seed in enrichment.seeds}
    found: set[str] = set()
    for name, model in enrichment.models.items():
        is_stored = model.docs.summary == RECENT and name in reach.kept
        has_no_day = model.docs.day is not None and not days
        if is_stored or has_no_day or (model.inputs and model.inputs <= known | found):
            found.add(name)
    return found
