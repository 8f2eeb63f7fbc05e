"""Who may open the dashboard: the settings, what the provider says about a person, and for how long it counts."""

import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from pipelines.common.configuration import check_settings
from pipelines.common.dashboard_settings import SignIn, check_dashboard_settings, sign_in_settings
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.dashboard.__main__ import SCRIPT, is_this_machine, main
from pipelines.dashboard.sign_in import is_recent, may_open, secrets_file

CLIENT = {
    "server_metadata_url": "https://sso.example.com/.well-known/openid-configuration",
    "client_id": "audit-log",
    "redirect_uri": "https://audit.example.com/oauth2callback",
    "client_secret": "of-the-client",
    "cookie_secret": "c" * 32,
}
SETTINGS = {**CLIENT, "allowed_users": '["Ann@Example.com", "@audit.example"]'}
SIGN_IN = SignIn(CLIENT, frozenset({"ann@example.com", "@audit.example"}), frozenset({"auditors"}), "groups", 12)
NOW = 1_800_000_000.0


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets settings under `[dashboard]`."""

    def configured(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"DASHBOARD__{name.upper()}", value)

    return configured


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": "ANN@example.com"}, True),
        ({"email": "ann@example.com", "email_verified": True}, True),
        ({"email": "ann@example.com", "email_verified": False}, False),
        ({"email": "ann@example.com", "email_verified": "false"}, False),
        ({"email": "ben@audit.example"}, True),
        ({"email": "ben@not-audit.example"}, False),
        ({"email": "ben@audit.example@elsewhere.example"}, False),
        ({"email": "@audit.example"}, True),
        ({"email": "audit.example"}, False),
        ({"email": ""}, False),
        ({"name": "ann@example.com", "preferred_username": "ann@example.com"}, False),
        ({"groups": ["planners", "auditors"]}, True),
        ({"groups": "auditors"}, True),
        ({"groups": ["auditors2"]}, False),
        ({"groups": "all auditors"}, False),
        ({"groups": None}, False),
        ({"roles": ["auditors"]}, False),
        # The group counts whatever the address is.
        ({"email": "eve@elsewhere.example", "email_verified": False, "groups": ["auditors"]}, True),
        ({}, False),
    ],
)
def test_only_an_allowed_address_domain_or_group_may_open_it(claims: dict[str, Any], expected: bool) -> None:
    assert may_open(claims, SIGN_IN) is expected


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"is_logged_in": True, "iat": NOW - 12 * 3600 + 1}, True),
        ({"is_logged_in": True, "iat": NOW - 12 * 3600}, False),
        ({"is_logged_in": False, "iat": NOW}, False),
        ({"iat": NOW}, False),
        ({"is_logged_in": True}, False),
        ({"is_logged_in": True, "iat": str(NOW)}, False),
        ({}, False),
    ],
)
def test_a_sign_in_counts_for_the_hours_of_the_settings(claims: dict[str, Any], expected: bool) -> None:
    assert is_recent(claims, SIGN_IN, NOW) is expected


def test_settings_are_read_from_the_environment(configure: Any) -> None:
    assert sign_in_settings() is None
    configure(**SETTINGS, allowed_groups="auditors, owners", session_hours="0.5", groups_claim="roles")
    users, groups = frozenset({"ann@example.com", "@audit.example"}), frozenset({"auditors", "owners"})
    assert sign_in_settings() == SignIn(CLIENT, users, groups, "roles", 0.5)
    check_settings()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": ""}, "setting `client_secret` is missing. Set it under [dashboard] in secrets.toml."),
        ({"client_id": ""}, "setting `client_id` is missing. Set it under [dashboard] in config.toml."),
        ({"allowed_users": ""}, "settings `allowed_users` and `allowed_groups` are both empty"),
        ({"allowed_users": "ann"}, "setting `allowed_users`: `ann` is neither an e-mail address nor a domain"),
        ({"cookie_secret": "c" * 31}, "setting `cookie_secret` is shorter than 32 characters."),
        (
            {"redirect_uri": "http://audit.example.com/oauth2callback"},
            "setting `redirect_uri` is not an https address.",
        ),
        ({"redirect_uri": "https://audit.example.com/"}, "setting `redirect_uri` does not end with `/oauth2callback`."),
        ({"server_metadata_url": "sso.example.com"}, "setting `server_metadata_url` is not an https address."),
        ({"session_hours": "0"}, "setting `session_hours`: `0` is not a number of hours above 0 and up to 720."),
        ({"session_hours": "nan"}, "setting `session_hours`: `nan` is not a number of hours above 0 and up to 720."),
        ({"session_hours": "a day"}, "setting `session_hours`: `a day` is not a number of hours"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(configure: Any, changed: dict[str, str], error: str) -> None:
    configure(**{**SETTINGS, **changed})
    with pytest.raises(PipelineError) as refused:
        check_settings()
    assert refused.value.code == CONFIGURATION and str(refused.value).startswith(error)
    ended = CliRunner().invoke(main, [])
    assert ended.exit_code == CONFIGURATION and ended.stderr.startswith(f"dashboard: {error}")
    assert CLIENT["client_secret"] not in ended.output


@pytest.mark.parametrize("name", ["client_secret", "cookie_secret"])
def test_secrets_in_config_toml_are_refused(name: str) -> None:
    with pytest.raises(PipelineError) as refused:
        check_dashboard_settings([("config.toml", "client_id"), ("config.toml", name)])
    assert str(refused.value) == (
        f"setting `{name}` (config.toml) is a secret. Move it to [dashboard] in secrets.toml."
    )
    check_dashboard_settings([("secrets.toml", name)])


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_other_machines_are_let_in_only_with_a_sign_in(address: str, expected: bool) -> None:
    assert is_this_machine(address) is expected


def test_an_address_for_other_machines_is_refused_without_a_sign_in(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.dashboard.__main__.announce", lambda *_: pytest.fail("the address is served"))
    ended = CliRunner().invoke(main, ["--address", "0.0.0.0"])
    assert ended.exit_code == CONFIGURATION
    assert ended.stderr.startswith("dashboard: --address 0.0.0.0 lets other machines in, and nobody has to sign in.")
    assert len(ended.stderr.splitlines()) == 1


def test_the_script_shows_nothing_of_the_log_without_a_sign_in(
    log: Path, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is started."""
    configure(**SETTINGS)
    queries: list[Any] = []
    monkeypatch.setattr("pipelines.dashboard.data_access.read", lambda *asked: queries.append(asked))
    drawn = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    assert not drawn.exception and [one.label for one in drawn.button] == ["Sign in"]
    assert not drawn.sidebar.children and not drawn.metric and not drawn.dataframe and not queries


@pytest.mark.parametrize(
    ("person", "buttons"), [("ann", {"Sign out", "Clear filters"}), ("eve", {"Sign in as somebody else"})]
)
def test_the_script_shows_the_log_to_listed_people_only(
    person: str, buttons: set[str], log: Path, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(**SETTINGS)
    claims = {"email": f"{person}@example.com", "is_logged_in": True, "iat": time.time()}
    monkeypatch.setattr("streamlit.user_info.UserInfoProxy.to_dict", lambda _: claims)
    drawn = AppTest.from_file(str(SCRIPT), default_timeout=60).run()

    assert not drawn.exception and {one.label for one in drawn.button} == buttons
    assert bool(drawn.metric) is (person == "ann")


def test_the_client_is_in_a_file_for_this_account_only_while_the_server_runs() -> None:
    with secrets_file(SIGN_IN) as options:
        [name, path] = options
        file = Path(path)
        assert name == "--secrets.files" and CLIENT["client_secret"] in file.read_text(encoding="utf-8")
        assert file.parent.stat().st_mode & 0o077 == 0
    assert not file.exists()
    with secrets_file(None) as options:
        assert options == []
