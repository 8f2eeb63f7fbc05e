"""Events as live tenants send them: the object is what its id is, whatever the catalogue expects."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_source.events.decode import normalise_code
from pipelines.transform.parse import MODELS_DIR
from tests.conftest import REPOSITORY
from tests.support.model_warehouse import Warehouse, open_shared_warehouse
from tests.support.raw_rows import Row, event, load_raw, version
from tests.support.read_models import ModelFolders

pytestmark = pytest.mark.usual_engine("duckdb")

ANN, PLAN, COPY, SALES, LOST = "a0" * 16, "AB" * 16, "CD" * 16, "5A" * 16, "EF" * 16
PROCESS, EXPORT, IMPORT, ACTION = "118000000001", "116000000002", "112000000003", "117000000004"
UPPER, LOWER = "con_P7JGok4rAnkvJArx", "con_p7jgok4rankvjarx"

CATALOGUE: list[Row] = [
    {"event_type_code": normalise_code(row["event_type_id"]), **{key: value or None for key, value in row.items()}}
    for row in csv.DictReader(
        (REPOSITORY / "audit_source" / "event_types.csv").read_text(encoding="utf-8").splitlines()
    )
]
ACTION_CODES = [f"USR-{n}" for n in (20, 32, 33, 34, 35, 36, 38, 40, 41, 42, 50, 51, 52, 53, 54)]
EVENTS: list[Row] = [
    *(
        event(n, code, "2026-03-02 10:00", user_id=ANN, object_id=PLAN.lower(), attr_action_id=ACTION, success=True)
        for n, code in enumerate(ACTION_CODES)
    ),
    event(100, "USR-41", "2026-03-02 11:00", user_id=ANN, object_id=PLAN.lower(), attr_action_id=PROCESS),
    event(
        101, "USR-36", "2026-03-02 11:01", user_id=ANN, object_id=PLAN.lower(), attr_action_id=EXPORT, attr_name="All"
    ),
    event(102, "USR-38", "2026-03-02 11:02", user_id=ANN, object_id=PLAN.lower(), attr_name="Tidy up"),
    event(103, "USR-41", "2026-03-02 11:03", user_id=ANN, object_id=LOST.lower(), attr_action_id=PROCESS),
    event(104, "USR-41", "2026-03-02 11:04", user_id=ANN, object_id=PROCESS, attr_model_id=PLAN.lower()),
    event(105, "INT-06", "2026-03-02 11:05", user_id=ANN, object_id=COPY.lower()),
    event(110, "CONN-2", "2026-03-02 12:00", user_id=ANN, object_id=UPPER, attr_connection_id=UPPER),
    event(111, "CONN-2", "2026-03-02 12:01", user_id=ANN, object_id=LOWER, attr_connection_id=LOWER),
    event(120, "DSM-229", "2026-03-02 13:00", user_id=ANN, object_id=SALES.lower()),
    event(121, "BYOK-999", "2026-03-02 13:01", user_id=ANN),
    event(122, "USR-999", "2026-03-02 13:02", user_id=ANN),
    event(123, "NEW-1", "2026-03-02 13:03", user_id=ANN),
    event(130, "USR-14", "2026-03-02 14:00", user_id=ANN, object_id=PLAN.lower(), success=False, ip_address="10.0.0.1"),
    event(131, "AUTHZ-0", "2026-03-02 14:01", user_id=ANN, attr_name="exports"),
    event(132, "AUTHZ-2", "2026-03-02 14:02", user_id=ANN, object_id=ANN),
    event(140, "INT-61", "2026-03-02 15:00", user_id=ANN, object_id="pipe", success=False),
]
DIRECTORY = {
    "users": [version(ANN.upper(), "2026-03-01 00:00", first_name="Ann")],
    "workspaces": [version(SALES, "2026-03-01 00:00", name="Sales")],
    "models": [
        version(identity, "2026-03-01 00:00", name=name, current_workspace_id=SALES)
        for identity, name in ((PLAN, "Plan"), (COPY, "Copy"))
    ],
}


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def facts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, models_of: ModelFolders
) -> Iterator[Warehouse]:
    folder: Path = tmp_path_factory.mktemp("live")
    with open_shared_warehouse(request.param, request, folder) as warehouse:
        warehouse.load(events=EVENTS, **DIRECTORY)
        load_raw(warehouse.raw, event_types=CATALOGUE)
        warehouse.enrich(models_of("fct_events", "dim_event_types", "fct_denied_access", "fct_platform_changes"))
        yield warehouse


def by_number(facts: Warehouse, *columns: str) -> dict[int, tuple[Any, ...]]:
    rows = facts.rows("fct_events", "event_id", *columns)
    return {number - 971529164212789000: tuple(values) for number, *values in rows}


def test_every_action_event_has_its_model_and_workspace(facts: Warehouse) -> None:
    found = by_number(facts, "object_kind", "model_id", "model_name", "workspace_id", "workspace_name", "action_id")
    for number, code in enumerate(ACTION_CODES):
        assert found[number] == ("model", PLAN.lower(), "Plan", SALES.lower(), "Sales", ACTION), code


def test_actions_and_processes(facts: Warehouse) -> None:
    found = by_number(facts, "object_kind", "model_id", "action_id", "action_name", "process_id")
    assert found[100] == ("model", PLAN.lower(), PROCESS, None, PROCESS)
    assert found[101] == ("model", PLAN.lower(), EXPORT, "All", None)
    assert found[102] == ("model", PLAN.lower(), None, "Tidy up", None)
    # A model in no list; a process as object, as older descriptions have it.
    assert found[103] == ("model", LOST.lower(), PROCESS, None, PROCESS)
    assert found[104] == ("process", PLAN.lower(), None, None, PROCESS)
    # Of an integration the object can be a model: the list knows better than the catalogue.
    assert found[105][:2] == ("model", COPY.lower())


def test_connections_that_differ_in_case_stay_two(facts: Warehouse) -> None:
    found = by_number(facts, "object_id")
    assert (found[110], found[111]) == ((UPPER,), (LOWER,))


def test_codes_in_no_list_have_the_category_of_their_prefix(facts: Warehouse) -> None:
    found = by_number(facts, "event_category", "object_kind", "workspace_name")
    assert found[120] == ("encryption", "workspace", "Sales")
    assert [found[number][0] for number in (121, 122, 123)] == ["encryption", "user_activity", "unknown"]
    kinds = dict(facts.rows("dim_event_types", "event_type_id", "event_category"))
    assert (kinds["BYOK-999"], kinds["NEW-1"]) == ("encryption", "unknown")


def test_refused_access_is_a_fact(facts: Warehouse) -> None:
    columns = ("event_type_id", "kind", "user_name", "model_name", "workspace_name", "ip_address")
    assert sorted(facts.rows("fct_denied_access", *columns)) == [
        ("AUTHZ-0", "function", "Ann", None, None, None),
        ("AUTHZ-2", "function", "Ann", None, None, None),
        ("USR-14", "model", "Ann", "Plan", "Sales", "10.0.0.1"),
    ]


def test_changes_of_the_platform_are_a_fact(facts: Warehouse) -> None:
    rows = facts.rows("fct_platform_changes", "event_type_id", "kind", "action", "outcome")
    assert ("INT-61", "pipeline", "run", "failed") in rows and ("INT-6", "integration", "run", "done") in rows


def test_codes_in_no_subject_are_there_on_purpose() -> None:
    """Noise (AUTHZ-1), a question to an assistant, and codes whose meaning nobody has published."""
    with (MODELS_DIR / "seeds" / "event_classification.csv").open(encoding="utf-8") as file:
        mapped = {row["event_type_id"] for row in csv.DictReader(file)}
    left = {row["event_type_code"] for row in CATALOGUE} - mapped
    assert left == {
        *("AUTHZ-1", "AUTHZ-11", "AUTHZ-17", "USR-65", "USR-75", "USR-81", "USR-82", "USR-83"),
        *("WF-111", "WF-112", "OAUTH-0", "OAUTH-1", "OAUTH-2"),
    }
    assert mapped <= {row["event_type_code"] for row in CATALOGUE}
