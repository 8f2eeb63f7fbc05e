"""The command `dictionary`."""

from typing import Any

import click

from pipelines.common.exit_codes import DONE
from pipelines.data_dictionary.__main__ import write_dictionary

from .command_group import AuditCommand


@click.command("dictionary", cls=AuditCommand, params=write_dictionary.params, help=write_dictionary.help)
def dictionary(**options: Any) -> int:
    """Write the data dictionary, as `python -m pipelines.data_dictionary` does."""
    assert write_dictionary.callback is not None
    write_dictionary.callback(**options)
    return DONE
