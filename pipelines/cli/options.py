"""Options that several commands share."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click


class Seconds(click.FloatRange):
    """A number of seconds, at most one day. Click itself accepts `nan`."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the number, or refuse it as click does."""
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"`{value}` is not a number of seconds. Use 0 to 86400.", param, ctx)
        return number


class Days(click.IntRange):
    """A number of days, as `400d`."""

    name = "days"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the number, or refuse it as click does."""
        match = re.fullmatch(r"(\d{1,5})d", str(value).strip())
        if match is None:
            self.fail(f"`{value}` is not a number of days. Write it as 400d.", param, ctx)
        return super().convert(int(match[1]), param, ctx)


SECONDS = Seconds(0, 86_400)
DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


def check_span(since: datetime | None, until: datetime | None) -> None:
    """Refuse a span that ends before it starts, before anything is opened."""
    if since and until and since > until:
        raise click.UsageError("--since is later than --until. Swap them.")


def span_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add --since and --until."""
    function = click.option("--until", type=DAY, help="Load only events before this UTC date.")(function)
    return click.option("--since", type=DAY, help="Load events from this UTC date on, again if needed.")(function)


accept_directory_option = click.option(
    "--accept-directory",
    is_flag=True,
    help="Apply a list even if it lost more than `shrink_limit_percent` of its records.",
)
full_refresh_option = click.option(
    "--full-refresh", is_flag=True, help="Rebuild the enriched tables from all raw events. Raw tables stay."
)
wait_option = click.option(
    "--wait",
    default=30.0,
    type=SECONDS,
    show_default=True,
    help="Seconds to wait while a run holds the DuckDB file.",
)
