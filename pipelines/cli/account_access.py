"""What an account can see and what it lacks, asked with one request each and printed."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import click

from audit_source.clock import clock_note
from audit_source.errors import AuditSourceError, RoleError
from audit_source.probe import ASKED_DAYS, Session, account_name, count_events, count_records, open_session
from pipelines.common.exit_codes import DONE, SIGN_IN, UNREACHABLE, code_of_source_error
from pipelines.common.names import LOAD_NAME
from pipelines.common.text import printable
from pipelines.run.summary import problem_lines
from pipelines.warehouse.locks import machine_lock
from pipelines.warehouse.pipelines import warn_about_open_secrets

LISTS = ("users", "workspaces", "models")
# What is missing where a request is refused, and who can give it.
ADVICE = {
    "events": (
        "the account cannot read the audit log. Somebody who manages roles gives it Tenant Auditor in Anaplan's "
        "Administration, under Access Control; Audit must be enabled for the tenant."
    ),
    "users": "the account cannot list the users, so events will show ids instead of names. Give it the tenant role.",
    "workspaces": "the account cannot list the workspaces, so events will show ids. Give it access to them.",
    "models": "the account cannot list the models, so events will show ids. Give it access to them.",
}
EMPTY = {
    "events": f"nothing happened in {ASKED_DAYS} days, or Audit was enabled only now.",
    "users": "the account sees no user: events will show ids instead of names.",
    "workspaces": "the account sees no workspace: events will show ids instead of names.",
    "models": "the account sees no model: events will show ids instead of names.",
}


def check_access() -> int:
    """Prints what the account can see; returns 0, 3 where something is refused, or 4 where Anaplan did not answer.

    Raises:
        AuditSourceError: Nobody could be signed in.
        PipelineError: A run is under way that uses the same OAuth token.
    """
    warn_about_open_secrets()
    with ExitStack() as held:
        session = open_session()
        if session.mode == "oauth":
            # Two who trade the same refresh token at once lose it.
            held.enter_context(machine_lock(LOAD_NAME))
        held.callback(session.close)
        session.client.auth.token()
        click.echo(f"sign-in     {session.mode}")
        click.echo(f"account     {printable(account_name(session) or 'not told by Anaplan')}")
        problems: list[AuditSourceError] = []
        codes = [_ask("events", session, count_events, problems)]
        codes += [_ask(name, session, partial(count_records, name=name), problems) for name in LISTS]
        for line in problem_lines(problems):
            click.echo(f"audit: {line}", err=True)
        wrong_clock = clock_note(session.client.client)
        if wrong_clock:
            click.echo(f"audit: {wrong_clock}", err=True)
    if not any(codes):
        click.echo("\nNothing is missing. Next: `make run`.")
    return SIGN_IN if SIGN_IN in codes else max(codes)


def _ask(name: str, session: Session, count: Callable[[Session], int | None], problems: list[AuditSourceError]) -> int:
    """Print what one request shows, and return its exit code; what has nothing to do with a role goes to `problems`."""
    try:
        number = count(session)
    except RoleError as error:
        click.echo(f"{name:<11} refused")
        click.echo(f"audit: {name}: {ADVICE[name]} ({error.got})", err=True)
        return SIGN_IN
    except AuditSourceError as error:
        click.echo(f"{name:<11} no answer")
        # A token that is dead is so for each request.
        if str(error) not in map(str, problems):
            problems.append(error)
        return code_of_source_error(error) or UNREACHABLE
    span = f" in the last {ASKED_DAYS} days" if name == "events" else ""
    click.echo(f"{name:<11} {'some' if number is None else f'{number:,}'}{span}")
    if number == 0:
        click.echo(f"audit: {name}: {EMPTY[name]}", err=True)
    return DONE
