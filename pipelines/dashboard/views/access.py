"""Page: who gave which access to whom."""

from pipelines.dashboard import charts
from pipelines.dashboard.queries import changes

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, details, numbers, page_title, row

ACTIONS = ("granted", "revoked", "created", "deleted", "updated")


def show(filters: Filters) -> None:
    """Draw the page `access`."""
    page_title("Access changes", "Roles, memberships, user accounts and connections: who changed what, for whom.")
    found = ask(changes.access(filters)).iloc[0]
    numbers(
        {
            "Access changes": (int(found["changes"]), "Includes attempts."),
            "Users concerned": (int(found["targets"]), "Distinct users whose access was changed."),
            "Denied or failed": (int(found["not_done"]), "Attempts that changed nothing."),
            "On themselves": (int(found["on_self"]), "Changes that users made to their own access."),
        }
    )
    row(
        Panel(
            "Access changes a day",
            changes.daily_access(filters),
            lambda rows: charts.daily_bars(rows, "changes", filters, "action", ACTIONS),
        )
    )
    row(
        Panel(
            "What was changed",
            changes.access_by_kind(filters),
            lambda rows: charts.top_bars(rows, "what", "changes"),
            prepare=lambda rows: rows.assign(
                what=rows["kind"].str.replace("_", " ") + " " + rows["action"].str.replace("_", " ")
            ),
        ),
        _by("Roles given or taken", "role_id", "role_name", 2, filters),
    )
    row(
        _by("Who changes access", "user_id", "user_label", 3, filters),
        _by("Whose access is changed", "target_user_id", "target_user_label", 4, filters),
    )
    details("Newest access changes", changes.access_events(filters))


def _by(title: str, key: str, name: str, color: int, filters: Filters) -> Panel:
    query = changes.access_by(key, name, filters)
    return Panel(title, query, lambda rows: charts.top_bars(rows, name, "changes", color))
