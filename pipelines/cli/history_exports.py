"""List the models that have a history export."""

from contextlib import ExitStack

import click

from audit_source import ModelHistory, Run
from pipelines.common.names import LOAD_NAME
from pipelines.common.text import printable
from pipelines.common.wording import counted
from pipelines.run.summary import code_of_problems, source_problems
from pipelines.warehouse.locks import machine_lock
from pipelines.warehouse.settings import warn_about_open_secrets

from .run_output import warn


def list_history_exports() -> int:
    """Print the models with a history export, and return the exit code. Nothing is exported or loaded.

    Raises:
        PipelineError: A run is using the same account.
    """
    warn_about_open_secrets()
    with ExitStack() as stack:
        # Two processes that trade the same OAuth refresh token at once lose it.
        stack.enter_context(machine_lock(LOAD_NAME))
        run = stack.enter_context(Run(tolerant=True))
        history = ModelHistory(run=run)
        exports = sorted(history.find(), key=lambda export: (export.model_name.casefold(), export.model_id))
        for export in exports:
            click.echo(
                f"{printable(export.model_name)}  (model {export.model_id}, "
                f"export {export.export_id} `{printable(export.export_name)}`)"
            )
        click.echo(f"{counted(len(exports), 'model')} with a history export")
        hidden = sum(one.status == "forbidden" for one in history.ended)
        if hidden:
            warn(f"model history: the account has no access to {counted(hidden, 'model')}.")
        for line in (*source_problems(run.problems), *run.notices):
            warn(line)
    return code_of_problems(run.problems)
