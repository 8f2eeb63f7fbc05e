"""Who ran or changed what on which model."""

import streamlit as st

from .. import charts, queries
from ..cached import ask
from ..filters import Filters
from ..panels import details, numbers, page_title, panel

KINDS = ("action", "import", "export", "process", "structure", "data")


def show(filters: Filters) -> None:
    page_title("Changes", "Actions, imports, exports, processes and data changes on models, failed ones included.")
    found = ask(queries.changes(filters)).iloc[0]
    numbers(
        {
            "Changes": (int(found["changes"]), "What was run or changed on models."),
            "Failed": (int(found["failures"]), "Those that were sent as not successful."),
            "By users": (int(found["users"]), "Different users."),
            "On models": (int(found["models"]), "Different models."),
        }
    )
    panel(
        "Changes a day",
        queries.daily_changes(filters),
        lambda rows: charts.daily_bars(rows, "changes", "kind", KINDS),
    )
    left, right = st.columns(2)
    with left:
        panel(
            "Most changed models",
            queries.changes_by("model_id", "model_name", filters),
            lambda rows: charts.top_bars(rows, "model_name", "changes", 2),
        )
    with right:
        panel(
            "Who changes most",
            queries.changes_by("user_id", "user_name", filters),
            lambda rows: charts.top_bars(rows, "user_name", "changes", 3),
        )
    panel(
        "What is run most",
        queries.what_was_run(filters),
        lambda rows: charts.top_bars(
            rows.assign(what=rows["run_name"].fillna(rows["kind"]) + " · " + rows["model_name"].fillna("?")),
            "what",
            "runs",
        ),
        note="Actions, imports, exports and processes, each on its model.",
    )
    details("Newest changes", queries.change_events(filters))
