"""A list of networks for tests."""

from pathlib import Path

import pytest

SETTING = "PIPELINES__ANAPLAN_AUDIT_ENRICH__NETWORK_NAMES"


def write_list(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> Path:
    """Write a list with these lines below the header, and let the setting name it."""
    path = folder / "networks.csv"
    path.write_text(f"cidr,network_name,country\n{lines.strip()}\n", encoding="utf-8")
    monkeypatch.setenv(SETTING, str(path))
    return path
