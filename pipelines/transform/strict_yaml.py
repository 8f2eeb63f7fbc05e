"""Read YAML, but refuse duplicate keys: YAML itself silently takes the last one."""

from typing import Any

import yaml

# libyaml's loader, where it is built in, is ten times as fast.
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_SAFE_LOADER):  # type: ignore[misc]
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"`{key.value}` occurs twice", problem_mark=key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def load_yaml(text: str) -> Any:
    """Return the content of a YAML text.

    Raises:
        yaml.MarkedYAMLError: It is invalid, or a key occurs twice; see `problem` and `problem_mark`.
    """
    return yaml.load(text, Loader=_StrictLoader)
