"""Post JSON to an address that is a secret itself: one try, a limit on the whole time, no redirect."""

from typing import Any

import requests

from audit_source.connection_errors import plain_reason
from audit_source.deadline import DeadlineExceeded, within

from . import ChannelError

# Seconds to connect, and between two bytes. A run must not wait longer for a chat.
TIMEOUTS = (5.0, 10.0)
# For the whole request, however slowly the response arrives.
DEADLINE_SECONDS = 30.0


def post(url: str, body: Any) -> requests.Response:
    """Post a document once, and return the response, whose status is 2xx.

    Raises:
        ChannelError: There was no response, or its status is not 2xx. The message omits the address: it is the secret.
    """
    try:
        response = within(DEADLINE_SECONDS, lambda: _post(url, body))
    except DeadlineExceeded as error:
        raise ChannelError(str(error)) from None
    except (requests.RequestException, ValueError) as error:
        reason = plain_reason(error) if isinstance(error, requests.RequestException) else "it is not a URL"
        raise ChannelError(reason) from None
    if not response.ok or response.is_redirect:
        raise ChannelError(f"HTTP {response.status_code}")
    return response


def _post(url: str, body: Any) -> requests.Response:
    response = requests.post(
        url,
        json=body,
        timeout=TIMEOUTS,
        # The address is the credential: no other host may see it, and it gets no other credential.
        allow_redirects=False,
        auth=lambda request: request,
    )
    _ = response.content
    return response
