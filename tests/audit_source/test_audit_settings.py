"""The settings of the source: from the flat keys of dlt's configuration, or from Python."""

from pathlib import Path
from typing import Any

import pytest

from audit_source import AuditSettings, audit_source
from audit_source.auth.credentials import PasswordCredentials
from audit_source.errors import ConfigurationError
from audit_source.settings import resolve_settings

PREFIX = "SOURCES__AUDIT_SOURCE__"


def test_settings_are_read_from_flat_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "REGION", "eu1")
    monkeypatch.setenv(PREFIX + "PAGE_SIZE", "77")
    monkeypatch.setenv(PREFIX + "EVENT_TYPES", '["user_activity", "comment"]')
    monkeypatch.setenv(PREFIX + "CREDENTIALS__EMAIL", "auditor@example.com")
    monkeypatch.setenv(PREFIX + "CREDENTIALS__PASSWORD", "secret")
    settings = resolve_settings()
    assert (settings.region, settings.page_size, settings.overlap_minutes) == ("eu1", 77, 60)
    assert settings.requested_types == ("user_activity", "comment")
    assert isinstance(settings.credentials, PasswordCredentials)
    assert settings.credentials.email == "auditor@example.com"
    assert "secret" not in repr(settings)


def test_arguments_override_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "PAGE_SIZE", "77")
    monkeypatch.setenv(PREFIX + "EVENTS_PER_LOAD", "9")
    assert resolve_settings(page_size=5).page_size == 5
    assert resolve_settings(AuditSettings(page_size=6)).page_size == 6
    both = resolve_settings(AuditSettings(page_size=6, region="eu1"), page_size=7, events_per_load=None)
    assert (both.page_size, both.region, both.events_per_load) == (7, "eu1", None)
    assert resolve_settings(both) is both


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"page_size": 0}, r"`page_size`: `0` is out of range\. Use 1 to 50000"),
        ({"events_per_load": 0}, "`events_per_load`: `0` is out of range"),
        ({"event_types": ["logins"]}, "`event_types`: `logins` is not"),
        ({"event_types": []}, "`event_types`"),
    ],
)
def test_out_of_range_values_are_rejected(values: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigurationError, match=error):
        resolve_settings(**values)


def test_unknown_setting_names_are_rejected() -> None:
    with pytest.raises(TypeError, match="unknown settings: regoin"):
        resolve_settings(regoin="eu1")


def test_source_accepts_a_settings_object_or_keywords(tmp_path: Path) -> None:
    credentials = PasswordCredentials(email="auditor@example.com", password="secret")
    for source in (
        audit_source(credentials=credentials, history_days=90),
        audit_source(AuditSettings(credentials=credentials)),
    ):
        assert {"events", "users", "event_types"} <= set(source.resources)
    # A second source with its own configuration section, as dlt supports it.
    assert audit_source.clone(name="other")(credentials=credentials).name == "other"
    with pytest.raises(ConfigurationError, match="`history_days`"):
        audit_source(credentials=credentials, history_days=91)
