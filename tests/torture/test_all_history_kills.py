"""Loads of model history killed by SIGKILL at named stages and at random steps: the next run has each row once.

The rows are compared with the tenant's, in a first load and in one that finds new rows, on both engines.
"""

import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox.server import Sandbox
from sandbox.world.company import Model
from tests.support.dlt_functions import OF_ENGINE, SQL_JOB
from tests.support.killing import kill_at, kill_at_step
from tests.support.places import Place, place
from tests.support.postgres import Postgres
from tests.support.stored_history import History, history_rows, small_loads, stored_history

SEED = 20_261_126
NOW = 1_795_000_000_000
TENANT: dict[str, Any] = {"events": 40, "days": 2, "users": 6, "rate_limit": 0, "history_rows_a_day": 1.0}
ROWS_PER_LOAD = 800
# System operations of an undisturbed first load, roughly.
STEPS = 1_500
CHAINS, KILLS_A_CHAIN = 3, 3

# Function, before or after, number of the call.
STAGES = [
    ("audit_source.directory.history_exports:HistoryExports.run", "after", 1),
    ("audit_source.directory.history_reader:_Pass._row_ids", "before", 1),
    ("audit_source.directory.history_reader:_Pass._row_ids", "before", 4),
    ("dlt.pipeline.pipeline:Pipeline.normalize", "after", 1),
    ("COPY", "after", 1),
    ("COPY", "after", 2),
    ("COMMIT", "before", 2),
    ("COMMIT", "after", 2),
    ("COMMIT", "after", 3),
    ("dlt.common.storages.load_package:PackageStorage.complete_job", "before", 2),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "before", 1),
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "after", 1),
    # Between the rows of a file and what is known of it.
    ("pipelines.run.history:stored_rows", "after", 1),
    ("audit_source.directory.model_history:ModelHistory._reads", "before", 1),
]


class Histories(NamedTuple):
    """A tenant with some models, and where to load them."""

    sandbox: Sandbox
    models: list[Model]
    kind: str
    folder: Path
    postgres: Postgres | None

    def place(self, name: str) -> Place:
        only = {"model_history_models": json.dumps([model.id for model in self.models])}
        return place(self.kind, self.folder / name, self.sandbox.url, self.postgres, **only)

    def expect(self, where: Place, tally: Any) -> None:
        """Run once more without a disturbance, and compare every row."""
        ended = where.run("model-history")
        assert (ended.code, ended.err) == (0, ""), ended
        expected, found = history_rows(self.sandbox, self.models), stored_history(where.engine)
        tally.rows(_numbered(expected), _numbered(found), where.folder.name)


def _numbered(rows: History) -> list[tuple[Any, ...]]:
    """Return each row once: equal rows have a number."""
    return [(*row, number) for row, count in rows.items() for number in range(count)]


@pytest.fixture(params=["duckdb", "postgres"])
def histories(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Histories]:
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with Sandbox(clock_ms=NOW, history_chunk_rows=150, **TENANT) as sandbox:
        exporting = [model for model in sandbox.company.models if sandbox.state.contents.has_history_export(model)]
        yield Histories(sandbox, exporting[:2], request.param, tmp_path, postgres)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: " ".join(map(str, stage)).rpartition(":")[2])
@pytest.mark.parametrize("state", ["first", "later"])
def test_next_run_completes_a_history_killed_at_a_stage(
    histories: Histories, tally: Any, stage: tuple[str, str, int], state: str
) -> None:
    function, when, number = stage
    where = histories.place("killed")
    if state == "later":
        assert where.run("model-history").code == 0
        histories.sandbox.advance(days=12)
    call = (kill_at, OF_ENGINE[histories.kind].get(function, function), when, number)
    killed = where.run("model-history", prepare=[(small_loads, ROWS_PER_LOAD), call])
    # A later load is smaller: it may end before its number of calls.
    assert killed.code == -signal.SIGKILL or (state == "later" and killed.code == 0), killed
    histories.expect(where, tally)
    histories.sandbox.advance(days=1)
    histories.expect(where, tally)
    tally.add("kills survived", killed.code != 0)


@pytest.mark.parametrize("chain", range(CHAINS))
def test_next_run_completes_histories_killed_at_random(histories: Histories, tally: Any, chain: int) -> None:
    dice = random.Random(f"{SEED}/{histories.kind}/{chain}")
    where = histories.place("killed")
    kills = 0
    for _ in range(KILLS_A_CHAIN):
        step = (kill_at_step, dice.randrange(1, STEPS))
        killed = where.run("model-history", prepare=[(small_loads, ROWS_PER_LOAD), step])
        assert killed.code in (0, -signal.SIGKILL), killed
        kills += killed.code != 0
        histories.sandbox.advance(days=1)
    histories.expect(where, tally)
    tally.add("kills survived", kills)
