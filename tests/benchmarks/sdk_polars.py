"""anaplan-sdk with the usual join in polars: concurrent, in memory, nothing stored.

python -m tests.benchmarks.sdk_polars URL FOLDER
"""

import json
import sys
from typing import Any

import anaplan_sdk
import httpx2
import polars as pl

from tests.benchmarks.tenant import EMAIL, PASSWORD


class ToSandbox(httpx2.HTTPTransport):
    """Redirects requests to the sandbox: the SDK's addresses are fixed."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._target = httpx2.URL(url)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(scheme=self._target.scheme, host=self._target.host, port=self._target.port)
        return super().handle_request(request)


def main(url: str) -> None:
    with httpx2.Client() as plain:
        answer = plain.post(f"{url}/token/authenticate", auth=(EMAIL, PASSWORD))
    token = answer.json()["tokenInfo"]["tokenValue"]
    client = anaplan_sdk.Client(token=token, page_size=10_000, transport=ToSandbox(url), timeout=120)
    events: list[dict[str, Any]] = client.audit.get_events(30)
    users = pl.DataFrame([user.model_dump() for user in client.audit.get_users()], infer_schema_length=None)
    for event in events:
        # A field with objects and texts cannot become a column.
        event["additionalAttributes"] = json.dumps(event.get("additionalAttributes"))
    frame = pl.DataFrame(events, infer_schema_length=None)
    joined = frame.join(users.select("id", "first_name", "last_name"), left_on="userId", right_on="id", how="left")
    print(json.dumps({"events": joined["id"].n_unique()}))


if __name__ == "__main__":
    main(sys.argv[1])
