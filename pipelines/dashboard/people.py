"""Names of users by id, because the aggregates contain only ids."""

import pandas as pd

from .cached import ask
from .queries import log

MOST = 5_000


def names() -> pd.DataFrame:
    """Return user_id, user_label, user_email of the `MOST` most active users of the log."""
    return ask(log.people(MOST))


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with `user_label` as first column; the id if no name is known."""
    known = names().set_index("user_id")["user_label"]
    frame = frame.assign(user_label=frame["user_id"].map(known).fillna(frame["user_id"]))
    return frame[["user_label", *(name for name in frame.columns if name != "user_label")]]
