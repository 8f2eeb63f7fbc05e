"""Page: who needs a licence and does not use it, and how many people use which app, workspace and model."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pipelines.dashboard import charts
from pipelines.dashboard.queries import licences

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, numbers, page_title, row
from ..worklists import worklist

IDLE = {"30 days": 30, "60 days": 60, "90 days": 90}
USUAL_IDLE = "60 days"
NOTHING_IDLE = "Nothing was idle for so long at the newest event of the log, with these filters."
WEEKS = "Whole weeks, also where the period begins or ends within one. The newest week may still be incomplete."


def show(filters: Filters) -> None:
    """Draw the page `licences`."""
    page_title(
        "Licences and adoption",
        "Who may sign in and does not, what nobody uses, and how many people use which app and workspace.",
    )
    chosen = st.selectbox(
        "Idle for at least",
        list(IDLE),
        index=list(IDLE).index(USUAL_IDLE),
        key="idle",
        bind="query-params",
        filter_mode=None,
        width=180,
    )
    days = IDLE[chosen]
    _idle_numbers(filters, days)
    _used_numbers(filters)
    _adoption(filters)
    _worklists(filters, days)


def _idle_numbers(filters: Filters, days: int) -> None:
    people, models, spaces = (
        ask(query(filters, days)).iloc[0] for query in (licences.licences, licences.models, licences.workspaces)
    )
    numbers(
        {
            "Licences": (int(people["licences"]), "People of the user list who may sign in, as far as that is known."),
            "Idle licences": (
                int(people["idle"]),
                f"People who may sign in and did nothing for {days} days, are dormant, or never came.",
            ),
            "Never came": (int(people["never_came"]), "Part of the idle licences: no event and no sign-in is known."),
            "Idle models": (int(models["idle"]), f"Of {models['models']:,} models: not used for {days} days, or ever."),
            "Their size": (
                _size(models["size_bytes"] if models["idle"] else 0),
                "Of the idle models, as far as sizes are known.",
            ),
            "Idle workspaces": (
                int(spaces["idle"]),
                f"Of {spaces['workspaces']:,} workspaces: not used for {days} days, or ever.",
            ),
        },
        key="_idle",
    )
    st.caption(f"At the newest event of the log, {filters.log_ends or filters.last:%-d %b %Y}, whatever the period.")
    if filters.places:
        st.caption(f"Licences, Idle licences, Never came: {filters.left_out('place')}")
    if filters.users:
        st.caption(f"Idle models, Their size, Idle workspaces: {filters.left_out('user')}")
    if filters.models:
        st.caption(f"Idle workspaces: {filters.left_out('model')}")


def _used_numbers(filters: Filters) -> None:
    before = _used(filters.before()) if filters.has_before else {}
    numbers(_used(filters), {name: value for name, (value, _) in before.items()}, key="_used")
    if before:
        st.caption(f"In the period. Small numbers compare with the preceding {filters.days} days.")
    else:
        st.caption("In the period. The log does not contain the whole period before, so nothing is compared.")


def _used(filters: Filters) -> dict[str, tuple[int | str, str]]:
    people, used = ask(licences.active(filters)).iloc[0], ask(licences.used(filters)).iloc[0]
    return {
        "People active": (int(people["people"]), "People with an event of any kind."),
        "Models used": (int(used["models"]), "Models in which something was opened, changed, run or built."),
        "Workspaces used": (
            int(used["workspaces"]),
            "Workspaces in which something was opened, changed, run or built.",
        ),
    }


def _adoption(filters: Filters) -> None:
    row(
        Panel(
            "What people do",
            licences.usage_classes(filters),
            lambda rows: charts.top_bars(rows, "usage_class", "people", 2),
            note="Everybody who may sign in, up to the newest event.",
            left_out=filters.left_out("period", "place"),
        ),
        Panel(
            "People active a week",
            licences.weekly_people(filters),
            lambda rows: charts.weekly_lines(rows.assign(all="people"), "people", "all", filters),
            note=WEEKS,
        ),
    )
    row(
        Panel(
            "People a week by app",
            licences.weekly_by_app(filters),
            partial(_weeks, thing="app", filters=filters),
            note=f"{WEEKS} App pages belong to no workspace.",
        ),
        _compared("People by app", "app", licences.apps(filters), filters),
    )
    row(
        Panel(
            "People a week by workspace",
            licences.weekly_by_workspace(filters),
            partial(_weeks, thing="workspace", filters=filters),
            note=WEEKS,
        ),
        _compared("People by workspace", "workspace", licences.used_workspaces(filters), filters),
    )


def _weeks(rows: pd.DataFrame, thing: str, filters: Filters) -> Any:
    return charts.weekly_lines(rows, "people", f"{thing}_id", filters, f"{thing}_name")


def _compared(title: str, thing: str, query: Any, filters: Filters) -> Panel:
    def prepare(rows: pd.DataFrame) -> pd.DataFrame:
        if not filters.has_before:
            return rows.drop(columns="people_before")
        return rows.assign(change=rows["people"] - rows["people_before"])

    return Panel(
        title,
        query,
        lambda rows: charts.top_bars(rows, f"{thing}_name", "people", 3),
        note="The table compares with the period before." if filters.has_before else "",
        prepare=prepare,
    )


def _worklists(filters: Filters, days: int) -> None:
    about = {"Idle for at least": f"{days} days before the newest event"}
    worklist(
        "Idle licences",
        licences.idle_users(filters, days),
        filters,
        "People who may sign in and did nothing for so long, are dormant, or never came. Longest idle first.",
        filters.left_out("period", "place"),
        about,
        NOTHING_IDLE,
    )
    worklist(
        "Idle models",
        licences.idle_models(filters, days),
        filters,
        "Models that nobody used for so long, or ever. Longest idle first.",
        filters.left_out("period", "user"),
        about,
        NOTHING_IDLE,
    )
    worklist(
        "Idle workspaces",
        licences.idle_workspaces(filters, days),
        filters,
        "Workspaces that nobody used for so long, or ever. Longest idle first.",
        filters.left_out("period", "model", "user"),
        about,
        NOTHING_IDLE,
    )


def _size(size_bytes: Any) -> str:
    """Return a size in the largest unit that leaves a whole number before the point."""
    if pd.isna(size_bytes):
        return "?"
    size, unit = float(size_bytes), "bytes"
    for larger in ("KB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
