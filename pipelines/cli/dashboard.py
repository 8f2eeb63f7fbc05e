"""The command `dashboard`."""

from typing import Any

import click

from pipelines.common.exit_codes import DONE
from pipelines.common.start_up import let_in_what_drivers_import
from pipelines.dashboard.__main__ import main

from .command_group import AuditCommand


@click.command("dashboard", cls=AuditCommand, params=main.params, help=main.help)
def dashboard(**options: Any) -> int:
    """Serve the dashboard, as `python -m pipelines.dashboard` does."""
    # Streamlit and pandas are kept out of every other command.
    let_in_what_drivers_import()
    assert main.callback is not None
    main.callback(**options)
    return DONE
