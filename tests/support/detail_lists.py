"""A small tenant whose lists of models, integrations and entitlements change, and their rows in a database."""

from collections import Counter
from typing import Any

from audit_source.directory.tables import DETAIL_TABLES
from sandbox.server import Sandbox
from tests.conftest import Engine
from tests.support.killing import act_at, kill_at, kill_at_step
from tests.support.places import MOMENTS, RAW

TENANT: dict[str, Any] = {"events": 60, "days": 2, "users": 8, "rate_limit": 0}
DETAILS_BEGIN = "audit_source.directory.details:DetailReader.read"

Tables = dict[str, Counter[tuple[Any, ...]]]


def kill_in_details(function: str, when: str, number: int) -> None:
    """Kill the process at a call of a function, counted from the beginning of the details."""
    act_at(DETAILS_BEGIN, "before", 1, lambda: kill_at(function, when, number))


def kill_at_step_of_details(number: int) -> None:
    """Kill the process at a system operation, counted from the beginning of the details."""
    act_at(DETAILS_BEGIN, "before", 1, lambda: kill_at_step(number))


def change_lists(sandbox: Sandbox) -> None:
    """Change some of everything: actions, processes with their steps, integrations with runs, users."""
    contents = sandbox.state.contents
    first, second, *_ = (model for model in sandbox.company.models if model.state != "ARCHIVED")
    sandbox.advance(hours=30)
    for model in (first, second):
        actions, processes = contents.rows(model, "actions"), contents.rows(model, "processes")
        contents.change(model.id, actions[0]["id"], name=f"Renamed {actions[0]['name']}")
        contents.remove(model.id, actions[-1]["id"])
        contents.remove(model.id, processes[-1]["id"])
        contents.add(model.id, "exports", name="Added")
    sandbox.remove_integration(sandbox.company.integrations[0].id)
    users = sandbox.users()
    sandbox.rename_user(users[0]["id"], firstName="Renamed")
    sandbox.remove_user(users[1]["id"])


def stored_lists(engine: Engine) -> Tables:
    """Return the rows of every table of lists, without the times of loading; of a version, whether it has ended."""
    found: Tables = {}
    with engine.opened() as ask:
        for table in DETAIL_TABLES:
            names = [f'"{column.name}"' for column in table.columns if column.name not in MOMENTS]
            if table.history:
                names.append("_dlt_valid_to is null")
            rows = ask(f"select {', '.join(names)} from {RAW}.{table.name}")
            found[table.name] = Counter(tuple(map(repr, row)) for row in rows)
    return found
