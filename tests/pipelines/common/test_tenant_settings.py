"""The settings of one of several tenants replace the general ones, from files and from the environment."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

OUR_PREFIXES = ("SOURCES__", "DESTINATION__", "PIPELINES__", "CREDENTIALS", "ALERTS__", "TENANT")
CONFIG = """
[sources.audit_source]
region = "us1"
history_days = 90
token_store = "tokens"
[pipelines.anaplan_audit_enrich]
publish_to = "bi/audit.duckdb"
[tenants.eu]
region = "eu1"
[tenants.eu.pipelines.anaplan_audit]
dataset_name = "kept"
[tenants.us]
[tenants.us.alerts]
min_severity = "low"
"""
SECRETS = """
[sources.audit_source.credentials]
email = "general@example.com"
password = "general"
[tenants.eu.credentials]
certificate = "eu.pem"
private_key = "eu.key"
"""
# Prints what a run of each tenant would use, or the error. dlt is imported once; each case is a process.
SHOW = """
import json, os, sys
import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from pipelines.common.configuration import check_settings
from pipelines.common.exit_codes import PipelineError
from pipelines.common.start_up import work_for_tenant

KEYS = [
    "sources.audit_source.region", "sources.audit_source.history_days", "sources.audit_source.token_store",
    "sources.audit_source.page_size", "sources.audit_source.credentials.email",
    "sources.audit_source.credentials.certificate", "pipelines.anaplan_audit.dataset_name",
    "pipelines.anaplan_audit_enrich.dataset_name", "pipelines.anaplan_audit_enrich.publish_to", "alerts.min_severity",
]

def used(tenant):
    Container()[PluggableRunContext].reload(os.getcwd())
    try:
        work_for_tenant(tenant or None)
        check_settings()
    except PipelineError as error:
        return str(error)
    return [*map(dlt.config.get, KEYS), dlt.current.run_context().data_dir]

for line in sys.stdin:
    folder, tenant, variables = json.loads(line)
    if not os.fork():
        os.chdir(folder)
        os.environ.update(variables)
        print(json.dumps(used(tenant)), flush=True)
        os._exit(0)
    os.wait()
"""
OF_ALL = "[pipelines.anaplan_audit_enrich]\nall_tenants_dataset = "
Used = Callable[..., Any]


@pytest.fixture(scope="module")
def shown() -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OUR_PREFIXES)}
    environment = {**kept, "PYTHONPATH": str(REPOSITORY), "DLT_DATA_DIR": "data"}
    command = [sys.executable, "-c", SHOW]
    with subprocess.Popen(command, stdin=-1, stdout=-1, env=environment, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def used(shown: subprocess.Popen[str], tmp_path: Path) -> Used:
    """Returns the settings that a process for the tenant uses, or its error."""
    (tmp_path / ".dlt").mkdir()

    def ask(tenant: str = "", config: str = CONFIG, secrets: str = SECRETS, **variables: str) -> Any:
        (tmp_path / ".dlt" / "config.toml").write_text(config)
        (tmp_path / ".dlt" / "secrets.toml").write_text(secrets)
        assert shown.stdin is not None and shown.stdout is not None
        print(json.dumps([str(tmp_path), tenant, variables]), file=shown.stdin, flush=True)
        return json.loads(shown.stdout.readline())

    return ask


def test_tenant_replaces_what_differs_and_keeps_the_rest(used: Used) -> None:
    assert used("eu") == [
        *("eu1", 90, "tokens_eu", None, None, "eu.pem", "kept", "anaplan_audit_eu", "bi/audit_eu.duckdb", None),
        "data/tenants/eu",
    ]
    assert used("us") == [
        *("us1", 90, "tokens_us", None, "general@example.com", None, "anaplan_audit_raw_us", "anaplan_audit_us"),
        *("bi/audit_us.duckdb", "low", "data/tenants/us"),
    ]


def test_variables_of_a_tenant_count_more_than_general_ones(used: Used) -> None:
    found = used(
        "eu",
        SOURCES__AUDIT_SOURCE__REGION="gb1",
        SOURCES__AUDIT_SOURCE__CREDENTIALS__EMAIL="environment@example.com",
        SOURCES__AUDIT_SOURCE__PAGE_SIZE="7",
        TENANTS__EU__PAGE_SIZE="5",
    )
    assert (found[0], int(found[3]), found[4], found[5]) == ("eu1", 5, None, "eu.pem")
    # A tenant that only the environment configures.
    found = used("new", TENANTS__NEW__REGION="jp1")
    assert (found[0], found[6]) == ("jp1", "anaplan_audit_raw_new")


def test_one_is_named_by_the_setting_or_the_option(used: Used) -> None:
    assert used(TENANT="us")[-1] == "data/tenants/us"
    assert used(config=f'tenant = "eu"\n{CONFIG}')[-1] == "data/tenants/eu"
    assert used("us", config=f'tenant = "eu"\n{CONFIG}')[-1] == "data/tenants/us"
    assert used() == (
        "settings of several tenants: eu, us. Name one with --tenant, or with the setting `tenant`; many commands take "
        "--all-tenants, too."
    )
    assert used("other") == "tenant `other` is not configured. The tenants are eu, us."
    alone = used(config='[sources.audit_source]\nregion = "au1"\n', secrets="")
    assert (alone[0], alone[6], alone[-1]) == ("au1", None, "data")
    assert used("eu", config="", secrets="") == ("tenant `eu` is not configured. Add a section `[tenants.eu]`.")


@pytest.mark.parametrize("name", ["Prod", "raw", "raw_b", "staging", "a_staging", "a__b", "9a", "a-b"])
def test_name_that_could_mix_datasets_is_refused(used: Used, name: str) -> None:
    said = used("eu", config=f'[tenants.eu]\n[tenants."{name}"]\nregion = "eu1"\n', secrets="")
    assert said.startswith(f"tenant `{name}`: a name has lower-case letters") and said.endswith("Rename it.")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            '[tenants.eu]\nregio = "eu1"\n',
            "setting `regio` (config.toml, tenant eu) does not exist. Did you mean `region`?",
        ),
        (
            "[tenants.eu.pipelines.anaplan_audit]\nrun_timout = 1\n",
            "setting `run_timout` (config.toml, tenant eu) does not exist. Did you mean `run_timeout`?",
        ),
        (
            '[tenants.us]\nregion = "eu1"\n[tenants.eu.alerts]\nwebhook_url = "https://x.example"\n',
            "setting `webhook_url` (config.toml, tenant eu) is a secret. Move it to secrets.toml.",
        ),
        (
            f'[tenants.eu]\n{OF_ALL}"Every-body"\n',
            "setting `all_tenants_dataset`: `Every-body`: a name has lower-case letters, digits and underscores, and "
            "begins with a letter. Rename it.",
        ),
        (
            f'[tenants.eu]\n{OF_ALL}"anaplan_audit_raw_eu_staging"\n',
            "setting `all_tenants_dataset`: `anaplan_audit_raw_eu_staging`: the tables of dataset "
            "`anaplan_audit_raw_eu` are written there. Rename it.",
        ),
        (
            '[tenants.eu.pipelines.anaplan_audit_enrich]\nall_tenants_dataset = "x"\n',
            "setting `all_tenants_dataset` (config.toml, tenant eu) is for all tenants. Move it to "
            "[pipelines.anaplan_audit_enrich].",
        ),
        (
            '[tenants.eu.dashboard]\ncookie_secret = "of-the-cookie"\n',
            "setting `cookie_secret` (config.toml, tenant eu) is a secret. Move it to secrets.toml.",
        ),
    ],
)
def test_wrong_settings_of_any_tenant_are_refused(used: Used, config: str, said: str) -> None:
    assert used("eu", config=config, secrets="") == said
