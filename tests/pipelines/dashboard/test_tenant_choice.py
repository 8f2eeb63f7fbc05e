"""The dashboard of several tenants: nothing of one is ever shown under the name of another."""

import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pipelines.common.dashboard_settings import sign_in_settings
from pipelines.common.exit_codes import PipelineError
from pipelines.common.tenant_context import read_all
from pipelines.dashboard import cached, data_access
from pipelines.dashboard.__main__ import SCRIPT
from pipelines.dashboard.acknowledgements import acknowledge_findings
from pipelines.dashboard.links import linked
from pipelines.dashboard.options import options
from pipelines.dashboard.queries import log as log_queries
from pipelines.dashboard.tenants import LIST, SHOWN, check_tenants, settings_of_shown
from pipelines.dashboard.whole_results import written
from tests.support.dashboard_pages import numbers
from tests.support.two_tenants import TENANTS, WORKSPACE, add_second_tenant

CLAIMS = {"email": "ann@example.com", "is_logged_in": True}


@pytest.fixture
def two(log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tenants in one DuckDB file: `eu` is the log, `us` some of it."""
    add_second_tenant(log)
    for name, value in TENANTS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(options, "tenants", read_all(["eu", "us"]))
    return log


def count_of(path: Path, tenant: str) -> int:
    dataset = {"eu": "anaplan_audit", "us": "anaplan_audit_us"}[tenant]
    with duckdb.connect(str(path), read_only=True) as database:
        [(number,)] = database.execute(f"select count(*) from {dataset}.fct_model_changes").fetchall()
    return int(number)


def page(name: str = "changes", **address: str) -> AppTest:
    script = (
        "from pipelines.dashboard.app import show\nfrom pipelines.dashboard.tenants import choose_tenant\n"
        f"if choose_tenant():\n    show({name!r})"
    )
    drawn = AppTest.from_string(script, default_timeout=60)
    drawn.query_params["period"] = "Whole log"
    for key, value in address.items():
        drawn.query_params[key] = value
    return drawn


def found(drawn: AppTest) -> int:
    assert not drawn.exception
    return int(numbers(drawn)["Changes"].replace(",", ""))


def test_a_page_shows_the_tenant_of_its_address_and_of_the_list(two: Path) -> None:
    counts = {name: count_of(two, name) for name in ("eu", "us")}
    assert counts["eu"] != counts["us"]
    drawn = page().run()
    # The first one is in the address too, or a link would show another tenant once their order changes.
    assert (found(drawn), drawn.query_params["tenant"]) == (counts["eu"], "eu")
    assert any(caption.value.startswith("Tenant eu.") for caption in drawn.sidebar.caption)
    drawn.selectbox(key=LIST).set_value("us").run()
    assert (found(drawn), drawn.query_params["tenant"]) == (counts["us"], "us")
    assert any(caption.value.startswith("Tenant us.") for caption in drawn.sidebar.caption)
    assert found(page(tenant="us").run()) == counts["us"]
    assert found(page(tenant="eu").run()) == counts["eu"]


def test_what_was_chosen_for_one_tenant_is_dropped_for_another(two: Path) -> None:
    drawn = page(workspace=WORKSPACE, tenant="us").run()
    assert drawn.multiselect(key="choose_workspace").value == [WORKSPACE]
    drawn.selectbox(key=LIST).set_value("eu").run()
    assert drawn.multiselect(key="choose_workspace").value == []
    assert "workspace" not in drawn.query_params and found(drawn) == count_of(two, "eu")
    assert drawn.session_state["period"] == "Whole log"


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("name", ["other", "<b>"])
def test_unknown_tenant_shows_no_page(name: str) -> None:
    drawn = page(tenant=name).run()
    assert not drawn.exception and not drawn.metric and not drawn.dataframe
    assert [title.value for title in drawn.title] == ["Which tenant?"]
    assert drawn.selectbox(key=LIST).options == ["eu", "us"]


@pytest.mark.usefixtures("two")
def test_tenant_without_tables_shows_how_to_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTS__NEW__REGION", "us1")
    monkeypatch.setattr(options, "tenants", read_all(["eu", "new"]))
    drawn = page(tenant="new").run()
    assert not drawn.exception and not drawn.metric
    assert [code.value for code in drawn.code] == ["python -m pipelines.audit run --tenant new"]


@pytest.mark.usefixtures("two")
def test_lists_of_a_tenant_keep_it_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    client = {
        **dict.fromkeys(("SERVER_METADATA_URL", "REDIRECT_URI"), "https://a.example/oauth2callback"),
        "CLIENT_ID": "audit",
        "CLIENT_SECRET": "of-the-client",
        "COOKIE_SECRET": "c" * 32,
        "ALLOWED_USERS": '["@example.com"]',
    }
    client["SERVER_METADATA_URL"] = "https://a.example/.well-known/openid-configuration"
    for name, value in client.items():
        monkeypatch.setenv(f"DASHBOARD__{name}", value)
    monkeypatch.setenv("TENANTS__EU__DASHBOARD__ALLOWED_USERS", '["ben@example.com"]')
    monkeypatch.setattr(options, "tenants", read_all(["eu", "us"]))
    monkeypatch.setattr("streamlit.user_info.UserInfoProxy.to_dict", lambda _: {**CLAIMS, "iat": time.time()})
    drawn_pages: list[Any] = []
    monkeypatch.setattr(
        "pipelines.dashboard.views.overview.show", lambda *_: drawn_pages.append(st.session_state[SHOWN])
    )
    drawn = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    assert not drawn.exception and drawn_pages == ["us"]
    assert drawn.selectbox(key=LIST).options == ["us"]
    named = AppTest.from_file(str(SCRIPT), default_timeout=60)
    named.query_params["tenant"] = "eu"
    named.run()
    assert [title.value for title in named.title] == ["Which tenant?"]
    check_tenants(sign_in_settings())
    with pytest.raises(PipelineError, match="tenant `eu` has a provider of its own"):
        check_tenants(None)
    monkeypatch.setenv("TENANTS__US__DASHBOARD__ALLOWED_USERS", '["ben@example.com"]')
    monkeypatch.setattr(options, "tenants", read_all(["eu", "us"]))
    drawn = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    assert [title.value for title in drawn.title] == ["No access"] and drawn_pages == ["us"]


def test_cached_answers_files_and_links_are_of_one_tenant(two: Path) -> None:
    counts, files = {}, {}
    for name in ("eu", "us", "eu"):
        with settings_of_shown(name), data_access.opened() as places:
            assert places.tenant == name
            counts[name] = len(cached.ask(log_queries.places()))
            [address] = linked(pd.DataFrame({"user_id": ["u&1"]}))["user_id"]
            assert address == f"person?tenant={name}&user=u%261"
        files[name] = written("select event_id from fct_model_changes order by 1", "csv", {}, name).count(b"\n")
    assert counts["us"] == 1 < counts["eu"]
    assert files == {name: count_of(two, name) + 1 for name in ("eu", "us")}
    # Without a tenant there is nothing to read: the general settings may name the data of one of them.
    with pytest.raises(AssertionError), data_access.opened():
        pass


def test_a_finding_is_acknowledged_for_its_tenant(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__ACKNOWLEDGE_IN_DASHBOARD", "true")
    with duckdb.connect(str(two)) as database:
        [(finding,)] = database.execute("select min(finding_id) from anaplan_audit.security_findings").fetchall()
    with settings_of_shown("us"):
        assert acknowledge_findings([finding], "seen") == 1
    with duckdb.connect(str(two), read_only=True) as database:
        tables: list[Any] = database.execute(
            "select schema_name from duckdb_tables() where table_name = 'alerts'"
        ).fetchall()
        assert ("anaplan_audit_raw_us",) in tables
        acknowledged = "select subject from anaplan_audit_raw_us.alerts where what = 'acknowledged'"
        assert database.execute(acknowledged).fetchall() == [(finding,)]
        for (schema,) in tables:
            if schema != "anaplan_audit_raw_us":
                assert not database.execute(f"from {schema}.alerts").fetchall()
