"""python -m pipelines.audit: load, enrich and check an Anaplan tenant's audit log."""

from pipelines.cli.main import cli
from pipelines.common.start_up import leave_out_what_is_for_others


def main() -> None:
    """Run a command; an installation calls this as `anaplan-audit`."""
    leave_out_what_is_for_others()
    cli(prog_name="python -m pipelines.audit")


if __name__ == "__main__":
    main()
