"""What an HTTP answer says: Anaplan's status, a gateway, damage, a date, a pause."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import requests

from .errors import UnreachableError

# `Accept` of a request whose answer is a file, not JSON.
OCTETS = "application/octet-stream"


def status_of(response: requests.Response) -> str:
    """Return `status` of Anaplan's error body, or "" if there is none. Nothing else of a body is ever shown."""
    status = json_object(response).get("status")
    return status[:80] if isinstance(status, str) and status.replace("_", "").isalnum() else ""


def json_object(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a body, or {} if it is something else."""
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def is_gateway(response: requests.Response) -> bool:
    """Return whether a 403 comes from a gateway in front of Anaplan. Anaplan's own 403 carries a status."""
    return response.status_code == 403 and not json_object(response).get("status")


def gateway_error(operation: str) -> UnreachableError:
    """Return the error for a 403 that Anaplan did not send itself."""
    return UnreachableError(
        operation,
        "HTTP 403 without a status of Anaplan's: a gateway refused the request, not a missing role",
        "Check the tenant's IP allow list, the proxy and the web application firewall on the way.",
    )


def is_json(body: bytes) -> bool:
    """Return whether a body is complete JSON, whatever its texts contain."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        return True
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # Texts with invalid UTF-8 or raw control characters are no reason for a retry.
        json.loads(body.decode("utf-8", "replace"), strict=False, parse_int=str)
        return True
    except RecursionError:
        # Nested too deeply for this parser, but complete: the decoder can read it.
        return True
    except ValueError:
        return False


def date_of(response: requests.Response, header: str) -> float | None:
    """Return the date in a header as epoch seconds, or None if there is none."""
    try:
        return parsedate_to_datetime(response.headers[header]).timestamp()
    except (KeyError, TypeError, ValueError):
        return None


def content_kind(response: requests.Response) -> str:
    """Return a description of a body that should have been JSON."""
    kind = response.headers.get("Content-Type", "").split(";")[0].strip()
    return {"text/html": "an HTML page", "": "something"}.get(kind, f"a damaged body ({kind})")
