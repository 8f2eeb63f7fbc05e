"""Loads of lists inside models, of CloudWorks and of entitlements, killed by SIGKILL at named stages and at random.

The next run leaves the same rows as an undisturbed one: no version is doubled or open too long, on both engines.
"""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.support.crash_world import error_lines
from tests.support.detail_lists import (
    TENANT,
    Tables,
    change_lists,
    kill_at_step_of_details,
    kill_in_details,
    stored_lists,
)
from tests.support.dlt_functions import OF_ENGINE, SQL_JOB
from tests.support.places import Place, place
from tests.support.postgres import Postgres

SEED = 20_261_127
# System operations of the details of an undisturbed load, roughly.
STEPS = 900
CHAINS, KILLS_A_CHAIN = 3, 3
DIRECTORY = "audit_source.directory"

# Function, before or after, number of the call since the events were loaded.
STAGES = [
    (f"{DIRECTORY}.model_contents:_items", "after", 2),
    (f"{DIRECTORY}.model_contents:_process", "before", 2),
    (f"{DIRECTORY}.integrations:fetch_integrations", "after", 1),
    (f"{DIRECTORY}.integrations:fetch_flows", "before", 1),
    (f"{DIRECTORY}.entitlements:fetch_scim_users", "after", 1),
    ("dlt.pipeline.pipeline:Pipeline.normalize", "before", 1),
    ("dlt.pipeline.pipeline:Pipeline.normalize", "after", 1),
    (f"{SQL_JOB}:SqlJobClientBase.update_stored_schema", "before", 1),
    ("COPY", "after", 1),
    ("COPY", "after", 4),
    ("COPY", "after", 7),
    *(("COMMIT", when, number) for number in range(1, 7) for when in ("before", "after")),
    ("dlt.common.storages.load_package:PackageStorage.complete_job", "before", 1),
    ("dlt.common.storages.load_package:PackageStorage.complete_job", "before", 6),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "before", 1),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "after", 1),
    ("pipelines.run.load:write_new_comments", "before", 1),
]


class Lists:
    """A tenant in two states, each with the rows of an undisturbed load, on one engine."""

    def __init__(self, kind: str, folder: Path, sandbox: Sandbox, postgres: Postgres | None) -> None:
        self.kind, self._folder, self._sandbox, self._postgres = kind, folder, sandbox, postgres
        self._number = 0
        self._filled: Place | None = None
        self._filled = self._loaded("first")
        change_lists(sandbox)
        self.expected: dict[str, Tables] = {
            state: stored_lists(self._loaded(state).engine) for state in ("first", "later")
        }

    def place(self, state: str) -> Place:
        """Return an empty database, or one that was loaded before the lists changed."""
        self._number += 1
        like = self._filled if state == "later" else None
        return place(
            self.kind, self._folder / str(self._number), self._sandbox.url, self._postgres, like, history_days=1
        )

    def _loaded(self, state: str) -> Place:
        where = self.place(state)
        load(where)
        return where


def load(where: Place) -> None:
    ended = where.run("load")
    assert (ended.code, error_lines(ended)) == (0, []), ended


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def lists(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lists]:
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with Sandbox(clock_ms=int(time.time() * 1000) - 48 * 3_600_000, **TENANT) as sandbox:
        yield Lists(request.param, tmp_path_factory.mktemp("lists"), sandbox, postgres)


def expect(lists: Lists, where: Place, state: str, tally: Any) -> None:
    """Load once more, and compare every row."""
    load(where)
    found = stored_lists(where.engine)
    for name, rows in lists.expected[state].items():
        tally.rows(rows.elements(), found[name].elements(), (where.folder, name))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: " ".join(map(str, stage)).rpartition(":")[2])
@pytest.mark.parametrize("state", ["first", "later"])
def test_next_load_completes_lists_killed_at_a_stage(
    lists: Lists, tally: Any, stage: tuple[str, str, int], state: str
) -> None:
    function, when, number = stage
    where = lists.place(state)
    killed = where.run("load", prepare=[(kill_in_details, OF_ENGINE[lists.kind].get(function, function), when, number)])
    # A later load is smaller: it may end before its number of calls.
    assert killed.code == -signal.SIGKILL or (state == "later" and killed.code == 0), killed
    expect(lists, where, state, tally)
    tally.add("kills survived", killed.code != 0)


@pytest.mark.parametrize("chain", range(CHAINS))
@pytest.mark.parametrize("state", ["first", "later"])
def test_next_load_completes_lists_killed_at_random(lists: Lists, tally: Any, state: str, chain: int) -> None:
    dice = random.Random(f"{SEED}/{lists.kind}/{chain}/{state}")
    where = lists.place(state)
    kills = 0
    for _ in range(KILLS_A_CHAIN):
        killed = where.run("load", prepare=[(kill_at_step_of_details, dice.randrange(1, STEPS))])
        assert killed.code in (0, -signal.SIGKILL), killed
        kills += killed.code != 0
    expect(lists, where, state, tally)
    tally.add("kills survived", kills)
