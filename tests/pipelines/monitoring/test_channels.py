"""Each channel sends its own form over a real connection, a failing one stops no other, and no secret is shown."""

import email
from collections.abc import Iterator
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from pipelines.monitoring.alerts import ping
from pipelines.monitoring.alerts.channels import ChannelError, configured_channels
from pipelines.monitoring.alerts.channels.email import CHANNEL as EMAIL
from pipelines.monitoring.alerts.channels.pagerduty import CHANNEL as PAGERDUTY
from tests.conftest import Tenant
from tests.support.mail_server import MailServer, write_certificate
from tests.support.webhook import PATH, Webhook

KEY, PASSWORD = "r0uting-key-4711", "m4il-password"
FAILED = "*Anaplan audit log* on host\n• FAILED: `run` ended with exit code 3."


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with Webhook() as opened:
        opened.answer = b"ok"
        yield opened


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda name, value: monkeypatch.setenv(f"ALERTS__{name.upper()}", str(value))


def use_mail(setting: Any, server: MailServer, security: str = "starttls") -> None:
    settings = {
        "email_to": "a@example.com, b@example.com",
        "email_from": "audit@example.com",
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_security": security,
        "smtp_user": "audit",
        "smtp_password": PASSWORD,
    }
    for name, value in settings.items():
        setting(name, value)


def test_test_message_reaches_every_channel(
    tenant: Tenant, hook: Webhook, certificate: Path, setting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for name in ("webhook_url", "teams_webhook_url", "json_webhook_url", "ping_url"):
        setting(name, f"{hook.url}/{name}")
    setting("pagerduty_routing_key", KEY)
    setting("pagerduty_url", f"{hook.url}/pagerduty")
    with MailServer(certificate) as server:
        use_mail(setting, server)
        ended = tenant.run("alerts", "test")
    assert (ended.code, ended.err) == (0, "")
    taken = ["email", "json_webhook", "pagerduty", "teams", "webhook", "ping"]
    assert [line.split() for line in ended.out.splitlines()] == [[name, "taken"] for name in taken]
    sent = {path.rpartition("/")[2]: body for path, _, body in hook.requests}
    assert "TEST: this message" in sent["webhook_url"]["text"]
    assert sent["json_webhook_url"]["lines"][0].startswith("TEST: this message")
    [card] = sent["teams_webhook_url"]["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [block["type"] for block in card["content"]["body"]] == ["TextBlock", "TextBlock"]
    assert sent["pagerduty"]["routing_key"] == KEY and sent["pagerduty"]["event_action"] == "trigger"
    assert "TEST: this message" in sent["pagerduty"]["payload"]["summary"] and "dedup_key" not in sent["pagerduty"]
    assert sent["ping_url"] == {"exit_code": 0}
    [text] = server.messages
    message = email.message_from_string(text, policy=default)
    assert message["To"] == "a@example.com, b@example.com" and message["From"] == "audit@example.com"
    assert "Anaplan audit log" in message["Subject"] and "TEST: this message" in message.get_content()


def test_failing_channel_stops_no_other_and_shows_no_secret(tenant: Tenant, hook: Webhook, setting: Any) -> None:
    setting("webhook_url", hook.url)
    setting("teams_webhook_url", f"http://127.0.0.1:9{PATH}")
    setting("ping_url", f"http://127.0.0.1:9{PATH}")
    ended = tenant.run("alerts", "test")
    assert ended.code == 1 and len(hook.texts) == 1
    assert "teams         failed: the host refused the connection" in ended.out and PATH not in ended.out + ended.err
    assert "Check `ping_url`" in ended.out


def test_alerts_test_without_a_channel_exits_with_2(tenant: Tenant) -> None:
    ended = tenant.run("alerts", "test")
    assert ended.code == 2 and "no channel is configured" in ended.err


def test_incident_of_a_failed_run_is_resolved(hook: Webhook, setting: Any) -> None:
    setting("pagerduty_routing_key", KEY)
    setting("pagerduty_url", hook.url)
    PAGERDUTY.send(FAILED)
    PAGERDUTY.send("*Anaplan audit log* on host\n• RESOLVED: `run` works again.")
    (_, _, trigger), (_, _, resolve) = hook.requests
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"]


def test_password_is_sent_over_tls_only(certificate: Path, setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with MailServer(certificate, tls_first=True) as server:
        use_mail(setting, server, "tls")
        with pytest.raises(ChannelError, match="certificate is not valid"):
            EMAIL.send(FAILED)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert EMAIL.send(FAILED) and server.passwords == [PASSWORD]
        assert all(is_encrypted for is_encrypted, _ in server.commands)
        server.refuses = 550
        with pytest.raises(ChannelError, match="answered 550"):
            EMAIL.send(FAILED)
    with MailServer(certificate, offers_tls=False) as server:
        use_mail(setting, server)
        with pytest.raises(ChannelError, match="STARTTLS"):
            EMAIL.send(FAILED)
        assert server.passwords == [] and server.messages == []


def test_ping_tells_success_from_failure(hook: Webhook, setting: Any) -> None:
    setting("ping_url", hook.url)
    ping.ping("run", 0)
    ping.ping("run", 3)
    ping.ping("load", 0)
    assert [path for path, _, _ in hook.requests] == [PATH, f"{PATH}/fail"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("teams_webhook_url", "teams.example/x1y2", "setting `teams_webhook_url` is not an address"),
        ("ping_url", "x1y2", "setting `ping_url` is not an address"),
        ("smtp_security", "ssl", "`ssl` is not one of starttls, tls, none"),
        ("smtp_port", "0", "`0` is not a port"),
        ("email_to", "nobody", "`nobody` is not an e-mail address"),
        ("email_to", "a@example.com", "setting `email_to` needs `smtp_host`"),
    ],
)
def test_wrong_settings_are_refused(tenant: Tenant, setting: Any, name: str, value: str, says: str) -> None:
    setting(name, value)
    ended = tenant.run("alerts", "test")
    assert ended.code == 2 and says in ended.err and "x1y2" not in ended.err


def test_channels_without_settings_are_not_configured() -> None:
    assert list(configured_channels()) == []
