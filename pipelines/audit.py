"""python -m pipelines.audit: load, enrich and check an Anaplan tenant's audit log."""

import sys
from pathlib import Path

if not __package__:
    # Started as a file, from any folder. This folder itself would hide other packages of the names in it.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

try:
    from pipelines.cli.main import cli
    from pipelines.common.start_up import leave_out_what_is_for_others
except ModuleNotFoundError as _error:
    from pipelines.cli.missing_package import end_without

    end_without(_error.name)


def main() -> None:
    """Run a command; an installation calls this as `anaplan-audit`."""
    leave_out_what_is_for_others()
    cli(prog_name="python -m pipelines.audit")


if __name__ == "__main__":
    main()
