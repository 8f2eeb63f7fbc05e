"""Page: who changed which line item, list or cell of a model, with the values before and after."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from pipelines.common.names import command_line
from pipelines.dashboard import charts
from pipelines.dashboard.queries import history

from ..cached import ask
from ..data_access import NothingLoaded
from ..filters import Filters
from ..paging import ROWS, choose_page, first_page, shown_of
from ..panels import Panel, numbers, page_title, row, table
from ..queries.history import Wanted
from ..queries.shapes import TOP
from ..whole_results import offer

KINDS = ("changed", "added", "deleted", "run")
LOG, WHOLE = "the chosen period", "all of the history"


def show(filters: Filters) -> None:
    """Draw the page `model-history`."""
    page_title(
        "Model history",
        "Who changed which line item, list or cell, and the values before and after. From the history of the models"
        " themselves: the page Changes shows what the audit log says of them.",
    )
    known = _loaded()
    if known is None:
        _say_how_to_switch_on()
        return
    filters = _choose_days(filters, known)
    if filters.users:
        st.caption("Only changes whose author is known by name or address are found for a user.")
    wanted = _choose()
    pairs, daily = ask(history.who_and_where(filters, wanted)), ask(history.daily(filters, wanted))
    changes = int(pairs["changes"].sum())
    numbers(
        {
            "Changes": (changes, "Rows of the history of models."),
            "By users": (pairs["who"].nunique(), "Distinct users, as far as their names tell."),
            "In models": (
                pairs["model_id"].nunique(),
                f"Of {int(known['models']):,} models whose history is loaded.",
            ),
            "By imports": (
                int(pairs["by_import"].sum()),
                "Changes that an import made; all others were made by hand.",
            ),
        }
    )
    row(
        Panel(
            "Changes a day",
            daily,
            lambda rows: charts.daily_bars(rows, "changes", filters, "kind", KINDS),
            prepare=lambda rows: rows.groupby(["event_day", "kind"], as_index=False)["changes"].sum(),
        )
    )
    _rankings(filters, wanted, pairs, daily)
    _changes(filters, wanted, changes)


def _loaded() -> pd.Series | None:
    """Return what is loaded; None if nothing is."""
    try:
        known: pd.Series = ask(history.loaded()).iloc[0]
    except NothingLoaded:
        # A database of an earlier version.
        return None
    return known if known["changes"] else None


def _say_how_to_switch_on() -> None:
    st.info(
        "No model history is loaded. The audit log says that somebody ran an action; only a model's own history says"
        " what changed in it.",
        icon=":material/help:",
    )
    st.markdown(
        "1. In Anaplan, open the history of a model, export it once as CSV, and save the export definition.\n"
        "2. Give the account of the pipeline access to that model.\n"
        "3. See which models have such an export, then load them:"
    )
    lines = (command_line("model-history --dry-run"), command_line("model-history"))
    st.code("\n".join(lines), language=None)
    st.markdown("With `model_history = true` under `[sources.audit_source]`, each run loads what is new.")


def _choose_days(filters: Filters, known: pd.Series) -> Filters:
    """Return the filters for the chosen period, or for all days: history reaches back further than the log."""
    first, last = known["first_day"].date(), known["last_day"].date()
    chosen = st.selectbox("Days", [LOG, WHOLE], key="days_of", bind="query-params", filter_mode=None, width=220)
    st.caption(f"The history that is loaded begins on {first:%-d %b %Y} and ends on {last:%-d %b %Y}.")
    return replace(filters, first=first, last=last, log_begins=first, log_ends=last) if chosen == WHOLE else filters


def _choose() -> Wanted:
    text = st.text_input(
        "Search",
        key="changed",
        bind="query-params",
        max_chars=300,
        placeholder="A line item, a list, a value, a formula, a name",
        icon=":material/search:",
        on_change=first_page,
    )
    known = ask(history.kinds())
    left, right = st.columns(2)
    with left:
        kinds = _choose_some("Kind of change", "kind", known["change_kind"])
    with right:
        objects = _choose_some("What was changed", "object", known["object_kind"])
    return Wanted(str(text or ""), kinds, objects)


def _choose_some(label: str, key: str, values: pd.Series) -> tuple[str, ...]:
    return tuple(
        st.multiselect(
            label,
            sorted(values.unique()),
            key=key,
            bind="query-params",
            placeholder="All",
            select_all=False,
            on_change=first_page,
        )
    )


def _rankings(filters: Filters, wanted: Wanted, pairs: pd.DataFrame, daily: pd.DataFrame) -> None:
    row(
        Panel(
            "Kinds of change",
            _by_kind(daily),
            lambda rows: charts.top_bars(rows, "what", "changes"),
        ),
        Panel(
            "Who changes most",
            _most(pairs, "who", ["user_name", "changes", "models", "last_at", "user_id"]),
            lambda rows: charts.top_bars(rows, "user_name", "changes", 3),
            note="Somebody who is in no list counts by the name that the model shows.",
        ),
    )
    row(
        Panel(
            "Most changed models",
            _most(pairs, "model_id", ["model_name", "workspace_name", "changes", "users", "last_at", "model_id"]),
            lambda rows: charts.top_bars(rows, "model_name", "changes", 2, within="workspace_name"),
        ),
        Panel(
            "Most changed modules and lists",
            history.by_place(filters, wanted),
            lambda rows: charts.top_bars(rows, "module_or_list", "changes", 4, within="model_name"),
        ),
    )


def _by_kind(daily: pd.DataFrame) -> pd.DataFrame:
    """Return what, changes, kind, object_kind; most changes first."""
    counts = daily.groupby(["kind", "object_kind"], as_index=False)["changes"].sum()
    what = (counts["object_kind"] + " " + counts["kind"]).str.replace("_", " ").replace("unknown unknown", "unknown")
    counts = counts.assign(what=what).sort_values(["changes", "what"], ascending=[False, True])
    return counts[["what", "changes", "kind", "object_kind"]].head(TOP)


def _most(pairs: pd.DataFrame, key: str, columns: list[str]) -> pd.DataFrame:
    """Return the keys with most changes, from rows of a user and a model each."""
    found = pairs.groupby(key, dropna=False).agg(
        user_name=("user_name", "max"),
        user_id=("user_id", "first"),
        model_name=("model_name", "first"),
        workspace_name=("workspace_name", "first"),
        changes=("changes", "sum"),
        users=("who", "nunique"),
        models=("model_id", "nunique"),
        last_at=("last_at", "max"),
    )
    found = found.reset_index().sort_values(["changes", key], ascending=[False, True])
    return found[columns].head(TOP)


def _changes(filters: Filters, wanted: Wanted, found: int) -> None:
    with st.container(border=True):
        st.subheader("Changes", anchor=False)
        if not found:
            st.info("No change is found. Search for fewer words, or choose more days.", icon=":material/search_off:")
            return
        number = choose_page(found)
        rows = ask(history.history_page(filters, wanted, ROWS, number))
        st.caption(shown_of("Changes", number, len(rows), found))
        table(rows, "Changes of this page", with_download=False)
        name = f"model history {filters.first} {filters.last} {wanted.text}"
        offer(history.whole_history(filters, wanted), found, _about(filters, wanted), name)


def _about(filters: Filters, wanted: Wanted) -> dict[str, str]:
    """Return the period and the filters in words."""
    return {
        "First day (UTC)": filters.first.isoformat(),
        "Last day (UTC)": filters.last.isoformat(),
        "Search": wanted.text or "everything",
        "Kinds of change": ", ".join(wanted.kinds) or "all",
        "What was changed": ", ".join(wanted.objects) or "all",
        "Users": ", ".join(filters.users) or "all",
        "Workspaces": ", ".join(filters.workspaces) or "all",
        "Models": ", ".join(filters.models) or "all",
        "Times": "UTC",
    }
