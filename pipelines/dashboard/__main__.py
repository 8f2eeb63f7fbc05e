"""python -m pipelines.dashboard: serves the page on this machine and prints its address."""

import logging
import os
import socket
import sys
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.command_group import report_error
from pipelines.cli.demo_data import use_demo
from pipelines.cli.status import max_age_option, parse_age
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.extras import missing_extra
from pipelines.common.start_up import set_dlt_switches, work_for_tenant

if TYPE_CHECKING:
    from pipelines.common.dashboard_settings import SignIn

THIS_MACHINE = "127.0.0.1"
FIRST_PORT, PORTS = 8501, 20
# Print the address after this time at the latest, even if the first page is not drawn yet.
WARM_SECONDS = 20.0
SCRIPT = Path(__file__).with_name("app.py")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--address", default=THIS_MACHINE, show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help=f"Port to listen on. By default the first free one from {FIRST_PORT} on.")
@max_age_option
@click.option(
    "--no-sign-in", is_flag=True, help="Listen for other machines without a sign-in: a proxy signs people in."
)
@click.option("--tenant", metavar="NAME", help="Tenant to show: a section `[tenants.NAME]` of the settings.")
@click.option("--all-tenants", is_flag=True, help="Show every configured tenant, which readers choose on the page.")
def main(address: str, port: int | None, max_age: str, no_sign_in: bool, tenant: str | None, all_tenants: bool) -> None:
    """Serve the enriched tables as a web page.

    It only reads, unless the setting `acknowledge_in_dashboard` is on. Without the settings under `[dashboard]`, nobody
    has to sign in, and it listens on this machine only.
    """
    try:
        from streamlit.web import cli
    except ModuleNotFoundError as error:
        sys.exit(report_error(missing_extra("dashboard", error), "dashboard"))
    age = parse_age(max_age)
    try:
        set_dlt_switches()
        _keep(age, _chosen(tenant, all_tenants))
        sign_in = _sign_in(address, no_sign_in)
        announce(address, port or free_port(address))
    except click.ClickException:
        raise
    except Exception as error:
        sys.exit(report_error(error, "dashboard"))
    from pipelines.dashboard.sign_in import secrets_file

    with secrets_file(sign_in) as options:
        cli.main_run.main([str(SCRIPT), *options], "streamlit", standalone_mode=False)


def _chosen(tenant: str | None, all_tenants: bool) -> list[str]:
    """Use the settings of a tenant for this process, or return the names of all if readers choose one.

    Raises:
        PipelineError: There is no such tenant, or none is named.
    """
    from pipelines.common.tenants import tenant_names

    if not all_tenants:
        work_for_tenant(tenant)
        return []
    if tenant:
        raise click.UsageError("--tenant and --all-tenants exclude each other. Leave one out.")
    names = tenant_names()
    if not names:
        raise click.UsageError(
            "--all-tenants: no tenants are configured. Add sections `[tenants.NAME]`, or leave it out."
        )
    return names


def _keep(max_age: timedelta, tenants: list[str]) -> None:
    # Imported late: it imports dlt, which reads the tenant's settings.
    from pipelines.common.tenant_context import read_all
    from pipelines.dashboard.options import options

    options.max_age, options.tenants = max_age, read_all(tenants)


def _sign_in(address: str, no_sign_in: bool) -> "SignIn | None":
    """Return how people sign in, None if they do not.

    Raises:
        PipelineError: The settings are wrong, or other machines could open the pages without a sign-in.
    """
    from pipelines.common.dashboard_settings import sign_in_settings
    from pipelines.dashboard.sign_in import check_packages
    from pipelines.dashboard.tenants import check_tenants

    settings = sign_in_settings()
    if settings:
        check_packages()
    elif not no_sign_in and not is_this_machine(address):
        raise PipelineError(
            CONFIGURATION,
            f"--address {address} lets other machines in, and nobody has to sign in. Set the provider and who may open "
            "the pages under [dashboard], or add --no-sign-in if a proxy signs people in.",
        )
    check_tenants(settings)
    return settings


def is_this_machine(address: str) -> bool:
    """Return whether only this machine can reach an address."""
    with suppress(ValueError):
        return ip_address(address).is_loopback
    return address == "localhost"


def announce(address: str, port: int) -> None:
    """Draw the first page, then print which data is shown at which address."""
    from pipelines.common.configuration import can_acknowledge_in_dashboard, check_files

    check_files()
    can_acknowledge_in_dashboard()
    from pipelines.dashboard.options import options

    is_demo = not options.tenants and use_demo()

    # As environment variables, because the page is drawn once before the server reads its options.
    os.environ.update(STREAMLIT_SERVER_ADDRESS=address, STREAMLIT_SERVER_PORT=str(port))
    draw_once()
    read = f"{len(options.tenants)} tenants: {', '.join(options.tenants)}" if options.tenants else _read_from()
    what = f"the demo's data in {read}" if is_demo else read
    click.echo(f"Dashboard of {what}: http://{'localhost' if address == THIS_MACHINE else address}:{port}")
    click.echo("Ctrl-C ends it.")


def _read_from() -> str:
    from pipelines.dashboard import data_access

    with data_access.opened() as places:
        return f"the copy {places.copy}" if places.copy else places.database


def draw_once() -> None:
    """Draw the first page once, so that the first reader does not wait for imports and queries.

    Ignore failures here: the page reports them to the reader who opens it.
    """
    from streamlit.testing.v1 import AppTest

    from pipelines.dashboard.options import options

    # Streamlit warns that there is no browser, and later that it reads its options again.
    logging.getLogger("streamlit.config").addFilter(lambda record: "was detected" not in record.getMessage())
    logging.disable(logging.WARNING)
    with suppress(RuntimeError):
        # Not the script, which may ask for a sign-in first.
        tenant = next(iter(options.tenants), None)
        AppTest.from_function(first_page, default_timeout=WARM_SECONDS, kwargs={"tenant": tenant}).run()
    logging.disable(logging.NOTSET)


def first_page(tenant: str | None) -> None:
    """Draw the page that opens first. Streamlit runs the source of this function by itself."""
    import streamlit as st

    from pipelines.dashboard.app import show
    from pipelines.dashboard.tenants import SHOWN

    st.session_state[SHOWN] = tenant
    show("overview")


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
