"""Sign in with an OAuth device code, and store the refresh token for the next run."""

from typing import Any

import click
import dlt

from audit_source.auth.credentials import SECTION, configured_credentials, refuse_placeholder
from audit_source.auth.device_grant import DeviceCode, DeviceGrant
from audit_source.auth.token_store import TokenStore
from audit_source.settings import resolve_settings
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import LOAD_NAME, command_line
from pipelines.common.text import printable
from pipelines.warehouse.locks import machine_lock
from pipelines.warehouse.settings import warn_about_open_secrets


def login() -> None:
    """Show a code, wait until it is approved in a browser, and store the token.

    Raises:
        PipelineError: No OAuth client is configured, or a run is using the token.
        AuditSourceError: The code was denied or has expired, or Anaplan does not respond.
    """
    warn_about_open_secrets()
    client_id = _setting("credentials.client_id")
    if not client_id:
        raise PipelineError(
            CONFIGURATION,
            "no `client_id` is configured. Create an OAuth client for the device grant in Anaplan's Administration, "
            f"and put its id under [{SECTION}] in .dlt/secrets.toml.",
        )
    refuse_placeholder("client_id", client_id)
    path = _setting("token_store") or None
    store = TokenStore(path)
    grant = DeviceGrant(resolve_settings().hosts.oauth, client_id)
    try:
        # Reserve the file first, so that the user does not approve a token that cannot be stored.
        with machine_lock(LOAD_NAME), store.reserve() as slot:
            code = grant.start()
            _print_steps(code)
            slot.write(_setting("credentials.refresh_token"), grant.wait(code))
    finally:
        grant.close()
    click.echo(f"\nSigned in. The refresh token is stored in {store.path}, which only you can read.")
    others = [mode for mode in configured_credentials(path) if mode != "oauth"]
    if others and _setting("auth") != "oauth":
        click.echo(f'Set `auth = "oauth"` under [sources.audit_source]: {" and ".join(others)} is configured too.')
    click.echo(f"Next: `{command_line('check-access')}` shows what the account can see, then `make run`.")


def _print_steps(code: DeviceCode) -> None:
    click.echo(f"1. Open       {printable(code.complete_address)}")
    if code.complete_address != code.address:
        click.echo(f"   or         {printable(code.address)}")
    click.echo(f"2. Enter      {printable(code.user_code)}   (or compare it, if the page shows it)")
    click.echo("3. Sign in as the account with the role Tenant Auditor, and approve.\n")
    click.echo(f"Waiting, at most {code.expires_in / 60:.0f} minutes. Ctrl-C cancels.")


def _setting(name: str) -> str:
    value: Any = dlt.secrets.get(f"sources.audit_source.{name}") or dlt.config.get(f"sources.audit_source.{name}")
    return str(value) if value else ""
