"""DuckDB's extensions for tests of a lake."""

from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

EXTENSIONS = ("ducklake", "sqlite_scanner", "postgres_scanner")


@pytest.fixture
def extensions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the extensions where DuckDB looks for them."""
    folder = tmp_path / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / "linux_amd64"
    folder.mkdir(parents=True)
    for name in EXTENSIONS:
        spec = find_spec(f"duckdb_extension_{name}")
        if spec is None or spec.origin is None:
            pytest.skip("run by make test-ducklake")
        file = f"{name}.duckdb_extension"
        (folder / file).symlink_to(Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}" / file)
    monkeypatch.setenv("HOME", str(tmp_path))
