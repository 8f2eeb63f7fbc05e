"""The dlt source: takes settings and credentials, returns the resources of the audit log and of the directory."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from dlt.sources import DltResource

from .auth.sign_out import SignOutWhenDone
from .clock import learn_server_clock
from .core_resources import log_and_directory_resources
from .directory.detail_resources import detail_resources
from .directory.details import DetailReader
from .directory.listed import Listed
from .directory.model_history import history_tables
from .directory.read import confirm_tenant, read_directory
from .directory.shrink_guard import DirectoryGuard
from .events.decode_process import PageDecoder
from .events.fetch import EventFetcher
from .events.ledger import Reload
from .events.stream import read_log
from .extract_report import Run
from .known import NOTHING_KNOWN, Known
from .parts import Parts
from .privacy.masking import make_privacy
from .session import make_signed_client
from .settings import AuditSettings, resolve_settings
from .table_resources import Batch, declare_tables


# `BaseConfiguration` has no field: dlt injects nothing, since `resolve_settings` reads the configuration.
@dlt.source(name="audit", section="audit_source", spec=BaseConfiguration)
def audit_source(
    settings: AuditSettings | None = None,
    *,
    reload: Reload | None = None,
    run: Run | None = None,
    known: Known | None = None,
    accept_directory: bool = False,
    **values: Any,
) -> tuple[DltResource, ...]:
    """Load the audit log and the directory of one Anaplan tenant.

    Args:
        settings (AuditSettings): Settings that override those of dlt's configuration.
        reload (Reload): A span to load (again) instead of what is due.
        run (Run): Collects the findings of the run. `run.close()` ends the session if the load fails.
        known (Known): What the destination holds, for a caller that can query it.
        accept_directory (bool): Whether to apply a list that shrank beyond `shrink_limit_percent`.
        **values (Any): Single settings, as in `audit_source(region="eu1")`. They override `settings`.

    Returns:
        DltSource: `events` with `event_windows` and `event_days`, `users` with `user_logins`, `workspaces`, `models`,
            `event_types`, and the tables of `directory.tables`. `model_history` and `model_history_reads` are only
            created; `ModelHistory` fills them.

    Raises:
        ConfigurationError: A setting or credential is missing, unknown or contradictory. No request was sent.
        SignInError, RoleError, UnreachableError, BadAnswerError: Only while extracting.
    """
    tenant = _Tenant(resolve_settings(settings, **values), run or Run(), known or NOTHING_KNOWN)
    declare_tables()

    @dlt.resource(name="event_log", selected=False)
    def event_log() -> Iterator[Batch]:
        yield from tenant.event_log(reload)

    @dlt.resource(name="directory", selected=False)
    def directory() -> Iterator[Batch | None]:
        yield from tenant.directory(accept_directory)

    @dlt.resource(name="details", selected=False)
    def details() -> Iterator[Batch | None]:
        yield from tenant.details(accept_directory)

    return (
        *log_and_directory_resources(event_log, directory),
        *detail_resources(details),
        *history_tables(),
    )


class _Tenant:
    """The tenant as one load reads it: one method for each part of the source that sends requests."""

    def __init__(self, settings: AuditSettings, run: Run, known: Known) -> None:
        self._settings, self._run, self._known = settings, run, known
        self._hosts, self._privacy = settings.hosts, make_privacy(settings.privacy, settings.privacy_key)
        self._signed = make_signed_client(settings)
        run.closing(self._signed.close)
        self._decoder = PageDecoder(run.new_columns)
        self._fetcher = EventFetcher(self._signed, self._hosts.audit, settings, self._decoder)
        run.closing(self._fetcher.close)
        run.learn_clock = partial(learn_server_clock, self._signed, self._hosts, known, run)
        self._sign_out = SignOutWhenDone(self._signed.close, {"event_log", "directory", "details"})
        self._listed, self._parts = Listed(), Parts()

    def event_log(self, reload: Reload | None) -> Iterator[Batch]:
        """Yield the events, their windows and their days."""
        self._parts.begin("event_log")
        if self._privacy is None:
            # Pages go to that process through files, which must not hold what `privacy` removes.
            self._decoder.use_process(dlt.current.pipeline().working_dir)
        try:
            yield from self._read_log(reload)
        except BaseException as error:
            # An interrupted run does not wait for requests in flight.
            self._fetcher.close(wait=isinstance(error, Exception))
            raise
        if not self._run.unfinished:
            self._fetcher.close()
            self._sign_out.finish("event_log")
        self._parts.finish("event_log")

    def directory(self, accept_directory: bool) -> Iterator[Batch | None]:
        """Yield the users, workspaces and models."""
        self._parts.begin("directory")
        guard = self._guard(accept_directory)
        api, known = self._hosts.api, self._known
        yield from read_directory(self._signed, api, self._run, self._privacy, guard, known, self._listed)
        self._sign_out.finish("directory")
        self._parts.finish("directory")

    def details(self, accept_directory: bool) -> Iterator[Batch | None]:
        """Yield what events refer to: contents of models, integrations, entitlements."""
        # Only in a load of its own, or after the events of the same load: nothing may delay them.
        yield from self._parts.wait_for_others("details")
        if not self._run.unfinished:
            guard = self._guard(accept_directory)
            reader = DetailReader(
                self._signed, self._settings, self._run, self._privacy, guard, self._known, self._listed
            )
            yield from reader.read()
            self._sign_out.finish("details")
        self._parts.finish("details")

    def _guard(self, accept_directory: bool) -> DirectoryGuard:
        return DirectoryGuard(self._settings.shrink_limit_percent, accept_directory, self._known)

    def _read_log(self, reload: Reload | None) -> Iterator[Batch]:
        check_tenant = partial(confirm_tenant, self._signed, self._hosts.api, self._known)
        self._run.learn_clock()
        now = self._signed.client.now_ms()
        yield from read_log(
            self._fetcher, self._settings, self._run, now, reload, self._privacy, self._known, check_tenant
        )
