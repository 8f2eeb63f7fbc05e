"""Send a text by e-mail: SMTP with TLS from the first byte, or from STARTTLS on."""

import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

from audit_source.deadline import DeadlineExceeded, within
from pipelines.common.alert_settings import SMTP_PORTS, alert_setting

from . import ChannelError
from .posting import DEADLINE_SECONDS, TIMEOUTS


class Email:
    """The addresses of the setting `email_to`."""

    name = "email"
    settings = "`email_to` and `smtp_*` under [alerts]"

    def is_configured(self) -> bool:
        """Return whether `email_to` is set."""
        return bool(alert_setting("email_to"))

    def send(self, text: str) -> bool:
        """Send the text to every address. The mail server confirms that it took the message."""
        try:
            within(DEADLINE_SECONDS, lambda: _send(_message(text)))
        except DeadlineExceeded as error:
            raise ChannelError(str(error)) from None
        except smtplib.SMTPResponseException as error:
            # The text of a server may repeat what it was sent.
            raise ChannelError(f"the mail server answered {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused:
            raise ChannelError("the mail server refused the addresses of `email_to`") from None
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelError(f"the mail server failed: {_reason(error)}") from None
        return True


CHANNEL = Email()


def _message(text: str) -> EmailMessage:
    title, *_ = text.splitlines()
    message = EmailMessage()
    message["Subject"] = title.replace("*", "")
    message["From"] = alert_setting("email_from") or alert_setting("email_to").split(",")[0]
    message["To"] = alert_setting("email_to")
    message.set_content(text)
    return message


def _send(message: EmailMessage) -> None:
    security = alert_setting("smtp_security") or "starttls"
    host, port = alert_setting("smtp_host"), int(alert_setting("smtp_port") or SMTP_PORTS[security])
    context = ssl.create_default_context()
    tls: dict[str, Any] = {"context": context} if security == "tls" else {}
    kind = smtplib.SMTP_SSL if security == "tls" else smtplib.SMTP
    with kind(host, port, timeout=TIMEOUTS[1], **tls) as server:
        if security == "starttls":
            # It raises where the server offers no TLS: a password never goes out in the clear.
            server.starttls(context=context)
        if alert_setting("smtp_user"):
            server.login(alert_setting("smtp_user"), alert_setting("smtp_password"))
        server.send_message(message)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
