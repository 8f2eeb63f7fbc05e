"""Switches of the whole process, set once by its entry point."""

import sys
from importlib.abc import MetaPathFinder
from typing import Any

# Installed for the dashboard or by others. dlt looks for secrets in the first one; pyarrow and dlt import the others
# wherever they find them.
FOR_OTHERS = ("streamlit", "pandas", "numpy")


class _NotHere(MetaPathFinder):
    """Refuses imports as if a package were not installed. None in `sys.modules` would be taken for the package."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname in FOR_OTHERS:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


_NOT_HERE = _NotHere()


def leave_out_what_is_for_others() -> None:
    """Keep this process from importing what it has no use for: some 40 MB, and time to start."""
    sys.meta_path.insert(0, _NOT_HERE)


def let_in_what_drivers_import() -> None:
    """Allow these imports after all: some warehouses' drivers need pandas."""
    if _NOT_HERE in sys.meta_path:
        sys.meta_path.remove(_NOT_HERE)
