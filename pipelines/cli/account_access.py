"""Show what an account can read, with one request for each kind of data, and a few for models."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import click

from audit_source.clock import clock_note
from audit_source.errors import AuditSourceError, RoleError
from audit_source.probe import (
    COUNTED_DAYS,
    Session,
    TriedModels,
    account_name,
    count_entitled_users,
    count_events,
    count_integrations,
    count_records,
    open_session,
    try_models,
)
from pipelines.common.exit_codes import DONE, SIGN_IN, UNREACHABLE, code_of_source_error
from pipelines.common.names import LOAD_NAME
from pipelines.common.text import printable
from pipelines.common.wording import counted
from pipelines.run.summary import source_problems
from pipelines.warehouse.locks import machine_lock
from pipelines.warehouse.settings import warn_about_open_secrets

from .run_output import warn

LISTS = ("users", "workspaces", "models")
# What a refused request means, and how to get access.
HINTS = {
    "events": (
        "the account cannot read the audit log. Ask an administrator for the role Tenant Auditor (Anaplan's "
        "Administration, Access Control). Audit must be enabled for the tenant."
    ),
    "users": "the account cannot list the users, so events will show ids instead of names. Give it the tenant role.",
    "workspaces": "the account cannot list the workspaces, so events will show ids. Give it access to them.",
    "models": "the account cannot list the models, so events will show ids. Give it access to them.",
}
EMPTY = {
    "events": f"nothing happened in {COUNTED_DAYS} days, or Audit was enabled only recently.",
    "users": "the account sees no user: events will show ids instead of names.",
    "workspaces": "the account sees no workspace: events will show ids instead of names.",
    "models": "the account sees no model: events will show ids instead of names.",
}


# Optional data: what the account needs for it.
DETAIL_HINTS = {
    "contents": "Names of actions need a model role other than NO ACCESS, and access to the workspace.",
    "cloudworks": "Integrations need the role Restricted Integration User, and a workspace.",
    "history": "`model-history --dry-run` lists all of them.",
}


@dataclass
class _Findings:
    """The exit code of each request, and the errors that are not about a role."""

    codes: list[int] = field(default_factory=list)
    problems: list[AuditSourceError] = field(default_factory=list)

    def exit_code(self) -> int:
        return SIGN_IN if SIGN_IN in self.codes else max(self.codes)


def check_access() -> int:
    """Print what the account can read. Return 0, 3 if a request is refused, or 4 if Anaplan does not respond.

    Raises:
        AuditSourceError: The sign-in failed.
        PipelineError: A run is using the same OAuth token.
    """
    warn_about_open_secrets()
    with ExitStack() as stack:
        session = open_session()
        if session.mode == "oauth":
            # Two processes that trade the same refresh token at once lose it.
            stack.enter_context(machine_lock(LOAD_NAME))
        stack.callback(session.close)
        session.client.auth.token()
        click.echo(f"sign-in     {session.mode}")
        click.echo(f"account     {printable(account_name(session) or 'unknown: Anaplan did not report it')}")
        findings = _Findings()
        _try("events", session, count_events, findings)
        for name in LISTS:
            _try(name, session, partial(count_records, name=name), findings)
        is_whole = _show_details(session, findings)
        for line in source_problems(findings.problems):
            warn(line)
        wrong_clock = clock_note(session.client.client)
        if wrong_clock:
            warn(wrong_clock)
    if not any(findings.codes):
        found = "Nothing is missing" if is_whole else "The events and the directory can be loaded"
        click.echo(f"\n{found}. Next: `make run`.")
    return findings.exit_code()


def _show_details(session: Session, findings: _Findings) -> bool:
    """Show what is read of optional data. What is missing there is no error: the rest is loaded without it."""
    known = set(map(str, findings.problems))
    is_whole = True
    for name, count in _DETAILS.items():
        if name == "cloudworks" and not session.cloudworks_urls:
            continue
        try:
            shown = count(session)
            for title, text in shown.lines.items():
                click.echo(f"{title:<11} {text}")
            is_whole = is_whole and shown.is_whole
        except RoleError as error:
            click.echo(f"{name:<11} refused: {printable(error.reason)}. {printable(error.hint)}")
            is_whole = False
        except AuditSourceError as error:
            # An expired token fails every request: it is reported once.
            click.echo(f"{name:<11} no answer" + ("" if str(error) in known else f": {printable(str(error))}"))
            is_whole = False
    return is_whole


class _Detail(NamedTuple):
    """The lines to print about optional data, and whether all of it could be read."""

    lines: dict[str, str]
    is_whole: bool = True


def _contents(session: Session) -> _Detail:
    found = try_models(session)
    if found.tried and not found.entered and not found.failures:
        reason = f"none of {_tried(found)} can be entered"
        raise RoleError("contents", reason, DETAIL_HINTS["contents"])
    is_whole = 0 < found.entered == found.tried
    hint = "" if is_whole or found.failures else f". {DETAIL_HINTS['contents']}"
    lines = {
        "contents": f"{found.entered} of {_tried(found)} can be entered{_failed(found)}{hint}",
        "history": f"{found.exporting} of {_tried(found)} can export their history. {DETAIL_HINTS['history']}",
    }
    return _Detail(lines, is_whole)


def _tried(found: TriedModels) -> str:
    return f"{counted(found.tried, 'model')} that {'was' if found.tried == 1 else 'were'} tried"


def _failed(found: TriedModels) -> str:
    reasons = ", ".join(dict.fromkeys(printable(error.reason) for error in found.failures))
    return f", {len(found.failures)} failed ({reasons})" if reasons else ""


def _integrations(session: Session) -> _Detail:
    number = count_integrations(session)
    hint = "" if number else f". {DETAIL_HINTS['cloudworks']}"
    return _Detail({"cloudworks": f"{counted(number, 'integration')}{hint}"}, number > 0)


def _entitlements(session: Session) -> _Detail:
    number = count_entitled_users(session)
    return _Detail({"scim": "some users" if number is None else counted(number, "user")})


_DETAILS = {"contents": _contents, "cloudworks": _integrations, "scim": _entitlements}


def _try(name: str, session: Session, count: Callable[[Session], int | None], findings: _Findings) -> None:
    """Send one request, print its result, and add it to `findings`."""
    try:
        number = count(session)
    except RoleError as error:
        click.echo(f"{name:<11} refused")
        warn(f"{name}: {HINTS[name]} ({error.reason})")
        findings.codes.append(SIGN_IN)
        return
    except AuditSourceError as error:
        click.echo(f"{name:<11} no answer")
        # An expired token fails every request: report it once.
        if str(error) not in map(str, findings.problems):
            findings.problems.append(error)
        findings.codes.append(code_of_source_error(error) or UNREACHABLE)
        return
    span = f" in the last {COUNTED_DAYS} days" if name == "events" else ""
    click.echo(f"{name:<11} {'some' if number is None else f'{number:,}'}{span}")
    if number == 0:
        warn(f"{name}: {EMPTY[name]}")
    findings.codes.append(DONE)
