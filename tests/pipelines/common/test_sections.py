"""Sections of the settings files that nobody reads are refused, with the nearest name that exists."""

import re
from pathlib import Path

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from pipelines.common.configuration import check_settings
from pipelines.common.defaults import DEFAULTS, use_defaults
from pipelines.common.exit_codes import PipelineError
from pipelines.warehouse.settings import check_destination_settings
from tests.conftest import REPOSITORY, Tenant
from tests.support.network_list import write_list


def configure(folder: Path, text: str, name: str = "config.toml") -> None:
    """Write a settings file into the working folder, and let dlt read it."""
    (folder / ".dlt").mkdir(exist_ok=True)
    (folder / ".dlt" / name).write_text(text, encoding="utf-8")
    Container()[PluggableRunContext].reload()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[alert]\nmin_severity = 'low'\n", "section `alert` (config.toml) does not exist. Did you mean `alerts`?"),
        ("[sources.audit_sorce]\nregion = 'eu1'\n", "Did you mean `sources.audit_source`?"),
        ("[runtime]\nlog_levle = 'INFO'\n", "setting `runtime.log_levle` (config.toml) does not exist."),
        ("[destination.duckbd]\nx = 1\n", "Did you mean `destination.duckdb`?"),
        ("[destination.duckdb]\ncredentails = 'a'\n", "Did you mean `destination.duckdb.credentials`?"),
        ("[destination.postgres.credentials]\nhosts = 'a'\n", "Did you mean `destination.postgres.credentials.host`?"),
        ("[pipelines.anaplan_audi]\nx = 1\n", "Did you mean `pipelines.anaplan_audit`?"),
        ("[weather]\nx = 1\n", "section `weather` (config.toml) does not exist. Remove it;"),
    ],
)
def test_unknown_section_is_refused(tmp_path: Path, text: str, says: str) -> None:
    configure(tmp_path, text)
    with pytest.raises(PipelineError) as refused:
        check_settings()
    assert refused.value.code == 2 and says in str(refused.value)


def test_unknown_section_of_the_secrets_is_refused(tmp_path: Path) -> None:
    configure(tmp_path, "[sources.audit_source.credentals]\nemail = 'a'\n", "secrets.toml")
    with pytest.raises(PipelineError, match="credentals"):
        check_settings()


@pytest.mark.parametrize("name", ["config.toml.example", "secrets.toml.example"])
def test_every_section_of_the_templates_is_known(tmp_path: Path, name: str) -> None:
    text = (REPOSITORY / ".dlt" / name).read_text(encoding="utf-8").replace('"..."', '"x"')
    kind = "secrets.toml" if name.startswith("secrets") else "config.toml"
    # Those that are only shown, too: `# [forward.soc]`.
    configure(tmp_path, re.sub(r"^# \[(\w+\.[\w.]+)\]", r"[\1]", text, flags=re.MULTILINE), kind)
    check_settings()


def test_sections_of_other_programs_in_the_global_folder_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlt.common.runtime.run_context.global_dir", lambda: str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text("[sources.weather]\nx = 1\n")
    Container()[PluggableRunContext].reload()
    assert dlt.config.get("sources.weather.x") == 1
    check_settings()


def test_defaults_count_without_any_file_and_give_way_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME__DLTHUB_TELEMETRY", raising=False)
    Container()[PluggableRunContext].reload()
    use_defaults()
    use_defaults()
    assert dlt.config.get("runtime.dlthub_telemetry") is DEFAULTS["runtime"]["dlthub_telemetry"] is False
    configure(tmp_path, "[runtime]\ndlthub_telemetry = true\n")
    use_defaults()
    assert dlt.config.get("runtime.dlthub_telemetry") is True


@pytest.mark.parametrize(
    ("kind", "says"),
    [("postgres", "`credentials` lacks `database`, `password`, `username`, `host`."), ("snowflake", "FOR=snowflake`.")],
)
def test_check_access_checks_the_destination(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, kind: str, says: str
) -> None:
    tenant.at("http://127.0.0.1:9")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", kind)
    if kind == "snowflake":
        for name in ("HOST", "DATABASE", "USERNAME", "PASSWORD"):
            monkeypatch.setenv(f"DESTINATION__SNOWFLAKE__CREDENTIALS__{name}", "x")
    ended = tenant.run("check-access")
    assert (ended.code, ended.out) == (2, "") and says in ended.err


def test_database_file_may_be_named_in_config_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS")
    configure(tmp_path, '[destination.duckdb]\ncredentials = "mine.duckdb"\n')
    assert check_destination_settings() == str(tmp_path / "mine.duckdb")


def test_check_access_and_a_run_check_the_list_of_networks(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_list(tmp_path, monkeypatch, "10.0.0.0/8,Offices,Germany\n10.0.0.0/99,Lyon,France")
    tenant.at("http://127.0.0.1:9")
    for command in ("check-access", "run"):
        ended = tenant.run(command)
        assert ended.code == 2
        assert f"{path}, line 3: `10.0.0.0/99` is not a network." in " ".join(ended.err.split())
