"""Page: who ran or changed what on which model."""

from pipelines.dashboard import charts
from pipelines.dashboard.queries import changes

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, details, numbers, page_title, row

KINDS = ("action", "import", "export", "process", "structure", "data")


def show(filters: Filters) -> None:
    """Draw the page `changes`."""
    page_title("Changes", "Actions, imports, exports, processes and data changes on models, including failed ones.")
    found = ask(changes.changes(filters)).iloc[0]
    numbers(
        {
            "Changes": (int(found["changes"]), "Everything that was run or changed on models."),
            "Failed": (int(found["failures"]), "Changes that Anaplan reports as not successful."),
            "By users": (int(found["users"]), "Distinct users."),
            "On models": (int(found["models"]), "Distinct models."),
        }
    )
    row(
        Panel(
            "Changes a day",
            changes.daily_changes(filters),
            lambda rows: charts.daily_bars(rows, "changes", filters, "kind", KINDS),
        )
    )
    row(_by("Most changed models", "model", 2, filters), _by("Who changes most", "user", 3, filters))
    row(
        Panel(
            "What is run most",
            changes.what_was_run(filters),
            lambda rows: charts.top_bars(
                rows.assign(what=rows["run_name"].fillna(rows["kind"]) + " · " + rows["model_name"].fillna("?")),
                "what",
                "runs",
            ),
            note="Actions, imports, exports and processes, each on its model.",
        ),
        Panel(
            "Exports downloaded",
            changes.exports(filters),
            lambda rows: charts.top_bars(
                rows.assign(what=rows["export_name"] + " · " + rows["model_name"].fillna("?")), "what", "downloads"
            ),
            note="Each export on its model, in each format.",
        ),
    )
    details("Newest changes", changes.change_events(filters))


def _by(title: str, thing: str, color: int, filters: Filters) -> Panel:
    name = f"{thing}_name"
    query = changes.changes_by(f"{thing}_id", name, filters)
    return Panel(title, query, lambda rows: charts.top_bars(rows, name, "changes", color))
