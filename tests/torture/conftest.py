"""The long tests of `make torture` count what they try and print the counts at the end.

They run on every core. Each worker passes its counts to the session that prints.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import pytest

from tests.support.crash_world import World, open_world
from tests.support.truth import Verdict, compare

# In the order of printing.
TRIED = ("fault cases", "requests hit", "obstacles", "kills survived", "bad inputs", "secrets hunted", "attacks")


class Tally:
    """Counts of one session: what was tried, and the results of comparisons with the truth."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.verdict = Verdict(0, 0, 0, 0)

    def add(self, name: str, number: int = 1) -> None:
        """Count an attempt under one of `TRIED`."""
        assert name in TRIED, name
        self.tried[name] += number

    def check(self, verdict: Verdict, about: Any = "") -> None:
        """Add a comparison to the counts. Fail if rows were lost, doubled or invented."""
        self.verdict += verdict
        assert verdict.is_exact, (verdict, about)

    def rows(self, expected: Iterable[Hashable], found: Iterable[Hashable], about: Any = "") -> None:
        """Compare rows in any order."""
        self.check(compare(expected, found), about)

    def counts(self) -> dict[str, list[tuple[str, int]] | list[int]]:
        """Return the counts as plain values, which a worker can send."""
        return {"tried": list(self.tried.items()), "verdict": list(self.verdict)}

    def take(self, counts: dict[str, Any]) -> None:
        """Add the counts of a worker."""
        self.tried.update(dict(counts["tried"]))
        self.verdict += counts["verdict"]

    def lines(self) -> Iterator[str]:
        for name in TRIED:
            yield f"{name:<16} {self.tried[name]:>9,}"
        for name, number in zip(("rows compared", "lost", "doubled", "invented"), self.verdict, strict=True):
            yield f"{name:<16} {number:>9,}"


_KEY: pytest.StashKey[Tally] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = Tally()


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Tally:
    return request.config.stash[_KEY]


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Open one world for all tests of a worker: its undisturbed runs take longer than many tests."""
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with open_world(request.param, postgres, later=True) as opened:
        yield opened


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = session.config.stash[_KEY].counts()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # A worker that died sends nothing; its test has failed.
    if "tally" in getattr(node, "workeroutput", {}):
        node.config.stash[_KEY].take(node.workeroutput["tally"])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    terminalreporter.section("torture")
    for line in config.stash[_KEY].lines():
        terminalreporter.write_line(line)
