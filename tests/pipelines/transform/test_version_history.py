"""Versions that an older program wrote with a clock that was set back: found, put in order, and the newest is current."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.transform.version_history import SHORTEST, Version, in_order
from tests.conftest import REPOSITORY
from tests.support import scenario
from tests.support.model_warehouse import Warehouse
from tests.support.raw_rows import at, version
from tests.support.scenario import ANN
from tests.support.small_models import copy_models

CHECK = "versions_follow_each_other"
# An event without a date is of no version.
NAMED = f"user_id = '{ANN}' and occurred_at is not null"
NOON, BACK, LATER = at("2026-03-05 12:00"), at("2026-03-05 10:30"), at("2026-03-05 11:00")


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        # Set back by two hours between the first version and the second.
        ([("old", NOON, BACK), ("new", BACK, None)], [("old", BACK - SHORTEST, BACK), ("new", BACK, None)]),
        # A version before the step reaches past what came after it.
        (
            [("first", at("2026-03-05 09:00"), NOON), ("old", NOON, BACK), ("new", BACK, None)],
            [("first", at("2026-03-05 09:00"), BACK - SHORTEST), ("old", BACK - SHORTEST, BACK), ("new", BACK, None)],
        ),
        # Removed while the clock was behind.
        ([("gone", NOON, BACK)], [("gone", BACK - SHORTEST, BACK)]),
        # What is right stays, gaps too.
        ([("a", BACK, LATER), ("b", NOON, None)], [("a", BACK, LATER), ("b", NOON, None)]),
    ],
)
def test_versions_are_put_in_order(versions: list[Any], expected: list[Any]) -> None:
    found = in_order([Version(*one) for one in versions])
    assert [before for before, _ in found[::-1]] == [Version(*one) for one in versions]
    assert [after for _, after in found[::-1]] == [Version(*one) for one in expected]
    # Repeated, it changes nothing.
    again = in_order([after for _, after in found])
    assert all(before == after for before, after in again)


@pytest.mark.usual_engine("duckdb")
def test_enrich_makes_the_newest_version_current(
    warehouse: Warehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = copy_models(tmp_path / "models", ("dim_users", "dim_models", "dim_workspaces", "fct_events"))
    (models / "checks").mkdir()
    source = Path("pipelines/models/checks") / f"{CHECK}.sql"
    (models / "checks" / source.name).write_text((REPOSITORY / source).read_text(encoding="utf-8"), encoding="utf-8")
    warehouse.load(**scenario.WORLD)
    warehouse.enrich(models)
    others = [row for row in scenario.USERS if row["id"].lower() != ANN]
    old = version(ANN, "2026-03-05 12:00", "2026-03-05 10:30", first_name="Old", email="ann@x.com")
    new = version(ANN, "2026-03-05 10:30", first_name="New", email="ann@x.com")
    warehouse.load(users=[*others, old, new])
    # Without the version history, the old name would count as the present one, and the user as removed.
    (found,) = [result for result in warehouse.check(models) if result.name == CHECK]
    assert (found.failing_rows, found.passed) == (1, False)

    report = warehouse.enrich(models)

    assert report.days is None and "versions that ran backwards" in caplog.text
    rows = warehouse.rows(
        "dim_users",
        "version",
        "user_name",
        "is_current",
        "is_removed",
        "valid_from",
        "valid_to",
        where=f"user_id = '{ANN}'",
    )
    assert rows == [
        (1, "Old", False, False, BACK - timedelta(milliseconds=1), BACK),
        (2, "New", True, False, BACK, None),
    ]
    named = warehouse.rows("fct_events", "occurred_at", "user_name", where=NAMED)
    assert len(named) > 9 and all(name == ("Old" if moment < BACK else "New") for moment, name in named)
    assert [result.name for result in warehouse.check(models) if not result.passed] == []
    assert warehouse.enrich(models).tables and warehouse.enrich(models).days == []
