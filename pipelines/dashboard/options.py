"""How this dashboard was started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipelines.monitoring.status import MAX_AGE


@dataclass
class Options:
    """Options of the command, for all sessions of this process.

    `tenants` are the settings of each tenant that can be chosen, empty if the pages show one database.
    """

    max_age: timedelta = MAX_AGE
    tenants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


options = Options()
