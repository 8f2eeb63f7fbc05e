"""The settings under `[metrics]`, and their check."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import dlt

from .exit_codes import CONFIGURATION, PipelineError

SECTION: Final = "metrics"
SECRETS: Final = ("otlp_headers",)
METRIC_SETTINGS: Final = {"prometheus_file", "otlp_endpoint", *SECRETS}
# The textfile collector of node_exporter reads only files with this suffix.
SUFFIX: Final = ".prom"


class MetricTargets(NamedTuple):
    """Where metrics are written to. An empty text stands for a target that is not configured."""

    prometheus_file: str
    otlp_endpoint: str
    otlp_headers: dict[str, str]


def metric_targets() -> MetricTargets:
    """Return the configured targets."""
    return MetricTargets(_setting("prometheus_file"), _setting("otlp_endpoint"), _headers(_setting("otlp_headers")))


def check_metric_settings(configured: Iterable[tuple[str, str]]) -> None:
    """Refuse secrets in config.toml, and values that no target could use.

    Args:
        configured (Iterable[Tuple[str, str]]): File or variable, and name, of each setting under `[metrics]`.

    Raises:
        PipelineError: A setting has a wrong value or stands in the wrong file.
    """
    for where, name in configured:
        if name in SECRETS and where == "config.toml":
            raise _wrong(f"setting `{name}` (config.toml) is a secret. Move it to [metrics] in secrets.toml.")
    file, endpoint, _ = metric_targets()
    if file and not file.endswith(SUFFIX):
        raise _wrong(f"setting `prometheus_file`: `{file}` does not end with `{SUFFIX}`. node_exporter ignores it.")
    if endpoint:
        _check_endpoint(endpoint)


def _check_endpoint(text: str) -> None:
    try:
        parts = urlsplit(text)
        is_address = bool(parts.hostname) and parts.scheme in ("http", "https")
    except ValueError:
        is_address = False
    if not is_address or parts.username or parts.password:
        raise _wrong(
            "setting `otlp_endpoint` is not an address. Write it as `https://host:4318/v1/metrics`, without "
            "credentials."
        )


def _headers(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if not all(name.strip() and separator for name, separator, _ in pairs):
        raise _wrong("setting `otlp_headers` is not a list of headers. Write it as `name=value,name=value`.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _setting(name: str) -> str:
    key = f"{SECTION}.{name}"
    value: Any = dlt.secrets.get(key) if name in SECRETS else dlt.config.get(key)
    return str(value or "")


def _wrong(line: str) -> PipelineError:
    return PipelineError(CONFIGURATION, line)
