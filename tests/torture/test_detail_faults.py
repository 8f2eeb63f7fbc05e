"""Faults of the lists inside models, of CloudWorks and of SCIM: nothing else of a load suffers, and nothing is forgotten.

While a service fails, its rows stay as they were. Once it answers again, a load has what an undisturbed one has.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine
from tests.support.crash_world import error_lines
from tests.support.detail_lists import TENANT, Tables, change_lists, stored_lists
from tests.support.places import RAW, Place, place
from tests.support.wrong_clock import hide_server_clock, set_clock

FAULTS = (
    "401", "403", "404", "423", "429", "500", "503", "token-dead", "timeout", "html", "maintenance", "bad-json",
    "half-body", "204", "reset", "redirect",
)  # fmt: skip
TABLES_OF = {
    "contents": {"model_actions", "process_steps"},
    "cloudworks": {"integrations", "integration_runs", "integration_flows"},
    "scim": {"user_entitlements", "scim_users"},
}
# A model that failed is read again after a day, a closed one after seven.
LATER_HOURS = 8 * 24 + 1


class Tenant:
    """A tenant whose lists changed since a load, and the rows of an undisturbed second load."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.sandbox, self._folder = sandbox, folder
        self._number = 0
        self._filled: Place | None = None
        self._filled = self.place()
        load(self._filled)
        self.before = stored_lists(self._filled.engine)
        change_lists(sandbox)
        undisturbed = self.place()
        load(undisturbed)
        self.after = stored_lists(undisturbed.engine)
        self.events = events(undisturbed.engine)

    def place(self) -> Place:
        """Return an empty database for the first call, then copies of the one that was loaded before the change."""
        self._number += 1
        where = place("duckdb", self._folder / str(self._number), self.sandbox.url, None, self._filled, history_days=1)
        where.set("RUNTIME__REQUEST_TIMEOUT", 0.5)
        where.set("RUNTIME__REQUEST_MAX_ATTEMPTS", 2)
        return where


def load(where: Place) -> str:
    ended = where.run("load")
    assert (ended.code, error_lines(ended)) == (0, []), ended
    return ended.out


def events(engine: Engine) -> list[tuple[Any, ...]]:
    return engine.rows(f"select id from {RAW}.events order by id")


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    with Sandbox(clock_ms=int(time.time() * 1000) - 48 * 3_600_000, **TENANT) as sandbox:
        yield Tenant(tmp_path_factory.mktemp("faults"), sandbox)


def of(tables: Tables, names: set[str]) -> Tables:
    return {name: rows for name, rows in tables.items() if name in names}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", TABLES_OF)
def test_fault_of_a_service_costs_only_its_own_lists(changed: Tenant, tally: Any, kind: str, fault: str) -> None:
    where, failing = changed.place(), TABLES_OF[kind]
    changed.sandbox.faults.add(f"{kind}:{fault}:*")
    try:
        out = load(where)
    finally:
        changed.sandbox.faults.clear()
    assert out.count("\nnot read  ") <= 2, out
    assert "not read" in out or "failed" in out or "forbidden" in out, out
    assert events(where.engine) == changed.events
    found = stored_lists(where.engine)
    others = found.keys() - failing - {"content_reads"}
    assert of(found, failing) == of(changed.before, failing)
    assert of(found, others) == of(changed.after, others)
    later = where.run("load", prepare=[(set_clock, LATER_HOURS), (hide_server_clock,)])
    assert later.code == 0, later
    for name, rows in of(stored_lists(where.engine), failing).items():
        tally.rows(changed.after[name].elements(), rows.elements(), (kind, fault, name))
    tally.add("fault cases")
