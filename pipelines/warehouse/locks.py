"""One run at a time on this machine. Locks in the database are the engine's (`Engine.lock`)."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock, Timeout

from pipelines.common.exit_codes import CONFIGURATION, LOCKED, PipelineError


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Allow one run at a time. The kernel releases the lock of a process that was killed.

    Raises:
        PipelineError: Another run holds the lock, or the folder is not writable.
    """
    folder = get_dlt_pipelines_dir()
    path = os.path.join(folder, f"{name}.lock")
    with ExitStack() as stack:
        try:
            os.makedirs(folder, exist_ok=True)
            stack.enter_context(FileLock(path, timeout=0))
        except Timeout:
            raise PipelineError(
                LOCKED,
                f"another run holds `{path}`. Wait for it to end; to load several tenants side by side, "
                "give each its own DLT_DATA_DIR.",
            ) from None
        except PermissionError as error:
            raise PipelineError(
                CONFIGURATION, f"folder `{folder}`: {error.strerror}. Set DLT_DATA_DIR to a folder that can be written."
            ) from None
        yield
