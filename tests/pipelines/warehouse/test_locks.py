"""The locked versions suit every driver that `make driver` may add, on every supported Python.

What an installed package requires is read from its metadata. Drivers are not installed here: `make check-extras`, which
needs a package index, resolves them completely.
"""

import re
from collections.abc import Iterator
from importlib.metadata import distributions, requires

import pytest
import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import REPOSITORY

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
LOCKS = ("requirements.lock", "requirements-dashboard.lock", "requirements-dev.lock", "requirements-spark.lock")
# `make driver FOR=...` installs these extras of dlt.
EXTRAS = re.findall(r"\w+", re.search(r"^DRIVERS := (.*)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)[1])  # type: ignore[index]
# What drivers require of packages that are locked. Seen in google-cloud-bigquery 3.47 and botocore 1.43, which dlt's
# extras `bigquery`, `clickhouse`, `filesystem` and `athena` install.
OF_DRIVERS = [Requirement("python-dateutil<3")]


def environment(python: str, extra: str = "") -> dict[str, str]:
    return {"python_version": python, "python_full_version": f"{python}.9", "extra": extra}


def pins(lock: str, python: str) -> dict[str, str]:
    found = {}
    for line in (REPOSITORY / lock).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"[a-z0-9][^ ]*==[^\\]*", line):
            pinned = Requirement(match[0])
            if pinned.marker is None or pinned.marker.evaluate(environment(python)):
                found[canonicalize_name(pinned.name)] = str(pinned.specifier).removeprefix("==")
    return found


def required(python: str, locked: dict[str, str]) -> Iterator[Requirement]:
    """What the installed packages require, as far as this Python gets the same version, and dlt with every extra."""
    for distribution in distributions():
        if locked.get(canonicalize_name(distribution.name)) != distribution.version:
            continue
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment(python)):
                yield requirement
    for text in requires("dlt") or []:
        requirement = Requirement(text)
        if requirement.marker and any(requirement.marker.evaluate(environment(python, extra)) for extra in EXTRAS):
            yield requirement
    yield from OF_DRIVERS


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_pins_suit_every_extra(lock: str, python: str) -> None:
    locked = pins(lock, python)
    assert {"dlt", "duckdb", "python-dateutil"} <= set(locked)
    refused = {
        f"{one.name} {locked[name]}: {one.specifier}"
        for one in required(python, locked)
        if (name := canonicalize_name(one.name)) in locked
        and not one.specifier.contains(locked[name], prereleases=True)
    }
    assert refused == set()


def test_every_destination_of_the_project_has_its_driver_checked() -> None:
    project = tomlkit.parse((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")).unwrap()
    texts = [text for extra in project["project"]["optional-dependencies"].values() for text in extra]
    wanted = {name for text in texts if text.startswith("dlt[") for name in Requirement(text).extras}
    assert "bigquery" in wanted and wanted <= set(EXTRAS)
