"""Find the tables that would be written with the same rows, because no raw table that they read changed."""

from typing import Any

from .graph import Enrichment
from .list_days import unchanged_lists

# The part of the enrichment's state that shows a change of these raw tables.
_WATERMARKS = {
    "users": "directory",
    "workspaces": "directory",
    "models": "directory",
    "user_logins": "logins",
    "scim_users": "access",
    "user_entitlements": "access",
}
_SIGNATURE = "contents_signature"


def unchanged_tables(enrichment: Enrichment, before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Return the models of raw tables whose rows are the same in two states of the enrichment.

    A changed catalogue of event codes and changed seeds are no part of it: they rebuild the models that read them.
    """
    same = {table for table, part in _WATERMARKS.items() if before.get(part) == after.get(part)}
    # Entitlements are watched by both: either may be the one that shows a change.
    lists = unchanged_lists(before.get(_SIGNATURE), after.get(_SIGNATURE))
    unchanged = {"event_types"} | (same - {"user_entitlements"}) | (lists - {"user_entitlements"})
    unchanged |= same & lists
    raw = enrichment.raw_tables.keys()
    return {model.name for model in enrichment.layers[0] if model.inputs & raw and model.inputs & raw <= unchanged}
