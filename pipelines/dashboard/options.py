"""How this dashboard was started."""

from dataclasses import dataclass
from datetime import timedelta

from pipelines.monitoring.status import MAX_AGE


@dataclass
class Options:
    """Options of the command, for all sessions of this process."""

    max_age: timedelta = MAX_AGE


options = Options()
