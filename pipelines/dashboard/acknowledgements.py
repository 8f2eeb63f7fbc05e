"""What was acknowledged, and acknowledging findings from a page: all that the dashboard ever writes."""

from collections.abc import Sequence
from contextlib import ExitStack

import pandas as pd

from pipelines.common.account import account_name
from pipelines.common.configuration import check_settings
from pipelines.monitoring.acknowledge import acknowledge
from pipelines.warehouse.pipelines import open_pipelines
from pipelines.warehouse.reader import Reader, check_database_exists

from . import data_access
from .cached import ask_if_any
from .queries import log
from .sign_in import signed_in_reader
from .tenants import settings_of_shown

COLUMNS = ("kind", "subject", "account", "note", "happened_at")
OPEN, ACKNOWLEDGED = "open", "acknowledged"


def acknowledged() -> pd.DataFrame:
    """Return kind, subject, account, note, happened_at of what was acknowledged.

    While a run holds the database, it is what was known before; no row if nothing was.
    """
    found = ask_if_any(log.acknowledged(), data_access.RAW)
    return pd.DataFrame(columns=list(COLUMNS)) if found is None else found


def with_state(found: pd.DataFrame) -> pd.DataFrame:
    """Return the findings with their state in the second column, and who acknowledged them, if anybody did."""
    known = acknowledged()
    known = known[known["kind"] == "finding"].drop_duplicates("subject").set_index("subject")
    is_known = found["finding_id"].isin(known.index)
    if is_known.any():
        more = known.reindex(found["finding_id"]).set_axis(found.index)
        names = {"happened_at": "acknowledged_at", "account": "acknowledged_by", "note": "note"}
        found = pd.concat([found, more[list(names)].rename(columns=names)], axis="columns")
    states = is_known.map({True: ACKNOWLEDGED, False: OPEN}).astype(object)
    found = found.assign(state=states)
    return found[[found.columns[0], "state", *(name for name in found.columns[1:] if name != "state")]]


def acknowledge_findings(finding_ids: Sequence[str], note: str) -> int:
    """Acknowledge findings; return how many were open. Call it while no page is drawn in this session.

    Raises:
        Busy: A run or a reader holds the database.
        PipelineError: A finding is no longer there, or the database cannot be written.
    """
    with settings_of_shown():
        check_settings()
        check_database_exists()
        return _acknowledge_alone(finding_ids, note)


def _acknowledge_alone(finding_ids: Sequence[str], note: str) -> int:
    # A run that is on its way is not waited for: somebody looks at the page.
    with (
        data_access.alone(),
        open_pipelines(wait_seconds=data_access.WAIT_SECONDS) as pipelines,
        ExitStack() as stack,
    ):
        reader = Reader(pipelines.raw.destination, stack)
        # Without a sign-in, the dashboard does not know who sits before it.
        account = f"{signed_in_reader() or account_name()} (dashboard)"
        return acknowledge(pipelines, reader, tuple(finding_ids), note.strip() or None, account)
