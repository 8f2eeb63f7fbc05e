"""Name the addresses of the log by the user's list of networks, each address once.

Engines have no common function that looks for an address in a range, least of all for IPv6. So Python does it, and
`dim_addresses` has the addresses that a network names. A run looks at the addresses of the days that it loads; once a
UTC day, and with another list, at those of every day.
"""

from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any

import dlt
from sqlglot import exp

from pipelines.common.network_names import Networks, read_networks
from pipelines.warehouse.restore_tables import missing_tables

from .graph import Enrichment
from .incremental import Watermark, loaded_days, rows_of
from .materialize import State, stored_state
from .summaries import one_of

ADDRESSES = "dim_addresses"
_COLUMNS = ("ip_address", "cidr", "network_name", "country")


def named_addresses(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, now: Watermark, is_whole: bool
) -> Enrichment:
    """Return the enrichment with the rows of `dim_addresses`.

    Args:
        now (Watermark): The watermark of the raw dataset.
        is_whole (bool): Whether to look at the addresses of every day.

    Raises:
        PipelineError: The list of networks is invalid.
    """
    named = {one.name: one for one in enrichment.seeds}
    if ADDRESSES not in named:
        return enrichment
    networks, state = read_networks(), stored_state(pipeline)
    rows = _rows(pipeline, raw, networks, state, now, is_whole) if networks else []
    rows.sort(key=lambda row: str(row["ip_address"]))
    named[ADDRESSES] = replace(named[ADDRESSES], rows=rows, version=networks.version)
    return replace(enrichment, seeds=tuple(named.values()))


def _rows(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, networks: Networks, state: State, now: Watermark, is_whole: bool
) -> list[dict[str, Any]]:
    is_first_of_day = str(state.get("as_of", ""))[:10] != datetime.now(timezone.utc).date().isoformat()
    is_other_list = state.get("found_versions", {}).get(ADDRESSES) != networks.version
    if is_whole or is_first_of_day or is_other_list or ADDRESSES in missing_tables(pipeline):
        return _named(networks, _addresses(raw, None))
    stored = [dict(zip(_COLUMNS, row, strict=True)) for row in rows_of(pipeline.dataset(), _STORED)]
    new = _addresses(raw, loaded_days(raw, Watermark(state.get("events")), now))
    return stored + _named(networks, new - {row["ip_address"] for row in stored})


_STORED = f"select {', '.join(_COLUMNS)} from {ADDRESSES}"


def _addresses(raw: dlt.Dataset, days: "Set[date] | None") -> set[str]:
    """Return the distinct addresses of the raw events of some days, or of all."""
    if days is not None and not days:
        return set()
    query = exp.select(exp.cast(exp.column("ip_address"), "varchar").as_("ip_address")).distinct().from_("events")
    query = query.where(exp.column("ip_address").is_(exp.null()).not_())
    if days is not None:
        query = query.where(one_of("event_day", days))
    return {address for (address,) in rows_of(raw, query)}


def _named(networks: Networks, addresses: Iterable[str]) -> list[dict[str, Any]]:
    found = ((address, networks.of(address)) for address in addresses)
    return [{"ip_address": address, **one._asdict()} for address, one in found if one]
