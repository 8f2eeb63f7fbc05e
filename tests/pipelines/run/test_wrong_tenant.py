"""Data of another tenant, or a list that looks like a lost right, is not loaded into existing tables."""

import time
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant, event, plain_server

pytestmark = pytest.mark.usefixtures("no_details")
SMALL: dict[str, Any] = {"events": 200, "days": 3, "users": 40, "rate_limit": 0, "weekend": 1.0}
RAW = "anaplan_audit_raw"


def tables(engine: Engine) -> list[Any]:
    return [
        engine.rows(f"select id from {RAW}.events order by 1"),
        engine.rows(f"select id, _dlt_valid_to from {RAW}.users order by 1"),
        engine.rows(f"select window_start, status from {RAW}.event_windows order by 1"),
    ]


@pytest.mark.usefixtures("few_models")
@pytest.mark.parametrize(
    "forgotten",
    [
        pytest.param(False, id="in the state", marks=pytest.mark.usual_engine("duckdb")),
        pytest.param(True, id="in the rows"),
    ],
)
def test_another_tenant_is_rejected_before_any_write(
    tenant: Tenant, engine: Engine, forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(**SMALL, seed=1) as one, Sandbox(**SMALL, seed=2) as other:
        tenant.at(one.url, "auditor@example.com", "sandbox")
        with monkeypatch.context() as old:
            if forgotten:
                # As an older version has left it.
                old.setattr("audit_source.tenant_guard.TenantGuard.check", lambda *_: None)
            assert tenant.run("load").code == 0
        before = tables(engine)
        tenant.at(other.url, "auditor@example.com", "sandbox")
        outcome = tenant.run("run")
        assert outcome.code == 2 and "but the database holds tenant" in outcome.err
        assert tables(engine) == before
        tenant.at(one.url, "auditor@example.com", "sandbox")
        assert tenant.run("load").code == 0


@pytest.mark.usual_engine("duckdb")
def test_list_that_shrank_sharply_is_not_applied(tenant: Tenant, engine: Engine) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, "auditor@example.com", "sandbox")
        assert tenant.run("load").code == 0
        users = sandbox.users()
        sandbox.set_collection("users", users[:5])
        outcome = tenant.run("load")
        assert outcome.code == 5
        assert (
            f"list of users: 5 of {len(users)} records are left" in outcome.err and "--accept-directory" in outcome.err
        )
        assert engine.rows(f"select count(*) from {RAW}.users where _dlt_valid_to is not null") == [(0,)]
        # The next run still refuses it, until a user accepts it.
        assert tenant.run("load").code == 5
        accepted = tenant.run("load", "--accept-directory")
        assert (accepted.code, accepted.err) == (0, "")
        retired = f"select count(*) from {RAW}.users where _dlt_valid_to is not null"
        assert engine.rows(retired) == [(len(users) - 5,)]
        assert tenant.run("load").code == 0


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_list_that_became_empty_is_reported_and_never_applied(tenant: Tenant, engine: Engine) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, "auditor@example.com", "sandbox")
        assert tenant.run("load").code == 0
        sandbox.set_collection("models", [])
        outcome = tenant.run("load")
        assert outcome.code == 5
        assert "list of models: 0 of " in outcome.err and "keeps the last version" in outcome.err
        assert tenant.run("load").code == 5
        # Accepting it silences the warning. Nothing is retired.
        accepted = tenant.run("load", "--accept-directory")
        assert (accepted.code, accepted.err) == (0, "")
        assert tenant.run("load").code == 0
        assert engine.rows(f"select count(*) from {RAW}.models where _dlt_valid_to is not null") == [(0,)]


def test_small_list_may_lose_a_few_records_and_the_limit_is_a_setting(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(**{**SMALL, "users": 8}) as sandbox:
        tenant.at(sandbox.url, "auditor@example.com", "sandbox")
        assert tenant.run("load").code == 0
        users = sandbox.users()
        sandbox.set_collection("users", users[3:])
        assert tenant.run("load").code == 0
        tenant.set("SHRINK_LIMIT_PERCENT", 100)
        sandbox.set_collection("users", users[-1:])
        assert tenant.run("load").code == 0


def test_empty_user_list_confirms_no_tenant_and_is_reported(tenant: Tenant, duck: Engine) -> None:
    with Sandbox(**SMALL) as sandbox:
        tenant.at(sandbox.url, "auditor@example.com", "sandbox")
        assert tenant.run("load").code == 0
        names = duck.rows(f"select id, name from {RAW}.workspaces where _dlt_valid_to is null order by 1")
        sandbox.set_collection("users", [])
        sandbox.set_collection("workspaces", [{"id": "f" * 32, "name": "of another tenant", "active": True}])
        outcome = tenant.run("load")
        assert "`workspaces` stays as it was: the list of users did not confirm the tenant." in outcome.err
        assert duck.rows(f"select id, name from {RAW}.workspaces where _dlt_valid_to is null order by 1") == names


def test_malformed_customer_id_does_not_identify_a_tenant(tenant: Tenant, duck: Engine) -> None:
    """A few events of another tenant trigger a check of the users, whose value counts only if it is an id."""
    now = int(time.time() * 1000)
    sent = [event(1, now - 7_200_000)]
    users = [{"id": "u1", "firstName": "Ann", "lastName": "Lee", "active": True, "customerId": "c"}]
    with plain_server(sent, {"users": users}) as server:
        assert tenant.at(server.url).run("load").code == 0
        sent.append(event(2, now - 600_000, tenantId="f" * 32))
        outcome = tenant.run("load")
    assert (outcome.code, outcome.err) == (0, "")
    assert duck.rows(f"select count(*) from {RAW}.events") == [(2,)]
