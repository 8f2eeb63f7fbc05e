"""Every sign-in method, against a tenant that checks signatures, roles, rotation and token expiry."""

import json
from pathlib import Path

import pytest

from sandbox.api.certificates import make_key_pair
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant

pytestmark = pytest.mark.usefixtures("no_details")
SMALL = {"events": 400, "days": 3, "users": 10, "rate_limit": 0, "weekend": 1.0}


def loaded_as_held(duck: Engine, sandbox: Sandbox) -> None:
    held = {sent["id"] for sent in sandbox.truth()}
    loaded = {row[0] for row in duck.rows("select id from anaplan_audit_raw.events")}
    # Events of the last minute are left to the next run.
    assert loaded <= held
    assert len(loaded) > 0 and len(held - loaded) < 20


@pytest.mark.parametrize(
    ("passphrase", "as_text"),
    [
        pytest.param(None, False, id="plain-paths"),
        pytest.param("right horse", True, id="encrypted-PEM text"),
        pytest.param(None, True, id="plain-PEM text", marks=pytest.mark.variant),
        pytest.param("right horse", False, id="encrypted-paths", marks=pytest.mark.variant),
    ],
)
def test_certificate_sign_in_loads_the_log(
    tenant: Tenant, duck: Engine, tmp_path: Path, passphrase: str | None, as_text: bool
) -> None:
    pair = make_key_pair("auditor@example.com", passphrase=passphrase)
    with Sandbox(**SMALL) as sandbox:
        sandbox.trust(pair)
        tenant.at(sandbox.url).unset("CREDENTIALS__EMAIL")
        tenant.unset("CREDENTIALS__PASSWORD")
        for name, pem in (("certificate", pair.certificate), ("private_key", pair.private_key)):
            text = pem.decode() if isinstance(pem, bytes) else pem
            path = tmp_path / f"{name}.pem"
            path.write_text(text)
            path.chmod(0o600)
            tenant.set(f"CREDENTIALS__{name.upper()}", text if as_text else path)
        if passphrase:
            tenant.set("CREDENTIALS__PRIVATE_KEY_PASSWORD", passphrase)
        outcome = tenant.run("load")
        assert (outcome.code, outcome.err) == (0, "")
        loaded_as_held(duck, sandbox)


def test_oauth_refresh_token_rotates_and_survives(tenant: Tenant, duck: Engine, tmp_path: Path) -> None:
    with Sandbox(**SMALL, rotate_refresh_tokens=True) as sandbox:
        tenant.at(sandbox.url).unset("CREDENTIALS__EMAIL")
        tenant.unset("CREDENTIALS__PASSWORD")
        tenant.set("CREDENTIALS__CLIENT_ID", "sandbox-device")
        tenant.set("CREDENTIALS__REFRESH_TOKEN", "sandbox-refresh-0")
        tenant.set("TOKEN_STORE", tmp_path / "token.json")
        for _ in range(2):
            outcome = tenant.run("load")
            assert (outcome.code, outcome.err) == (0, "")
        assert json.loads((tmp_path / "token.json").read_text())["refresh_token"] != "sandbox-refresh-0"
        loaded_as_held(duck, sandbox)
        (tmp_path / "token.json").unlink()
        dead = tenant.run("load")
    assert dead.code == 3 and "invalid_grant" in dead.err and "sandbox-refresh" not in dead.err


def test_supplied_access_token_works_until_it_expires(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url).unset("CREDENTIALS__EMAIL")
        tenant.unset("CREDENTIALS__PASSWORD")
        tenant.set("CREDENTIALS__ACCESS_TOKEN", sandbox.issue_token())
        assert tenant.run("load").code == 0
        loaded_as_held(duck, sandbox)
        sandbox.expire_tokens()
        outcome = tenant.run("load")
    assert outcome.code == 3 and "the configured access token" in outcome.err


def test_token_that_expires_during_pagination_is_renewed_once(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(**SMALL) as sandbox:
        sandbox.faults.add("events:token-dead:1:skip=2")
        outcome = tenant.at(sandbox.url, password="sandbox").run("load")
        assert (outcome.code, outcome.err) == (0, "")
        loaded_as_held(duck, sandbox)
        signed_in = [request for request in sandbox.requests if request.path.endswith("/token/authenticate")]
    assert len(signed_in) == 2


def test_account_without_the_role_is_reported(tenant: Tenant) -> None:
    with Sandbox(**SMALL) as sandbox:
        outcome = tenant.at(sandbox.url, "norole@example.com", "sandbox").run("load")
    assert outcome.code == 3 and "Tenant Auditor role" in outcome.err


def test_session_is_ended_with_the_run(tenant: Tenant) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, password="sandbox").run("load")
        assert sandbox.requests[-1].path.endswith("/token/logout")
        assert sandbox.requests[-1].status == 204


# `test_live_tenant.py` signs in with both forms too.
@pytest.mark.parametrize("accepted", [pytest.param("v1", marks=pytest.mark.variant), "v2"])
def test_certificate_sign_in_works_with_both_server_forms(
    tenant: Tenant, duck: Engine, tmp_path: Path, accepted: str
) -> None:
    pair = make_key_pair("auditor@example.com")
    with Sandbox(**SMALL, certificate_format=accepted) as sandbox:
        sandbox.trust(pair)
        tenant.at(sandbox.url).unset("CREDENTIALS__EMAIL")
        tenant.unset("CREDENTIALS__PASSWORD")
        tenant.set("CREDENTIALS__CERTIFICATE", make_key_pair().certificate + pair.certificate)
        tenant.set("CREDENTIALS__PRIVATE_KEY", pair.private_key)
        outcome = tenant.run("load")
        assert (outcome.code, outcome.err) == (0, "")
        loaded_as_held(duck, sandbox)


@pytest.mark.parametrize("ending", ["\r\n", *(pytest.param(one, marks=pytest.mark.variant) for one in ("\n", " "))])
def test_line_breaks_around_secrets_do_not_matter(tenant: Tenant, duck: Engine, tmp_path: Path, ending: str) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, email="auditor@example.com" + ending, password="sandbox")
        assert tenant.run("check-access").code == 0
        tenant.unset("CREDENTIALS__EMAIL")
        tenant.unset("CREDENTIALS__PASSWORD")
        tenant.set("CREDENTIALS__ACCESS_TOKEN", sandbox.issue_token() + ending)
        outcome = tenant.run("check-access")
        assert (outcome.code, outcome.err) == (0, "")
        tenant.unset("CREDENTIALS__ACCESS_TOKEN")
        tenant.set("CREDENTIALS__CLIENT_ID", "sandbox-device" + ending)
        tenant.set("CREDENTIALS__REFRESH_TOKEN", "sandbox-refresh-0" + ending)
        outcome = tenant.run("load")
        assert (outcome.code, outcome.err) == (0, "")


def test_invalid_token_characters_are_a_configuration_error_without_the_token(tenant: Tenant) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url).unset("CREDENTIALS__EMAIL")
        tenant.unset("CREDENTIALS__PASSWORD")
        tenant.set("CREDENTIALS__ACCESS_TOKEN", "first-half-of-it\nsecond-half-of-it")
        outcome = tenant.run("load", "--debug")
        assert outcome.code == 2 and "a character that HTTP headers forbid" in outcome.err
        assert "half-of-it" not in outcome.err + outcome.out
