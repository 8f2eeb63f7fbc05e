"""The settings of the lakehouse copy: addresses, options of the storage, and what is refused."""

import importlib.util
import sys
from pathlib import Path

import pytest

from pipelines.common.configuration import lakehouse
from pipelines.common.exit_codes import PipelineError
from pipelines.common.lakehouse_settings import LakehouseSettings, lakehouse_settings
from pipelines.common.redaction import redact
from tests.conftest import Tenant


def test_none_is_configured() -> None:
    assert lakehouse() is None


@pytest.mark.parametrize("url", ["s3://bucket/a/", "abfss://container@account.dfs.core.windows.net/a", "gs://bucket"])
def test_address_and_options_of_a_bucket(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("LAKEHOUSE__URL", url)
    monkeypatch.setenv("LAKEHOUSE__KEEP_DAYS", "30")
    monkeypatch.setenv("LAKEHOUSE__STORAGE_OPTIONS__AWS_REGION", "eu-central-1")
    monkeypatch.setenv("LAKEHOUSE__STORAGE_OPTIONS__TIMEOUT", "30s")
    settings = LakehouseSettings(url.rstrip("/"), 30, {"AWS_REGION": "eu-central-1", "timeout": "30s"})
    assert lakehouse() == settings and settings.folder is None


def test_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAKEHOUSE__URL", "lake")
    assert lakehouse() == LakehouseSettings(str(tmp_path / "lake"), 7, {})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("URL", "s3://key:secret-of-mine@bucket/a", "holds credentials"),
        ("URL", "gs://bucket/a?token=secret-of-mine", "holds credentials"),
        ("URL", "https://bucket/a", "is neither a bucket nor a folder"),
        ("URL", "s3:///a", "is neither a bucket nor a folder"),
        ("URL", "s3://[bucket/a", "is not an address"),
        ("KEEP_DAYS", "0", "`0` is out of range. Use 1 to 3650 days."),
        ("KEEP_DAYS", "a week", "`a week` is out of range"),
        ("STORAGE_OPTIONS", "aws_region", "is not a section"),
        ("ADDRESS", "s3://bucket", "setting `address` (LAKEHOUSE__ADDRESS) does not exist"),
        ("URL", "missing/folder/lake", "is not a writable folder"),
    ],
)
def test_wrong_setting_is_one_line(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setattr("pipelines.publish.lakehouse.target.check_package", lambda: None)
    monkeypatch.setenv(f"LAKEHOUSE__{name}", value)
    outcome = tenant.run("check-access")
    assert outcome.code == 2 and outcome.err.count("\n") == 1 and says in outcome.err, outcome.err
    assert "secret-of-mine" not in outcome.err


def test_secret_in_the_file_that_is_no_secret_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"`aws_secret_access_key` \(config.toml\) is a secret"):
        lakehouse_settings([("config.toml", "storage_options.aws_secret_access_key")])


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"])
def test_secret_option_is_hidden_in_errors(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"LAKEHOUSE__STORAGE_OPTIONS__{name}", "hidden-4711")
    assert "4711" not in redact("the storage refused hidden-4711")


@pytest.mark.skipif(importlib.util.find_spec("deltalake") is not None, reason="the library is installed")
def test_missing_library_is_named_before_anything_is_loaded(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE__URL", "lake")
    outcome = tenant.at("http://127.0.0.1:9").run("run")
    assert outcome.code == 2 and outcome.err.count("\n") == 1
    assert f'`deltalake` is missing. Install it: {sys.executable} -m pip install "deltalake' in outcome.err
