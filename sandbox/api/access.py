"""What an account may see: models, workspaces, CloudWorks, SCIM."""

from __future__ import annotations

from typing import Any

from .state import State
from .tokens import Account

Row = dict[str, Any]


def no_access_models(state: State) -> set[str]:
    """Return the ids of models in which no account has more than the role NO ACCESS."""
    # The first two models of a workspace are in use, so that most events stay readable.
    spare: list[str] = []
    seen: dict[str, int] = {}
    for model in state.company.models:
        seen[model.workspace.id] = seen.get(model.workspace.id, 0) + 1
        if seen[model.workspace.id] > 2 and model.state != "ARCHIVED":
            spare.append(model.id)
    chosen = set(sorted(spare)[: state.settings.no_access_models])
    return (chosen | state.closed_models) - state.opened_models


def may_enter(state: State, account: Account, model_id: str) -> bool:
    return account.models and account.workspaces and model_id.lower() not in no_access_models(state)


def listed(state: State, account: Account, collection: str, rows: list[Row], below: bool = False) -> list[Row]:
    """Return the rows of a list that the account is shown; `below` for the models of one workspace."""
    if collection == "users":
        return rows
    if not account.workspaces:
        return []
    # A workspace names all of its models, and at times the whole list does so too.
    if collection == "workspaces" or below or state.settings.no_access_listed:
        return rows
    closed = no_access_models(state)
    return [row for row in rows if account.models and str(row.get("id", "")).lower() not in closed]
