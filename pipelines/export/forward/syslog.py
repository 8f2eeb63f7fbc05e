"""A target that takes syslog over TLS: RFC 5424 messages, RFC 5425 transport with octet counting."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.common.forwarding import TargetSettings
from pipelines.export.siem.values import iso

from .errors import PassingError, TargetError, request_timeout
from .lines import Line

FACILITY = 13  # log audit
SEVERITY = {"informational": 6, "low": 5, "medium": 4, "high": 3, "critical": 2}
APP_NAME = "anaplan-audit"
# The longest names of RFC 5424.
LONGEST_HOST, LONGEST_ID = 255, 32
MOST_LINES, MOST_BYTES = 5_000, 8_000_000


class SyslogTarget:
    """Sends lines over a connection for each call, because only its orderly end tells that they arrived."""

    most_lines, most_bytes = MOST_LINES, MOST_BYTES

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._host, self._port, self._context = host, port, context
        self._name = _printable(socket.gethostname(), LONGEST_HOST)

    def send(self, lines: list[Line]) -> None:
        """Send the lines, end the connection, and wait until the receiver has ended it too."""
        try:
            with (
                socket.create_connection((self._host, self._port), request_timeout()) as plain,
                self._context.wrap_socket(plain, server_hostname=self._host) as connection,
            ):
                for line in lines:
                    connection.sendall(frame(line, self._name))
                _end(connection)
        except ssl.SSLCertVerificationError as error:
            raise TargetError(
                f"the TLS certificate of the host is not trusted ({error.verify_message}). Name that of its authority "
                "in `ca_file`."
            ) from None
        except ssl.SSLError as error:
            raise PassingError(f"the TLS connection broke off ({error.reason or type(error).__name__})") from None
        except TimeoutError:
            raise PassingError("no answer in time") from None
        except OSError as error:
            raise PassingError(f"the connection failed ({error.strerror or type(error).__name__})") from None


def _end(connection: ssl.SSLSocket) -> None:
    """Announce the end, then read until the receiver closes: it does so after it has read everything."""
    try:
        connection.unwrap()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        # It closed without the announcement that TLS wants. What was lost on the way would have been a reset.
        return
    except OSError as error:
        # OpenSSL reports a close without announcement in this way, too.
        if isinstance(error, (ConnectionError, TimeoutError, ssl.SSLError)) or error.errno:
            raise


def frame(line: Line, host: str) -> bytes:
    """Return a line as a message with its length in front."""
    priority = FACILITY * 8 + SEVERITY[line.severity]
    code = _printable(line.code, LONGEST_ID)
    message = f"<{priority}>1 {iso(line.at)} {host} {APP_NAME} - {code} - ".encode() + line.body
    return str(len(message)).encode() + b" " + message


def _printable(text: str, longest: int) -> str:
    """Return a name with the characters that RFC 5424 allows, `-` for none."""
    return re.sub(r"[^\x21-\x7e]", "_", text)[:longest] or "-"


@contextmanager
def opened_syslog(settings: TargetSettings) -> Iterator[SyslogTarget]:
    """Give a target at `host` and `port`.

    Raises:
        TargetError: A certificate or key cannot be read.
    """
    values = settings.values
    try:
        context = ssl.create_default_context(cafile=values["ca_file"] or None)
        if values["certificate"]:
            context.load_cert_chain(values["certificate"], values["private_key"] or None, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise TargetError(f"`ca_file`, `certificate` or `private_key` cannot be used ({reason}).") from None
    yield SyslogTarget(values["host"], values["port"], context)
