"""What the destination already holds, for a caller that can query it. The source itself knows only its state."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from .directory.content_plan import ContentRead
from .events.spans import Span

# Returns how many events dated within each span are loaded, None if that is unknown.
CountEvents = Callable[[list[Span]], list[int] | None]


def count_nothing(_: list[Span]) -> list[int] | None:
    """Return that the numbers of loaded events are unknown."""
    return None


class KnownDetails(NamedTuple):
    """Facts about what events refer to, as earlier loads stored it. Each of them may be missing.

    Attributes:
        reads (Mapping[str, ContentRead]): What was read of each model, by its id in lower case.
        usage (Mapping[str, int]): Number of recent events of each model, by its id in lower case.
        integration_versions (FrozenSet[str]): `row_version` of the current integrations.
        newest_runs (Mapping[str, Tuple[int, int]]): Latest start and latest end (epoch ms) of each integration's runs.
        runs_without_id (FrozenSet[str]): `run_id` of runs that came without an id.
        newest_stamp (int): Newest time (epoch ms) that a load has written for a version.
        records (Mapping[str, int]): Number of current integrations, and of users who may enter a workspace.
    """

    reads: Mapping[str, ContentRead] = {}
    usage: Mapping[str, int] = {}
    integration_versions: frozenset[str] = frozenset()
    newest_runs: Mapping[str, tuple[int, int]] = {}
    runs_without_id: frozenset[str] = frozenset()
    newest_stamp: int = 0
    records: Mapping[str, int] = {}


class Known(NamedTuple):
    """Facts about earlier loads. Each of them may be missing.

    Attributes:
        tenant_id (str): `tenantId` of the loaded events.
        customer_id (str): `customerId` of the loaded users.
        newest_stamp (int): Newest time (epoch ms) that a load has written, for a version or a day.
        records (Dict[str, int]): Number of current records of each directory list, and of users with a last sign-in.
        stamps (Dict[str, int]): Newest time (epoch ms) that a load has written for a version of each directory list.
        purged_before (int): Epoch ms of the first day that was not purged.
        details (Callable): Returns the facts about what events refer to. Called after the events were loaded.
        count_events (CountEvents): Counts loaded events of every type.
    """

    tenant_id: str | None = None
    customer_id: str | None = None
    newest_stamp: int = 0
    records: dict[str, int] = {}  # noqa: RUF012
    stamps: dict[str, int] = {}  # noqa: RUF012
    purged_before: int = 0
    details: Callable[[], KnownDetails] = KnownDetails
    count_events: CountEvents = count_nothing


NOTHING_KNOWN = Known()
