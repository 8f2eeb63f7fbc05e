"""python -m pipelines.audit: load, enrich and check an Anaplan tenant's audit log."""

from pipelines.cli.main import cli
from pipelines.common.start_up import leave_out_what_is_for_others

# `__mp_main__`: in the decoding process too.
if __name__ in ("__main__", "__mp_main__"):
    leave_out_what_is_for_others()

if __name__ == "__main__":
    cli(prog_name="python -m pipelines.audit")
