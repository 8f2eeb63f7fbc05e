"""Page: who signed in or failed to, from which address and with which program."""

from pipelines.dashboard import charts
from pipelines.dashboard.queries import sign_ins

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, details, numbers, page_title, row
from .shared import daily_sign_ins


def show(filters: Filters) -> None:
    """Draw the page `sign-ins`."""
    page_title("Sign-ins", "Who signed in or failed to, and from where. Sign-ins belong to no workspace or model.")
    found = ask(sign_ins.signed_in(filters)).iloc[0]
    attempts, failures = int(found["attempts"]), int(found["failures"])
    numbers(
        {
            "People signed in": (int(found["people"]), "People of the user list with a successful sign-in."),
            "Unlisted ids": (
                int(found["unlisted"]),
                "Ids that signed in and are in no list, such as users who were deleted before the first load.",
            ),
            "Sign-ins": (attempts - failures, "Successful ones."),
            "Failed": (failures, "Sign-ins that were refused."),
            "Share failed": (f"{failures / attempts:.1%}" if attempts else "0%", "Of all attempts."),
        }
    )
    row(daily_sign_ins(filters))
    row(
        Panel(
            "Users with most failures",
            sign_ins.users_failing(filters),
            lambda rows: charts.top_bars(rows, "user_label", "failures", 1),
            note="Failures of unknown accounts have no user and count as unknown.",
        ),
        Panel(
            "Addresses with most failures",
            sign_ins.sign_ins_by("ip_address", filters),
            lambda rows: charts.top_bars(rows, "ip_address", "failures", 1),
            note="The table also has the attempts and users of each address.",
        ),
    )
    row(
        Panel(
            "Browsers and programs",
            sign_ins.sign_ins_by("client", filters),
            lambda rows: charts.top_bars(rows.sort_values("attempts", ascending=False), "client", "attempts"),
        )
    )
    details("Failed sign-ins", sign_ins.sign_in_events(filters, ["failure"]))
    details("Successful sign-ins", sign_ins.sign_in_events(filters, ["success"]))
