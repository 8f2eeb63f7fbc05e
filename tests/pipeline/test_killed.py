"""A run that dies by SIGKILL, wherever: the next one leaves the tables as if nothing had happened."""

import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY, Engine, Tenant
from tests.pipeline.test_load import LISTS, month_of_events
from tests.plain_server import PlainServer

POINTS = [
    ("audit_source.events:decode_page", "before", 7),
    ("dlt.pipeline.pipeline:Pipeline.normalize", "before", 1),
    ("dlt.pipeline.pipeline:Pipeline.load", "before", 1),
    ("dlt.load.load:Load.complete_package", "before", 1),
    ("dlt.pipeline.pipeline:Pipeline.load", "after", 2),
    ("dlt.pipeline.pipeline:Pipeline.load", "before", 3),
]


@pytest.mark.parametrize(("function", "when", "number"), POINTS, ids=lambda value: str(value).rpartition(":")[2])
def test_killed_run_is_made_good_by_the_next(
    tenant: Tenant, duck: Engine, function: str, when: str, number: int
) -> None:
    events = month_of_events(200)
    with PlainServer(events, LISTS) as server:
        tenant.at(server.url)
        killed = subprocess.run(
            [sys.executable, "-m", "tests.killing", function, when, str(number), "run"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        outcome = tenant.run("run")

    assert (outcome.code, outcome.err) == (0, "")
    expected = [(sent["id"],) for sent in events]
    assert duck.rows("select id from anaplan_audit_raw.events order by id") == expected
    assert duck.rows("select event_id from anaplan_audit.fct_events order by event_id") == expected
    assert duck.rows("select count(*), count(distinct id) from anaplan_audit_raw.users") == [(5, 5)]
    assert duck.rows("select distinct status from anaplan_audit_raw.event_windows") == [("complete",)]
    # The killed run began and never ended.
    assert duck.rows("select exit_code from anaplan_audit_raw.runs order by started_at") == [(None,), (0,)]
