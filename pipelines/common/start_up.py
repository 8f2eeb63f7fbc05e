"""Process-wide switches. Only entry points call this module, so a library call changes nothing for its caller.

What each switch is worth was measured: see `docs/decisions/0020-process-wide-switches.md`.
"""

import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterable, Mapping
from importlib.abc import MetaPathFinder
from typing import Any

# Installed for the dashboard or by others. dlt looks for secrets in Streamlit; pyarrow and dlt import numpy and pandas
# wherever they are installed.
FOR_OTHERS = ("streamlit", "pandas", "numpy")


class _NotHere(MetaPathFinder):
    """Refuses imports as if a package were not installed.

    None in `sys.modules` does the same for `import`, but pyarrow would take it for the package.
    """

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname in FOR_OTHERS:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


_NOT_HERE = _NotHere()


def leave_out_what_is_for_others() -> None:
    """Keep this process from importing packages it does not use. Call it before dlt or pyarrow are imported."""
    sys.meta_path.insert(0, _NOT_HERE)


def let_in_what_drivers_import() -> None:
    """Allow these imports again: the drivers of some warehouses need pandas."""
    if _NOT_HERE in sys.meta_path:
        sys.meta_path.remove(_NOT_HERE)


def silence(packages: Iterable[str], level: int = logging.ERROR) -> None:
    """Leave out the warnings of packages, such as drivers, and their log below a level, in this process."""
    for package in packages:
        logging.getLogger(package).setLevel(level)
        warnings.filterwarnings("ignore", module=rf"{re.escape(package)}(\.|$)")


def prepare(warnings: logging.Handler, dropped: Iterable[logging.Filter] = (), *, debug: bool) -> None:
    """Set dlt's switches and the logs for one command. Calling it again is safe.

    Args:
        warnings (logging.Handler): Shows the warnings of `pipelines`.
        dropped (Iterable[logging.Filter]): What is left out of dlt's log.
        debug (bool): Whether dlt logs every step, with the tracebacks of failed jobs.
    """
    if debug:
        os.environ["RUNTIME__LOG_LEVEL"] = "INFO"
    set_dlt_switches()
    _set_up_logs(warnings, dropped, debug)


def keep_memory_low() -> None:
    """Make the allocators return free memory to the system. Call it before data is loaded."""
    from .allocator import keep_memory_low as set_allocators

    set_allocators()


def set_dlt_switches() -> None:
    """Set what the pipeline relies on, so that no user has to configure it."""
    import dlt

    from .defaults import use_defaults

    use_defaults()
    # A signal ends a run at once. A run may die anywhere, so there is nothing to wait for.
    dlt.config["runtime.intercept_signals"] = False
    # A job whose connection broke may have been committed, and repeating it would double its rows. The load ends
    # instead, and the next one starts over.
    dlt.config["load.raise_on_max_retries"] = 1
    dlt.config["load.delete_completed_jobs"] = True
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True


def work_for_tenant(tenant: str | None) -> None:
    """Let this process use the settings of a tenant, and a folder of its own for state, lock and stored tokens.

    Without a name, the setting `tenant` counts. Without any tenants, nothing changes.

    Raises:
        PipelineError: Tenants are configured and none is named, or there is no tenant of this name.
    """
    from . import tenants

    chosen = tenant or tenants.chosen_tenant()
    if chosen is None:
        tenants.refuse_no_tenant()
        return
    settings, folder = tenants.settings_of(chosen), tenants.data_dir_of(chosen)
    # A password beside the tenant's certificate would be a second way to sign in.
    replaced = {tenants.CREDENTIALS} & {tenants.section_of(key) for key in settings}
    _override({**dict.fromkeys(replaced), **settings, "tenant": chosen})
    os.environ["DLT_DATA_DIR"] = folder


def work_in_trial_datasets(folder: str) -> None:
    """Let this process use two datasets that only a trial uses, and a folder of its own for state and lock."""
    from .names import ENRICH_NAME, LOAD_NAME, dataset_name
    from .tenants import TRIAL

    _override({f"pipelines.{name}.dataset_name": f"{dataset_name(name)}_{TRIAL}" for name in (LOAD_NAME, ENRICH_NAME)})
    os.environ["DLT_DATA_DIR"] = folder


def _override(settings: Mapping[str, Any]) -> None:
    """Set settings above those of all files and variables. None removes a section."""
    import dlt

    for key, value in settings.items():
        # Environment variables come first for dlt.
        variable = key.upper().replace(".", "__")
        for name in [name for name in os.environ if name == variable or name.startswith(f"{variable}__")]:
            del os.environ[name]
        # Of the files, secrets.toml comes first.
        dlt.secrets[key] = value


def _set_up_logs(warnings: logging.Handler, dropped: Iterable[logging.Filter], debug: bool) -> None:
    own, of_dlt = logging.getLogger("pipelines"), logging.getLogger("dlt")
    for handler in [handler for handler in own.handlers if type(handler) is type(warnings)]:
        own.removeHandler(handler)
    own.addHandler(warnings)
    warnings.addFilter(_without_secrets)
    # dlt logs errors of drivers, which may quote a password.
    of_dlt.addFilter(_without_secrets)
    for one in dropped:
        of_dlt.addFilter(one)
    if debug:
        # dlt reads the setting only once, which may have happened already.
        of_dlt.setLevel(logging.INFO)
    _format_own_warnings(of_dlt)


def _format_own_warnings(of_dlt: logging.Logger) -> None:
    """Format the warnings that this program sends through dlt's log, unless every step is logged."""
    from .log_lines import OwnLines

    if of_dlt.isEnabledFor(logging.INFO):
        return
    for handler in of_dlt.handlers:
        # Keep JSON, or any other format that the user has configured.
        if type(handler.formatter).__name__ == "_MetricsFormatter":
            handler.setFormatter(OwnLines(handler.formatter))  # type: ignore[arg-type]


def _without_secrets(record: logging.LogRecord) -> bool:
    from .redaction import redact

    record.msg, record.args = redact(record.getMessage()), ()
    if record.exc_info:
        # Handlers print this text instead of formatting the traceback again.
        record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)))
    return True
