"""python -m pipelines.dashboard: serves the page on this machine and prints its address."""

import logging
import os
import socket
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import click

from pipelines.cli.command_group import report_error
from pipelines.cli.demo_data import use_demo
from pipelines.cli.status import max_age_option, parse_age
from pipelines.common.extras import missing_extra
from pipelines.common.start_up import set_dlt_switches, work_for_tenant

FIRST_PORT, PORTS = 8501, 20
# Print the address after this time at the latest, even if the first page is not drawn yet.
WARM_SECONDS = 20.0
SCRIPT = Path(__file__).with_name("app.py")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help=f"Port to listen on. By default the first free one from {FIRST_PORT} on.")
@max_age_option
@click.option("--tenant", metavar="NAME", help="Tenant to show: a section `[tenants.NAME]` of the settings.")
def main(address: str, port: int | None, max_age: str, tenant: str | None) -> None:
    """Serve the enriched tables as a web page.

    It only reads, unless the setting `acknowledge_in_dashboard` is on. It has no sign-in: keep it on this machine, or
    put a proxy that signs people in before it.
    """
    try:
        from streamlit.web import cli
    except ModuleNotFoundError as error:
        sys.exit(report_error(missing_extra("dashboard", error), "dashboard"))
    age = parse_age(max_age)
    try:
        set_dlt_switches()
        work_for_tenant(tenant)
        _keep(age)
        announce(address, port or free_port(address))
    except click.ClickException:
        raise
    except Exception as error:
        sys.exit(report_error(error, "dashboard"))
    cli.main_run.main([str(SCRIPT)], "streamlit", standalone_mode=False)


def _keep(max_age: timedelta) -> None:
    # Imported late: it imports dlt, which reads the tenant's settings.
    from pipelines.dashboard.options import options

    options.max_age = max_age


def announce(address: str, port: int) -> None:
    """Draw the first page, then print which data is shown at which address."""
    from pipelines.common.configuration import can_acknowledge_in_dashboard, check_files

    check_files()
    can_acknowledge_in_dashboard()
    is_demo = use_demo()
    from pipelines.dashboard import data_access

    # As environment variables, because the page is drawn once before the server reads its options.
    os.environ.update(STREAMLIT_SERVER_ADDRESS=address, STREAMLIT_SERVER_PORT=str(port))
    draw_once()
    with data_access.opened() as places:
        read = f"the copy {places.copy}" if places.copy else places.database
    what = f"the demo's data in {read}" if is_demo else read
    click.echo(f"Dashboard of {what}: http://{'localhost' if address == '127.0.0.1' else address}:{port}")
    click.echo("Ctrl-C ends it.")


def draw_once() -> None:
    """Draw the first page once, so that the first reader does not wait for imports and queries.

    Ignore failures here: the page reports them to the reader who opens it.
    """
    from streamlit.testing.v1 import AppTest

    # Streamlit warns that there is no browser, and later that it reads its options again.
    logging.getLogger("streamlit.config").addFilter(lambda record: "was detected" not in record.getMessage())
    logging.disable(logging.WARNING)
    with suppress(RuntimeError):
        AppTest.from_file(str(SCRIPT), default_timeout=WARM_SECONDS).run()
    logging.disable(logging.NOTSET)


def free_port(address: str) -> int:
    """Return the first free port."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise click.ClickException(f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free; name one with --port.")


if __name__ == "__main__":
    main(prog_name="python -m pipelines.dashboard")
