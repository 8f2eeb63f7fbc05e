"""A small tenant, and the expected tables after an undisturbed first run and an undisturbed later run."""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.transform.parse import MODELS_DIR
from sandbox.server import Sandbox
from tests.support.children import Ended
from tests.support.harsh import HARSH
from tests.support.places import Place, place
from tests.support.postgres import Postgres
from tests.support.small_models import write_model, write_seed, write_short_models
from tests.support.wrong_clock import set_clock

TENANT = {"events": 400, "days": 4, "users": 8, "rate_limit": 0, "weekend": 1.0, "late_percent": 0.0, **HARSH}
# Several loads per run.
SETTINGS = {"history_days": 5, "events_per_load": 250, "page_size": 60}
# For tests in which the lists inside models do not matter: reading them takes a quarter of a first load.
WITHOUT_DETAILS: dict[str, Any] = {"model_requests_per_run": 0, "cloudworks": "false"}
HOUR_MS = 3_600_000
NAMES = """
select cast(lower(id) as varchar) as user_id, cast(first_name as varchar) as name from users where _dlt_valid_to is null
"""
CHECK = "no_loaded_event_is_missing.sql"


class World:
    """A tenant with a stopped clock, on one engine, and places in one of two states.

    State `first` is an empty database. State `later`, if enabled, is the result of a run some hours ago. With
    `same_clock`, each run has the tenant's time instead of this machine's. `settings` add to those of every place.
    """

    def __init__(
        self,
        kind: str,
        folder: Path,
        sandbox: Sandbox,
        postgres: Postgres | None,
        later: bool,
        same_clock: bool = False,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.kind, self._folder, self._sandbox, self._postgres = kind, folder, sandbox, postgres
        self._number, self._same_clock = 0, same_clock
        self._settings = {**SETTINGS, **(settings or {})}
        self._models = write_few_models(folder / "models")
        self._filled: Place | None = None
        if later:
            began = self.place("first")
            self.clean_run(began)
            _let_hours_pass(sandbox)
            self._filled = began
        self._expected: dict[str, dict[str, list[tuple[Any, ...]]]] = {}

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        """What each run calls first."""
        hours = (self._sandbox.now_ms - time.time() * 1000) / HOUR_MS
        clock: list[tuple[Any, ...]] = [(set_clock, hours)] if self._same_clock else []
        return [(use_models, self._models), *clock]

    def place(self, state: str) -> Place:
        """A new place in the state `first` or `later`."""
        self._number += 1
        like = self._filled if state == "later" else None
        folder = self._folder / f"{self._number}"
        return place(self.kind, folder, self._sandbox.url, self._postgres, like, **self._settings)

    def place_at(self, url: str, **settings: Any) -> Place:
        """A new place with an empty database, on another server."""
        self._number += 1
        return place(self.kind, self._folder / f"{self._number}", url, self._postgres, **settings)

    @property
    def sandbox(self) -> Sandbox:
        return self._sandbox

    def run(self, where: Place, *prepare: tuple[Any, ...], command: str = "run") -> Ended:
        """Run a command with the few models of this world."""
        return where.run(*command.split(), prepare=[*self.calls, *prepare])

    def clean_run(self, where: Place) -> None:
        """Run without any disturbance: exit code 0 and an empty standard error."""
        ended = self.run(where)
        assert (ended.code, error_lines(ended)) == (0, []), ended

    def expect(self, where: Place, state: str, tally: Any = None) -> None:
        """Compare all tables, row by row, with those of an undisturbed run; count them if there is a tally."""
        if state not in self._expected:
            self._expected[state] = self._undisturbed(state)
        found, expected = where.tables(), self._expected[state]
        assert found.keys() == expected.keys()
        for name, rows in expected.items():
            if tally is not None:
                tally.rows(rows, found[name], name)
            assert found[name] == rows, name

    def _undisturbed(self, state: str) -> dict[str, list[tuple[Any, ...]]]:
        where = self.place(state)
        self.clean_run(where)
        tables = where.tables()
        sent = sorted(event["id"] for event in self._sandbox.truth())
        loaded = [row[0] for row in where.engine.rows("select id from anaplan_audit_raw.events order by id")]
        assert loaded == sent, (state, set(loaded) ^ set(sent))
        return tables


@contextmanager
def open_world(
    kind: str,
    postgres: Postgres | None = None,
    later: bool = False,
    at: int | None = None,
    settings: dict[str, Any] | None = None,
    **tenant: Any,
) -> Iterator[World]:
    """Open a world with its own tenant. With `at` (epoch ms), everything happens at that time."""
    # Hours behind, or the later run would be in the future, which no client requests.
    began = int(time.time() * 1000) - 12 * HOUR_MS if at is None else at
    # Windows are compared to the minute, so no run may cross a full minute.
    began += 5_000 - began % 60_000
    with (
        tempfile.TemporaryDirectory(prefix="audit-crash-") as folder,
        Sandbox(clock_ms=began, server_date=at is not None, **{**TENANT, **tenant}) as sandbox,
    ):
        _move_to_quiet_minutes(sandbox)
        yield World(kind, Path(folder), sandbox, postgres, later, at is not None, settings)


def error_lines(ended: Ended) -> list[str]:
    """Return the lines of standard error, without progress lines, which only a slow machine prints."""
    return [line for line in ended.err.splitlines() if not re.match(r"\w+ +\d+/\d+ (windows|tables)  ", line)]


def use_models(folder: str) -> None:
    """Make this process build the models of a folder."""
    import pipelines.transform.checks
    import pipelines.transform.runner

    pipelines.transform.runner.enrich.__kwdefaults__["models_dir"] = Path(folder)
    pipelines.transform.checks.check.__defaults__ = (Path(folder), None)


def write_few_models(folder: Path) -> str:
    """Write two layers of models, one by day and one replaced as a whole, and a seed."""
    write_short_models(folder)
    write_model(folder, "names", NAMES, columns=["user_id", "name"])
    write_seed(folder, "seed", "code,meaning\na,first\nb,second\n", columns=["code", "meaning"])
    write_model(folder, "users_seen", "select cast(user_id as varchar) as user_id from names", columns=["user_id"])
    (folder / "checks").mkdir()
    shutil.copy(MODELS_DIR / "checks" / CHECK, folder / "checks")
    return str(folder)


def _let_hours_pass(sandbox: Sandbox) -> None:
    """Move on some hours: new events, late events, a renamed user and a removed user."""
    known = sandbox.truth()
    late = [{**event, "id": 2**62 + number} for number, event in enumerate(known[:: len(known) // 6])]
    sandbox.advance(hours=5)
    sandbox.add_events(late, sandbox.now_ms - HOUR_MS)
    users = sandbox.users()
    sandbox.rename_user(users[0]["id"], firstName="Renamed")
    sandbox.remove_user(users[1]["id"])
    _move_to_quiet_minutes(sandbox)


def _move_to_quiet_minutes(sandbox: Sandbox) -> None:
    """Move the clock to a gap between events: the last minutes of a run follow the real clock."""
    while any(event["eventDate"] > sandbox.now_ms - 180_000 for event in sandbox.truth()[-5:]):
        sandbox.advance(seconds=30)
