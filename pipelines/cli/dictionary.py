"""The command `dictionary`."""

from typing import Any

import click

from pipelines.common.exit_codes import DONE
from pipelines.data_dictionary.__main__ import write_dictionary

from .command_group import debug_option


@click.command("dictionary", params=write_dictionary.params, help=write_dictionary.help)
@debug_option
def dictionary(**options: Any) -> int:
    """Write the data dictionary, as `python -m pipelines.data_dictionary` does."""
    assert write_dictionary.callback is not None
    write_dictionary.callback(**options)
    return DONE
