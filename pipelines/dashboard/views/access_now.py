"""Page: which access people have now, who gave it, what was refused, and whether people or programs use it."""

import streamlit as st

from pipelines.dashboard import charts
from pipelines.dashboard.queries import access

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, details, numbers, page_title, row
from ..worklists import worklist

USES = ("human", "api", "other")
REFUSED = ("model", "function")
UP_TO_THE_END = "As the log shows it, up to its end. Roles given before the log and never taken are in no event."
NO_ROLE = "The log shows no role that is held now, with these filters. Roles given before the log are in no event."
NO_ENTITLEMENT = (
    "No entitlement is known, with these filters. They are read if the account may use the SCIM service:"
    " `python -m pipelines.audit status` shows whether it may."
)
PROGRAMS = "By the client: the table client_uses says which are programs. Others are clients that it does not list."


def show(filters: Filters) -> None:
    """Draw the page `access-now`."""
    page_title(
        "Access now",
        "Roles and workspaces that people have, and who gave them. Access that was refused, and use by programs.",
    )
    _held_numbers(filters)
    _period_numbers(filters)
    row(_held("Roles held", "role_label", 2, filters), _held("Who gave the roles held", "granted_by", 3, filters))
    worklist(
        "Roles held now",
        access.held_roles(filters),
        filters,
        UP_TO_THE_END,
        filters.left_out("period"),
        nothing=NO_ROLE,
    )
    details(
        "Roles that ended", access.ended_roles(filters), "In the period. Who gave a role before the log is unknown."
    )
    row(
        Panel(
            "People who may enter a workspace",
            access.entitled_by_workspace(filters),
            lambda rows: charts.top_bars(rows, "workspace_name", "people", 4),
            note="People that the SCIM service lists with the workspace, at the last load.",
            left_out=filters.left_out("period", "model"),
        ),
        Panel(
            "Access denied a day",
            access.daily_refusals(filters),
            lambda rows: charts.daily_bars(rows, "refusals", filters, "kind", REFUSED),
        ),
    )
    worklist(
        "Workspaces that people may enter",
        access.entitlements(filters),
        filters,
        "Valid from: the load that first found it.",
        filters.left_out("period", "model"),
        nothing=NO_ENTITLEMENT,
    )
    _denied(filters)
    _programs(filters)


def _held_numbers(filters: Filters) -> None:
    held, entitled = ask(access.holders(filters)).iloc[0], ask(access.entitled(filters)).iloc[0]
    numbers(
        {
            "Roles held": (int(held["roles"]), "Tenant roles and roles in models. A user has one role in a model."),
            "People with a role": (int(held["people"]), "People of the user list who hold any of these roles."),
            "Administrators": (int(held["administrators"]), "People with a tenant role whose name contains admin."),
            "With a workspace": (
                int(entitled["people"]),
                "People who may enter at least one workspace, as the SCIM service lists them.",
            ),
            "Workspaces": (int(entitled["workspaces"]), "Workspaces that at least one of them may enter."),
        },
        key="_held",
    )
    st.caption("Now: as the log and the directory show it, whatever the period.")
    if filters.models:
        st.caption(f"With a workspace, Workspaces: {filters.left_out('model')}")


def _period_numbers(filters: Filters) -> None:
    before = _in_period(filters.before()) if filters.has_before else {}
    numbers(_in_period(filters), {name: value for name, (value, _) in before.items()}, key="_period")
    compared = f"Small numbers compare with the preceding {filters.days} days."
    missing = "The log does not contain the whole period before, so nothing is compared."
    st.caption(f"In the period. {compared if before else missing}")
    if filters.places:
        st.caption(f"Events by programs, Share of programs, Users of programs: {filters.left_out('place')}")


def _in_period(filters: Filters) -> dict[str, tuple[int | str, str]]:
    denied, used = ask(access.refused(filters)).iloc[0], ask(access.uses(filters)).iloc[0]
    share = f"{used['api_events'] / used['events']:.1%}" if used["events"] else "0%"
    return {
        "Access denied": (int(denied["refusals"]), "Refused attempts to open a model or to use a function."),
        "Users refused": (int(denied["users"]), "Distinct users of these attempts."),
        "Events by programs": (int(used["api_events"]), "Events of sessions in which a program works."),
        "Share of programs": (share, "Of the events of all sessions."),
        "Users of programs": (int(used["api_users"]), "Distinct users of these sessions."),
    }


def _held(title: str, column: str, color: int, filters: Filters) -> Panel:
    return Panel(
        title,
        access.held_by(column, filters),
        lambda rows: charts.top_bars(rows, column, "roles", color),
        left_out=filters.left_out("period"),
    )


def _denied(filters: Filters) -> None:
    row(
        Panel(
            "Who is refused most",
            access.refused_users(filters),
            lambda rows: charts.top_bars(rows, "user_label", "refusals", 1),
        ),
        Panel(
            "What is refused most",
            access.refused_things(filters),
            lambda rows: charts.top_bars(rows, "what", "refusals", 1),
            note="Models and functions. A model that is in no list has no name.",
        ),
    )
    details("Access denied", access.refusals(filters))


def _programs(filters: Filters) -> None:
    left_out = filters.left_out("place")
    row(
        Panel(
            "Use by people and by programs",
            access.daily_uses(filters),
            lambda rows: charts.daily_bars(rows, "events", filters, "use_kind", USES),
            note=PROGRAMS,
            left_out=left_out,
        ),
        Panel(
            "Clients",
            access.clients(filters),
            lambda rows: charts.top_bars(rows, "client", "events"),
            note="By their events. The table has sessions and users.",
            left_out=left_out,
        ),
    )
    details("Who uses programs", access.program_users(filters), "Most events first.", left_out)
