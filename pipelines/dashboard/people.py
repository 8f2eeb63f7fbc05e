"""Names for ids of users: the aggregates hold ids only."""

import pandas as pd

from .cached import ask
from .queries import log

MOST = 5_000


def names() -> pd.DataFrame:
    """user_id, user_name, user_email of the `MOST` active users of the log."""
    return ask(log.people(MOST))


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with `user_name` before the other columns; the id where no name is known."""
    known = names().set_index("user_id")["user_name"]
    user_names = frame["user_id"].map(known).fillna(frame["user_id"])
    frame = frame.assign(user_name=user_names)
    return frame[["user_name", *(name for name in frame.columns if name != "user_name")]]
