"""Runs killed by SIGKILL, one after another: the next run leaves the tables as after undisturbed runs.

`tests/torture/test_all_kills.py` is the long version.
"""

import signal

import pytest

from tests.support.crash_world import WITHOUT_DETAILS, open_world
from tests.support.dlt_functions import OF_ENGINE, SQL_JOB
from tests.support.killing import kill_at

# In the order of one run. Each killed run starts from the state that the one before has left.
POINTS = [
    ("COMMIT", "after", 2),
    # The first one is that of the empty tables that the killed run did not come to.
    (f"{SQL_JOB}:SqlJobClientBase.complete_load", "before", 2),
    ("pipelines.warehouse.statement_load:StatementLoad.apply", "before", 2),
]


@pytest.mark.usual_engine("duckdb")
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_next_run_repairs_killed_runs(request: pytest.FixtureRequest, kind: str) -> None:
    postgres = request.getfixturevalue("postgres") if kind == "postgres" else None
    with open_world(kind, postgres, settings=WITHOUT_DETAILS) as world:
        where = world.place("first")
        for function, when, number in POINTS:
            killed = world.run(where, (kill_at, OF_ENGINE[kind].get(function, function), when, number))
            assert killed.code == -signal.SIGKILL, (function, killed)
        world.clean_run(where)
        world.expect(where, "first")
        # The killed runs have a start and no end.
        codes = where.engine.rows("select exit_code from anaplan_audit_raw.runs order by started_at")
        assert codes == [*[(None,)] * len(POINTS), (0,)]
