"""The source knows no command, so the pipeline adds the helpful command to its errors."""

import pytest

from audit_source.errors import ConfigurationError, MissingRefreshTokenError, RefreshTokenError, SignInError
from audit_source.extract_report import ReloadLimit
from pipelines.common.exit_codes import CONFIGURATION, SIGN_IN, explain
from pipelines.common.source_hints import reload_notice
from pipelines.run.summary import source_problems


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (MissingRefreshTokenError("credentials", "none", "Set it."), CONFIGURATION, "audit login` gets one."),
        (RefreshTokenError("POST x", "HTTP 400", "Configure it."), SIGN_IN, "audit login` gets a new refresh token."),
    ],
)
def test_an_error_about_a_refresh_token_names_the_command_that_gets_one(
    error: ConfigurationError | SignInError, code: int, hint: str
) -> None:
    assert explain(error) == (code, f"{error} `python -m pipelines.{hint}")
    assert source_problems([error]) == [f"{error} `python -m pipelines.{hint}"]


def test_other_errors_are_unchanged() -> None:
    error = SignInError("POST x", "HTTP 401", "Check it.")
    assert explain(error) == (SIGN_IN, "POST x: HTTP 401. Check it.")


def test_reload_that_starts_too_early_explains_why() -> None:
    assert reload_notice(ReloadLimit(86_400_000, True, 30)) == (
        "--since: the days before 1970-01-02 00:00 UTC were purged. They are not loaded again."
    )
    assert reload_notice(ReloadLimit(86_400_000, False, 30)) == (
        "--since: Anaplan keeps 30 days (setting `history_days`). Nothing before 1970-01-02 00:00 UTC is requested."
    )
