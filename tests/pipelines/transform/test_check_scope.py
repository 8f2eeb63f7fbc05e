"""What the checks of an ordinary run look at, and what only a check of all days finds."""

from datetime import date
from pathlib import Path

import pytest

from pipelines.transform import check_scope
from pipelines.transform.check_scope import Scope, scope_after
from pipelines.transform.checks import check
from pipelines.transform.parse import MODELS_DIR
from pipelines.transform.runner import EnrichReport
from tests.support.model_warehouse import Warehouse
from tests.support.raw_rows import event
from tests.support.scenario import ANN

FACTS = "anaplan_audit.fct_events"
LATER = "2026-03-11 00:00"
DAY_9 = date(2026, 3, 9)
OLD_DAY = date(2026, 3, 4)


@pytest.fixture
def checked(loaded: Warehouse, short: Path) -> Warehouse:
    """The scenario with the checks that are shipped, all days of which were checked."""
    (short / "checks").mkdir()
    for name in ("every_event_is_a_fact", "no_covered_day_is_missing", "no_loaded_event_is_missing"):
        text = (MODELS_DIR / "checks" / f"{name}.sql").read_text(encoding="utf-8")
        (short / "checks" / f"{name}.sql").write_text(text, encoding="utf-8")
    assert failing(loaded, short, Scope()) == set()
    return loaded


def failing(warehouse: Warehouse, models: Path, scope: Scope) -> set[str]:
    results = check(warehouse.enriched, warehouse.raw, models, scope.days)
    return {result.name for result in results if not result.passed}


def next_hour(warehouse: Warehouse, models: Path) -> EnrichReport:
    warehouse.load(LATER, events=[event(91, "USR-8", "2026-03-09 01:00", user_id=ANN)])
    return warehouse.enrich(models)


def write(warehouse: Warehouse, statement: str) -> None:
    with warehouse.raw.sql_client() as client:
        client.execute_sql(statement)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("update {table} set message = 'other' where event_day = '{day}'", "every_event_is_a_fact"),
        ("delete from {table} where event_day = '{day}'", "every_event_is_a_fact"),
        ("update {table} set event_id = null where event_day = '{day}'", "fct_events.key_filled"),
        ("insert into {table} select * from {table} where event_day = '{day}'", "fct_events.key_unique"),
    ],
)
def test_the_hour_finds_a_fault_in_a_touched_day_and_a_full_check_one_in_an_old_day(
    checked: Warehouse, short: Path, fault: str, name: str
) -> None:
    report = next_hour(checked, short)
    scope = scope_after(checked.enriched, report)
    assert scope == Scope({DAY_9})
    assert failing(checked, short, scope) == set()

    write(checked, fault.format(table=FACTS, day=OLD_DAY))
    assert failing(checked, short, scope) == set()
    assert name in failing(checked, short, Scope())
    checked.enrich(short, full_refresh=True)

    write(checked, fault.format(table=FACTS, day=DAY_9))
    assert name in failing(checked, short, scope)


def test_an_event_that_stayed_in_the_day_before_is_found(checked: Warehouse, short: Path) -> None:
    checked.load(LATER, events=[event(number, "USR-8", f"2026-03-0{number} 01:00") for number in (7, 8, 9)])
    checked.enrich(short)
    write(checked, f"update {FACTS} set event_id = 9 where message in ('event 7', 'event 9')")
    assert "fct_events.key_unique" not in failing(checked, short, Scope({DAY_9}))
    write(checked, f"update {FACTS} set event_id = 9 where message = 'event 8'")
    assert "fct_events.key_unique" in failing(checked, short, Scope({DAY_9}))


def test_a_failed_check_is_repeated_on_all_days_until_it_passes(checked: Warehouse, short: Path) -> None:
    write(checked, f"update {FACTS} set message = 'other' where event_day = '{OLD_DAY}'")
    assert failing(checked, short, Scope()) == {"every_event_is_a_fact"}
    report = next_hour(checked, short)
    assert scope_after(checked.enriched, report) == Scope()
    checked.enrich(short, full_refresh=True)
    assert failing(checked, short, Scope()) == set()


def test_days_that_were_enriched_but_never_checked_are_checked(checked: Warehouse, short: Path) -> None:
    """As after a run that was killed before its checks, or after the command `enrich`."""
    next_hour(checked, short)
    nothing_new = checked.enrich(short)
    assert nothing_new.load_ids == []
    assert scope_after(checked.enriched, nothing_new) == Scope()


def test_nothing_is_checked_again_where_nothing_changed(checked: Warehouse, short: Path) -> None:
    assert not scope_after(checked.enriched, checked.enrich(short)).is_needed


def test_all_days_are_checked_once_a_day(checked: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = next_hour(checked, short)
    monkeypatch.setattr(check_scope, "full_check_every", lambda: 0)
    assert scope_after(checked.enriched, report) == Scope()
    monkeypatch.setattr(check_scope, "full_check_every", lambda: 1)
    assert scope_after(checked.enriched, report) == Scope({DAY_9})
    yesterday = "checked_at = checked_at - interval '1 day'"
    write(checked, f"update anaplan_audit.check_results set {yesterday}")
    assert scope_after(checked.enriched, report) == Scope()
    monkeypatch.setattr(check_scope, "full_check_every", lambda: 2)
    assert scope_after(checked.enriched, report) == Scope({DAY_9})


def test_results_of_an_older_version_count_as_too_old(checked: Warehouse, short: Path) -> None:
    report = next_hour(checked, short)
    pipeline = checked.enriched
    del pipeline.default_schema.tables["check_results"]["columns"]["checked_days"]
    assert scope_after(pipeline, report) == Scope()


def test_an_event_at_the_end_of_a_window_belongs_to_the_next_day(checked: Warehouse, short: Path) -> None:
    """Ledgers of older versions count it in both windows."""
    checked.load(LATER, events=[event(91, "USR-8", "2026-03-09 01:00"), event(92, "USR-8", "2026-03-10 00:00")])
    scope = scope_after(checked.enriched, checked.enrich(short))
    assert scope == Scope({DAY_9, date(2026, 3, 10)})
    windows = "anaplan_audit_raw.event_windows"
    columns = "event_type, window_day, window_start, window_end, checked_at, status"
    row = "'all', date '2026-03-09', timestamptz '2026-03-09 00:00:00+00', timestamptz '2026-03-10 00:00:00+00', now(), 'complete'"
    write(checked, f"insert into {windows} ({columns}, distinct_events, _dlt_load_id) values ({row}, 2, 'a load')")
    assert failing(checked, short, Scope({DAY_9})) == set()
    write(checked, f"update {windows} set distinct_events = 3 where window_day = '2026-03-09'")
    assert failing(checked, short, Scope({DAY_9})) == {"no_loaded_event_is_missing"}
