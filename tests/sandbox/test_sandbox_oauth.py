import html
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from sandbox.api.oauth_grants import DEVICE_GRANT
from sandbox.server import Sandbox
from tests.support.sandbox_client import EVENTS

DEVICE = {"client_id": "sandbox-device", "grant_type": DEVICE_GRANT}
REFRESH = {"client_id": "sandbox-device", "grant_type": "refresh_token"}


def post(sandbox: Sandbox, path: str = "/oauth/token", form: bool = False, **fields: Any) -> requests.Response:
    return requests.post(sandbox.url + path, timeout=10, **({"data": fields} if form else {"json": fields}))


def test_refresh_token_gives_a_token_for_the_audit_api(sandbox: Sandbox) -> None:
    for form in (False, True):
        body = post(sandbox, form=form, refresh_token="sandbox-refresh-0", **REFRESH).json()
        assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "scope"}
        assert (body["refresh_token"], body["expires_in"]) == ("sandbox-refresh-0", 2100)
        header = {"Authorization": f"AnaplanAuthToken {body['access_token']}"}
        assert requests.get(sandbox.url + EVENTS, headers=header, timeout=10).status_code == 200


def test_rotation_kills_the_old_refresh_token(sandbox: Sandbox) -> None:
    sandbox.settings.rotate_refresh_tokens = True
    second = post(sandbox, refresh_token="sandbox-refresh-0", **REFRESH).json()["refresh_token"]
    assert second != "sandbox-refresh-0"
    refused = post(sandbox, refresh_token="sandbox-refresh-0", **REFRESH)
    assert (refused.status_code, refused.json()["error"]) == (403, "invalid_grant")
    assert post(sandbox, refresh_token=second, **REFRESH).status_code == 200


def test_refresh_token_expires_after_30_days_without_use(sandbox: Sandbox) -> None:
    token = {"refresh_token": "sandbox-refresh-0", **REFRESH}
    for days in (29, 29):
        sandbox.advance(days=days)
        assert post(sandbox, **token).status_code == 200
    sandbox.advance(days=31)
    refused = post(sandbox, **token)
    assert (refused.status_code, refused.json()["error"]) == (403, "invalid_grant")


def test_web_client_needs_its_secret(sandbox: Sandbox) -> None:
    web = {"client_id": "sandbox-web", "grant_type": "refresh_token", "refresh_token": "sandbox-refresh-0"}
    assert post(sandbox, **web).json()["error"] == "invalid_client"
    assert post(sandbox, client_secret="wrong", **web).status_code == 401
    assert post(sandbox, client_secret="sandbox-secret", **web).status_code == 200


def test_device_grant_waits_for_approval(sandbox: Sandbox) -> None:
    code = post(sandbox, "/oauth/device/code", client_id="sandbox-device", scope="openid offline_access").json()
    assert set(code) == {
        "device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval",
    }  # fmt: skip
    poll = {**DEVICE, "device_code": code["device_code"]}
    assert post(sandbox, **poll).json()["error"] == "authorization_pending"
    assert post(sandbox, **poll).json()["error"] == "slow_down"
    sandbox.advance(seconds=code["interval"])
    assert post(sandbox, **poll).json()["error"] == "authorization_pending"
    assert sandbox.approve_device(code["user_code"])
    body = post(sandbox, **poll).json()
    assert post(sandbox, refresh_token=body["refresh_token"], **REFRESH).status_code == 200
    assert post(sandbox, **poll).json()["error"] == "invalid_grant"


def test_device_code_is_approved_by_its_link_and_expires(sandbox: Sandbox) -> None:
    code = post(sandbox, "/oauth/device/code", client_id="sandbox-device").json()
    assert "Approved" in requests.get(code["verification_uri_complete"], timeout=10).text
    sandbox.advance(seconds=code["expires_in"])
    assert post(sandbox, device_code=code["device_code"], **DEVICE).json()["error"] == "expired_token"
    assert not sandbox.approve_device("no-such-code")


def test_malformed_requests_are_refused(sandbox: Sandbox) -> None:
    assert post(sandbox).json()["error"] == "invalid_request"
    assert post(sandbox, client_id="nobody", grant_type="refresh_token").json()["error"] == "invalid_client"
    assert post(sandbox, client_id="sandbox-device", grant_type="password").json()["error"] == "unsupported_grant_type"
    broken = requests.post(
        sandbox.url + "/oauth/token", data="{", headers={"Content-Type": "application/json"}, timeout=10
    )
    assert broken.json()["error"] == "invalid_request"


def test_bodies_that_cannot_be_read_are_refused(sandbox: Sandbox) -> None:
    """Malformed multipart, form and JSON bodies get a 400."""
    for kind, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nno colon\r\n\r\nabc\r\n--x--\r\n"),
        ("application/x-www-form-urlencoded; charset=none", b"a=b"),
        ("application/json", b"\xff"),
    ):
        for path in ("/oauth/token", "/oauth/device/code"):
            answer = requests.post(sandbox.url + path, data=body, headers={"Content-Type": kind}, timeout=10)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (kind, path)


def test_authorization_begins_with_a_redirect(sandbox: Sandbox) -> None:
    query = {"response_type": "code", "client_id": "sandbox-web", "redirect_uri": "https://www.example.com"}
    first = requests.get(f"{sandbox.url}/auth/authorize", params=query, allow_redirects=False, timeout=10)
    assert first.status_code == 302
    page = requests.get(sandbox.url + first.headers["Location"], timeout=10)
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    control = requests.get(
        f"{sandbox.url}/auth/authorize?client_id=a&state=%0d%0aX:%20y%00", allow_redirects=False, timeout=10
    )
    assert control.status_code == 302 and "X" not in control.headers
    del query["client_id"]
    assert (
        requests.get(f"{sandbox.url}/auth/authorize", params=query, allow_redirects=False, timeout=10).status_code
        == 400
    )


CALLBACK = "https://www.example.com/callback"
WEB = {"client_id": "sandbox-web", "client_secret": "sandbox-secret", "grant_type": "authorization_code"}


def signed_in(sandbox: Sandbox, **more: str) -> dict[str, str]:
    """Return the query of the client's page after a person followed the link of the sign-in page."""
    query = {"response_type": "code", "client_id": "sandbox-web", "redirect_uri": CALLBACK, "state": "a b", **more}
    page = requests.get(f"{sandbox.url}/auth/prelogin", params=query, timeout=10)
    (link,) = re.findall('href="([^"]+)"', page.text)
    back = requests.get(sandbox.url + html.unescape(link), allow_redirects=False, timeout=10)
    assert back.status_code == 302 and back.headers["Location"].startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(back.headers["Location"]).query))


def test_authorization_code_gives_tokens_once(sandbox: Sandbox) -> None:
    back = signed_in(sandbox)
    assert back["state"] == "a b"
    body = post(sandbox, form=True, code=back["code"], redirect_uri=CALLBACK, **WEB).json()
    header = {"Authorization": f"AnaplanAuthToken {body['access_token']}"}
    assert requests.get(sandbox.url + EVENTS, headers=header, timeout=10).status_code == 200
    again = post(sandbox, code=back["code"], redirect_uri=CALLBACK, **WEB)
    assert (again.status_code, again.json()["error"]) == (403, "invalid_grant")
    refreshed = post(sandbox, **{**WEB, "grant_type": "refresh_token"}, refresh_token=body["refresh_token"])
    assert refreshed.status_code == 200


def test_authorization_code_is_for_one_address_and_some_minutes(sandbox: Sandbox) -> None:
    elsewhere = post(sandbox, code=signed_in(sandbox)["code"], redirect_uri="https://elsewhere.example", **WEB)
    late = signed_in(sandbox)["code"]
    sandbox.state.clock.advance(601_000)
    for refused in (elsewhere, post(sandbox, code=late, redirect_uri=CALLBACK, **WEB)):
        assert (refused.status_code, refused.json()["error"]) == (403, "invalid_grant")
    page = {"client_id": "unknown", "redirect_uri": CALLBACK}
    assert requests.get(f"{sandbox.url}/auth/approve", params=page, timeout=10).json()["error"] == "invalid_client"
    page = {"client_id": "sandbox-web", "redirect_uri": "javascript:x"}
    assert requests.get(f"{sandbox.url}/auth/approve", params=page, timeout=10).json()["error"] == "invalid_request"
