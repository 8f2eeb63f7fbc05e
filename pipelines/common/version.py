"""The version of this project, from pyproject.toml in a checkout and from the metadata in an installation."""

from functools import cache
from pathlib import Path

DISTRIBUTION = "anaplan-audit-log"
UNKNOWN = "unknown"
# Beside the packages in a checkout only.
_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def own_version() -> str:
    """Return the version. In a checkout, the file decides: the metadata may belong to a wheel in the same
    environment."""
    if not _PYPROJECT.exists():
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version(DISTRIBUTION)
        except PackageNotFoundError:
            # The folders were copied without pyproject.toml. A run must not fail because its record lacks a version.
            return UNKNOWN
    return _version_in(_PYPROJECT)


@cache
def _version_in(pyproject: Path) -> str:
    import tomlkit

    return str(tomlkit.parse(pyproject.read_text(encoding="utf-8")).unwrap()["project"]["version"])
