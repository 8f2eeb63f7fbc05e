"""A wrong clock for one process: `time`, dlt's load ids, and every `datetime.now` of the pipeline."""

import datetime
import importlib
import pkgutil
import sys
import time
from typing import Any

HOUR = 3600.0


class _AnyDatetime(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, datetime.datetime)


def set_clock(hours: float) -> None:
    """Shift the clock by some hours, ahead (positive) or behind. A second call adds to the first."""
    import dlt.common.storages.load_package
    import dlt.common.time

    real = time.time_ns

    def wrong() -> float:
        return real() / 1e9 + hours * HOUR

    class WrongDatetime(datetime.datetime, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.datetime.fromtimestamp(time.time(), tz)

    time.time = wrong
    time.time_ns = lambda: int(wrong() * 1e9)
    dlt.common.time.precise_time = wrong
    dlt.common.storages.load_package.precise_time = wrong
    dlt.common.time.increasing_precise_time._last = 0.0
    for package in ("audit_source", "pipelines"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")
    for name, module in list(sys.modules.items()):
        if name.startswith(("audit_source.", "pipelines.")) and getattr(module, "datetime", None) is datetime.datetime:
            module.datetime = WrongDatetime  # type: ignore[attr-defined]


def plan_by_own_clock() -> None:
    """Plan and record by this machine's clock, as older versions did, which did not use Anaplan's clock."""
    from audit_source.client import Client

    Client.now_ms = lambda _: int(time.time() * 1000)  # type: ignore[method-assign]


def hide_server_clock() -> None:
    """Remove the date from answers, as some proxies do."""
    from audit_source.client import Client

    Client.record_server_clock = lambda *_: None  # type: ignore[method-assign]
