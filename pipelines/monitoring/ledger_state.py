"""Compare the ledger in dlt's state, which a run plans by, with the ledger's rows in the destination."""

from typing import Any

from pipelines.common.names import LOAD_NAME
from pipelines.warehouse.dlt_internals import read_state
from pipelines.warehouse.reader import RAW, Reader

# The name under which dlt keeps the state of `audit_source`.
SOURCE = "audit"
# The row that dlt restores when a run starts.
_STATE = f"select state from _dlt_pipeline_state where pipeline_name = '{LOAD_NAME}' order by _dlt_load_id desc limit 1"


def older_state_warnings(reader: Reader | None, windows: list[dict[str, Any]]) -> list[str]:
    """Return a warning for each event type whose state ends before its rows in `event_windows`.

    A run that was killed during its commit leaves this condition until the next run. If it stays, dlt restores an old
    state.
    """
    rows = reader.rows(RAW, _STATE) if reader else []
    if not rows:
        return []
    source: Any = read_state(rows[0]["state"]).get("sources", {}).get(SOURCE, {})
    ledgers = source.get("resources", {}).get("events", {}).get("windows", {})
    texts = []
    for event_type, ledger in sorted(ledgers.items()):
        known = max((int(window[1]) for window in ledger), default=0)
        ends = [w["window_end"] for w in windows if w["event_type"] == event_type and w["status"] == "complete"]
        if known and ends and max(ends).timestamp() * 1000 > known:
            texts.append(
                f"dlt's state of `{event_type}` is older than `event_windows`, as after a killed run. The next run "
                "fetches these windows again. If this stays, the state that dlt restores is not the newest."
            )
    return texts
