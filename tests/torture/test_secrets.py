"""Every way to sign in, good runs and bad ones, every log at its finest: no secret is anywhere."""

import io
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Tenant
from tests.pipeline.test_secrets import hunt, log

__all__ = ["log"]


def test_no_secret_in_any_output_log_file_or_table(
    tenant: Tenant,
    database: Path,
    tmp_path: Path,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    tally: Any,
) -> None:
    tally.add("secrets hunted", hunt(tenant, database, tmp_path, log, monkeypatch))
