"""The script that Streamlit runs: navigation, filters, the page, and the states in which there is no page."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pipelines.dashboard import data_access
from pipelines.dashboard.cached import ask, watch
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.freshness import days_with_gaps, read_freshness
from pipelines.dashboard.queries import log
from pipelines.dashboard.sidebar import choose_filters
from pipelines.dashboard.sign_in import is_admitted
from pipelines.dashboard.states import (
    broken,
    busy,
    busy_note,
    empty_log,
    filter_note,
    gaps_note,
    nothing_loaded,
    stale_note,
)
from pipelines.dashboard.tenants import choose_tenant, shown_tenant
from pipelines.dashboard.views import (
    access,
    access_now,
    changes,
    findings,
    health,
    history,
    integrations,
    licences,
    overview,
    profiles,
    search,
    sign_ins,
    usage,
)
from pipelines.dashboard.zones import zone


class EmptyLog(Exception):
    """The log was loaded until a moment, and has no event."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


View = Callable[[Filters], None]


class Page(NamedTuple):
    """A page and the filters that apply to it: `place` (workspace and model) and `user`.

    `user_is` says which user of an event the chosen one is.
    """

    title: str
    icon: str
    show: View
    filters: tuple[str, ...]
    user_is: str = "who did it"


EITHER = "who did it or on whom it was done"
OVERVIEW = f"who did it; in access changes and findings {EITHER}"
HOLDER = "who holds the role, may enter the workspace, was refused, or worked"
# A new page is a module of `views/` and a row here.
PAGES = {
    "overview": Page("Overview", ":material/dashboard:", overview.show, ("place", "user"), OVERVIEW),
    "sign-ins": Page("Sign-ins", ":material/login:", sign_ins.show, ("user",)),
    "usage": Page("Usage", ":material/bar_chart:", usage.show, ("place", "user")),
    "licences": Page("Licences and adoption", ":material/badge:", licences.show, ("place", "user")),
    "changes": Page("Changes", ":material/edit_note:", changes.show, ("place", "user")),
    "model-history": Page("Model history", ":material/history:", history.show, ("place", "user"), "who changed it"),
    "integrations": Page("Integrations", ":material/sync_alt:", integrations.show, ("place", "user"), "who started it"),
    "access": Page("Access changes", ":material/key:", access.show, ("place", "user"), EITHER),
    "access-now": Page("Access now", ":material/lock_person:", access_now.show, ("place", "user"), HOLDER),
    "findings": Page("Security findings", ":material/shield:", findings.show, ("user",), EITHER),
    "events": Page("Events", ":material/search:", search.show, ("place", "user"), EITHER),
    "person": Page("Person", ":material/person:", profiles.show_person, ("place", "user"), "the person of this page"),
    "model": Page("Model", ":material/deployed_code:", profiles.show_model, ("place", "user")),
    "health": Page("Data health", ":material/monitor_heart:", health.show, ()),
}
# Streamlit would fetch an icon given by name from the internet.
ICON = str(Path(__file__).with_name("icon.svg"))
NAME = "Anaplan audit log"
STYLE = """<style>
[class*="st-key-address_"] {display: none;}
.stMainBlockContainer {padding: 3.2rem 2rem 3rem; max-width: 84rem;}
[class*="st-key-numbers"] {gap: 0.6rem !important;}
[class*="st-key-numbers"] > div {flex: 1 1 8.5rem; min-width: 8.5rem;}
[class*="st-key-numbers"] [data-testid="stMetric"] {padding: 0.6rem 0.7rem !important;}
[class*="st-key-numbers"] [data-testid="stMetric"] > div {padding: 0 !important;}
[class*="st-key-numbers"] [data-testid="stMetricLabel"] p {font-size: 0.82rem;}
/* Streamlit's own CSV download leaves formulas active; the one of panels.py does not. */
[data-testid="stElementToolbarButton"]:has(button[aria-label^="Download as CSV"]),
[data-testid="stElementToolbarButton"]:has(button[aria-label^="Show data"]),
[data-testid="stElementToolbarButton"]:has(button[aria-label^="Copy Vega-Lite"]) {display: none;}
@media (max-width: 40rem) {.stMainBlockContainer {padding: 3.2rem 0.8rem 2rem;}}
</style>"""


def show(name: str, view: View | None = None) -> None:
    """Draw a page, or the reason why it cannot be drawn. `view` draws what is below the filters' notes."""
    page = PAGES[name]
    state: Callable[[], None]
    # A page that fails halfway is cleared. The reason has its own place: a block keeps what was drawn in it before.
    whole, instead = st.empty(), st.container()
    with whole.container():
        try:
            with data_access.opened():
                _draw(page, view or page.show)
            return
        except EmptyLog as empty:
            state = partial(empty_log, empty.until)
        except (data_access.NothingLoaded, data_access.Busy) as missing:
            state = nothing_loaded if isinstance(missing, data_access.NothingLoaded) else busy
        except Exception as error:
            # Streamlit ends a run by its own exceptions, which do not inherit from Exception.
            state = partial(broken, error)
    whole.empty()
    with instead:
        state()


def _draw(page: Page, view: View) -> None:
    seen = watch()
    days = ask(log.bounds()).iloc[0]
    fresh = read_freshness()
    if days.isna().any():
        raise EmptyLog(fresh["covered_until"]) if fresh["covered_until"] else data_access.NothingLoaded("no events")
    filters = choose_filters(days["first_day"].date(), days["last_day"].date(), page.filters)
    if seen.is_busy:
        busy_note(seen.loaded_at)
    stale_note(fresh)
    if page.show is not health.show:
        gaps_note(days_with_gaps(filters))
    filter_note(filters, page.user_is)
    view(filters)
    with st.sidebar:
        st.caption(f"{_of_tenant()}Data: {seen.line()}. Days are days in UTC; times are in {zone()}.")


def _of_tenant() -> str:
    tenant = shown_tenant()
    return f"Tenant {tenant}. " if tenant else ""


def main() -> None:
    """Set up the page and run the view that was chosen."""
    # Before the navigation, which would fetch the page's icon for the browser's tab from the internet.
    st.set_page_config(NAME, ICON, layout="wide")
    if not is_admitted() or not choose_tenant():
        return
    chosen_filters: list[Filters] = []
    pages = {
        name: st.Page(
            partial(_show_view, page, chosen_filters),
            title=page.title,
            icon=page.icon,
            url_path=name,
            default=not number,
        )
        for number, (name, page) in enumerate(PAGES.items())
    }
    # Expanded: Streamlit would hide the last ones of more than twelve pages.
    chosen = st.navigation(list(pages.values()), expanded=True)
    st.set_page_config(f"{chosen.title} · {NAME}")
    st.html(STYLE)
    name = next(name for name, page in pages.items() if page == chosen)

    def view(filters: Filters) -> None:
        chosen_filters.append(filters)
        chosen.run()

    # The script itself draws the filters, not the page: Streamlit takes their part of the address to the next page.
    show(name, view)


def _show_view(page: Page, chosen_filters: list[Filters]) -> None:
    page.show(chosen_filters[-1])


if __name__ == "__main__":
    main()
