"""One run at a time on this machine. Locks in the database are the engine's (`Engine.lock`)."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock, Timeout

from pipelines.common.exit_codes import CONFIGURATION, LOCKED, PipelineError


def machine_lock(name: str) -> AbstractContextManager[None]:
    """Allow one run at a time. The kernel releases the lock of a process that was killed.

    Raises:
        PipelineError: Another run holds the lock, or the folder is not writable.
    """
    path = os.path.join(get_dlt_pipelines_dir(), f"{name}.lock")
    return file_lock(
        path,
        "Wait for it to end; to load several tenants side by side, use `--tenant`.",
        "Set DLT_DATA_DIR to a folder that can be written.",
    )


@contextmanager
def file_lock(path: str, if_held: str = "Wait for it to end.", if_refused: str = "") -> Iterator[None]:
    """Lock a file, which is created, and so is its folder.

    Raises:
        PipelineError: Another run holds the lock, or the folder is not writable. The two texts say what to do.
    """
    folder = os.path.dirname(os.path.abspath(path))
    with ExitStack() as stack:
        try:
            os.makedirs(folder, exist_ok=True)
            stack.enter_context(FileLock(path, timeout=0))
        except Timeout:
            raise PipelineError(LOCKED, f"another run holds `{path}`. {if_held}") from None
        except PermissionError as error:
            raise PipelineError(CONFIGURATION, f"folder `{folder}`: {error.strerror}. {if_refused}") from None
        yield
