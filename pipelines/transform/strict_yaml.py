"""Reads YAML, but refuses a key that is there twice: YAML itself would silently take the last one."""

from typing import Any

import yaml

# libyaml's loader where it was built in: ten times as fast.
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_SAFE_LOADER):  # type: ignore[misc]
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"`{key.value}` is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def load_yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        yaml.MarkedYAMLError: It is no YAML, or a key is there twice; `problem` and `problem_mark` tell what and where.
    """
    return yaml.load(text, Loader=_StrictLoader)
