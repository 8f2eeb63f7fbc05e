"""A run killed by SIGKILL at named stages and at random times: the next run leaves every table as if nothing happened.

Raw and enriched tables are compared row by row with those of an undisturbed run, on both engines.
"""

import random
import signal
from typing import Any

import pytest

from tests.support.crash_world import World
from tests.support.dlt_functions import OF_ENGINE, SQL_JOB
from tests.support.killing import kill_at, kill_at_step

SEED = 20_260_301
# System operations of an undisturbed run, and a few more, so that some runs die near their end.
STEPS = {"duckdb": 3_700, "postgres": 3_000}
SECONDS = 2.5
KILLS_A_CHAIN = 3
CHAINS = 3

# Function, before or after, number of the call.
STAGES = [
    ("audit_source.events.decode_process:decode_typed", "before", 9),
    ("dlt.pipeline.pipeline:Pipeline.normalize", "before", 1),
    ("dlt.pipeline.pipeline:Pipeline.normalize", "after", 2),
    (f"{SQL_JOB}:SqlJobClientBase.update_stored_schema", "before", 2),
    (f"{SQL_JOB}:SqlJobClientBase.update_stored_schema", "after", 1),
    # The rows of a file are stored, but dlt does not know.
    ("COPY", "after", 2),
    ("COPY", "after", 4),
    # Before and after the commit of merges.
    ("COMMIT", "before", 2),
    ("COMMIT", "after", 3),
    ("COMMIT", "after", 5),
    ("dlt.common.storages.load_package:PackageStorage.complete_job", "before", 6),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "before", 1),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "after", 1),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "after", 2),
    # Enrichment: first and second layer, rows of some tables, and the record of the load.
    ("pipelines.warehouse.statement_load:StatementLoad.apply", "before", 1),
    ("pipelines.warehouse.statement_load:StatementLoad._apply", "after", 1),
    ("pipelines.warehouse.statement_load:StatementLoad._apply", "after", 2),
    ("pipelines.warehouse.statement_load:StatementLoad.apply", "before", 2),
    ("pipelines.warehouse.statement_load:StatementLoad._apply", "after", 4),
    ("pipelines.warehouse.statement_load:StatementLoad.keep_state", "before", 1),
    ("pipelines.warehouse.statement_load:StatementLoad.keep_state", "after", 1),
    ("pipelines.transform.checks:_record", "before", 1),
]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: " ".join(map(str, stage)).rpartition(":")[2])
def test_next_run_repairs_a_run_killed_at_a_stage(world: World, tally: Any, stage: tuple[str, str, int]) -> None:
    function, when, number = stage
    # Alternate, so that each kind of stage occurs in both states.
    state = ("first", "later")[STAGES.index(stage) % 2]
    where = world.place(state)
    killed = world.run(where, (kill_at, OF_ENGINE[world.kind].get(function, function), when, number))
    assert killed.code == -signal.SIGKILL, killed
    world.clean_run(where)
    world.expect(where, state, tally)
    tally.add("kills survived")


@pytest.mark.parametrize("state", ["first", "later"])
@pytest.mark.parametrize("chain", range(CHAINS))
def test_next_run_repairs_runs_killed_at_random(world: World, tally: Any, chain: int, state: str) -> None:
    dice = random.Random(f"{SEED}/{world.kind}/{chain}/{state}")
    where = world.place(state)
    kills = 0
    for number in range(KILLS_A_CHAIN):
        if number % 2:
            killed = where.start("run", prepare=world.calls).kill_after(dice.uniform(0.1, SECONDS))
        else:
            killed = world.run(where, (kill_at_step, dice.randrange(1, STEPS[world.kind])))
        # A run that ended before its time does not count as a kill.
        assert killed.code in (0, -signal.SIGKILL), killed
        kills += killed.code != 0
    world.clean_run(where)
    world.expect(where, state, tally)
    tally.add("kills survived", kills)
