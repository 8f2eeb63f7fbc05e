"""Signing in with a provider of OpenID Connect that runs here: who gets in, who does not, and for how long."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.dashboard.app import PAGES
from tests.browser.serving import chromium, free_port, serve, wait_for, wait_until_drawn, watched_page

ALLOWED, BY_DOMAIN, BY_GROUP, STRANGER, UNVERIFIED = "ann", "ben", "cleo", "dan", "eve"
FIGURES = "[data-testid=stVegaLiteChart], [data-testid=stMetric], [data-testid=stDataFrame]"
# Ids at the provider, and what it tells about them.
PEOPLE: dict[str, dict[str, Any]] = {
    ALLOWED: {"email": "Ann@Example.com", "email_verified": True},
    BY_DOMAIN: {"email": "ben@audit.example", "email_verified": True},
    BY_GROUP: {"email": "cleo@elsewhere.example", "groups": ["readers", "auditors"]},
    STRANGER: {"email": "dan@elsewhere.example", "email_verified": True, "groups": ["planners"]},
    UNVERIFIED: {"email": "ann@example.com", "email_verified": False},
}


@contextmanager
def provider() -> Iterator[str]:
    """Run a provider of OpenID Connect in a process of its own. Yields the address that describes it."""
    port = free_port()
    described = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
    people = [word for sub, claims in PEOPLE.items() for word in ("--user-claims", json.dumps({"sub": sub, **claims}))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *people]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(described, process)
            yield described
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def guarded(prepared: Path) -> Iterator[str]:
    """Serve the log with a sign-in. Yields the address."""
    if chromium() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or have google-chrome on the PATH")
    port = free_port()
    with provider() as described:
        others = {
            "DASHBOARD__SERVER_METADATA_URL": described,
            "DASHBOARD__REDIRECT_URI": f"http://127.0.0.1:{port}/oauth2callback",
            "DASHBOARD__CLIENT_ID": "audit-log",
            "DASHBOARD__CLIENT_SECRET": "of the client",
            "DASHBOARD__COOKIE_SECRET": "c" * 40,
            "DASHBOARD__ALLOWED_USERS": '["ann@example.com", "@audit.example"]',
            "DASHBOARD__ALLOWED_GROUPS": "auditors",
        }
        with serve(prepared, port, others) as served:
            yield served.address


@pytest.fixture
def page(opened: Any) -> Iterator[Any]:
    """Open a new page. Only the provider's own page has a style sheet on another host."""
    with watched_page(opened) as (shown, seen):
        shown.route("https://**", lambda route: route.abort())
        yield shown
    assert all(url.endswith("/pico.min.css") for url in seen)


def sign_in(page: Any, address: str, who: str) -> None:
    page.goto(f"{address}/sign-ins")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=who, exact=True).click()


def test_nothing_of_the_log_is_shown_before_the_sign_in(page: Any, guarded: str) -> None:
    page.goto(f"{guarded}/sign-ins")
    page.get_by_role("button", name="Sign in").wait_for()
    shown = page.locator("body").inner_text()
    assert not any(text in shown for text in ("Filters", *(one.title for one in PAGES.values())))
    assert page.locator(FIGURES).count() == 0


@pytest.mark.parametrize("who", [ALLOWED, BY_DOMAIN, BY_GROUP])
def test_allowed_people_see_the_pages_and_sign_out(page: Any, guarded: str, who: str) -> None:
    sign_in(page, guarded, who)
    wait_until_drawn(page)
    assert page.get_by_text(f"Signed in as {PEOPLE[who]['email']}").count() == 1
    # Another page of the same browser needs no sign-in.
    page.goto(f"{guarded}/usage")
    wait_until_drawn(page)
    page.get_by_role("button", name="Sign out").click()
    # The provider is asked to end its session, too.
    page.wait_for_url("**/oauth2/end_session**")
    page.goto(f"{guarded}/usage")
    page.get_by_role("button", name="Sign in").wait_for()


@pytest.mark.parametrize("who", [STRANGER, UNVERIFIED])
def test_others_are_refused(page: Any, guarded: str, who: str) -> None:
    sign_in(page, guarded, who)
    page.get_by_text("may not open this dashboard").wait_for()
    assert page.locator(FIGURES).count() == 0
