"""The dlt source: takes settings and credentials, returns the resources of the audit log and of the directory."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from dlt.sources import DltResource

from .auth.sign_out import SignOutWhenDone
from .catalogue import event_types
from .clock import learn_server_clock
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
from .schema import EVENT_DAYS, EVENT_TYPES, EVENT_WINDOWS, EVENTS, MODELS, USER_LOGINS, USERS, WORKSPACES
from .session import make_signed_client
from .settings import AuditSettings, resolve_settings
from .table_resources import HISTORY, MERGE, Batch, declare_tables, table_resource


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
    run, known = run or Run(), known or NOTHING_KNOWN
    settings = resolve_settings(settings, **values)
    hosts, privacy = settings.hosts, make_privacy(settings.privacy, settings.privacy_key)
    signed = make_signed_client(settings)
    run.closing(signed.close)
    decoder = PageDecoder(run.new_columns)
    fetcher = EventFetcher(signed, hosts.audit, settings, decoder)
    run.closing(fetcher.close)
    run.learn_clock = partial(learn_server_clock, signed, hosts, known, run)
    sign_out = SignOutWhenDone(signed.close, {"event_log", "directory", "details"})
    listed, parts = Listed(), Parts()
    declare_tables()

    @dlt.resource(name="event_log", selected=False)
    def event_log() -> Iterator[Batch]:
        parts.begin("event_log")
        if privacy is None:
            # Pages go to that process through files, which must not hold what `privacy` removes.
            decoder.use_process(dlt.current.pipeline().working_dir)
        check_tenant = partial(confirm_tenant, signed, hosts.api, known)
        try:
            run.learn_clock()
            yield from read_log(fetcher, settings, run, signed.client.now_ms(), reload, privacy, known, check_tenant)
        except BaseException as error:
            # An interrupted run does not wait for requests in flight.
            fetcher.close(wait=isinstance(error, Exception))
            raise
        if not run.unfinished:
            fetcher.close()
            sign_out.finish("event_log")
        parts.finish("event_log")

    @dlt.resource(name="directory", selected=False)
    def directory() -> Iterator[Batch | None]:
        parts.begin("directory")
        guard = DirectoryGuard(settings.shrink_limit_percent, accept_directory, known)
        yield from read_directory(signed, hosts.api, run, privacy, guard, known, listed)
        sign_out.finish("directory")
        parts.finish("directory")

    @dlt.resource(name="details", selected=False)
    def details() -> Iterator[Batch | None]:
        # Only in a load of its own, or after the events of the same load: nothing may delay them.
        yield from parts.wait_for_others("details")
        if not run.unfinished:
            guard = DirectoryGuard(settings.shrink_limit_percent, accept_directory, known)
            yield from DetailReader(signed, settings, run, privacy, guard, known, listed).read()
            sign_out.finish("details")
        parts.finish("details")

    return (
        table_resource(event_log, EVENTS, MERGE, primary_key="id"),
        table_resource(event_log, EVENT_WINDOWS, MERGE, merge_key=["window_day", "event_type"]),
        table_resource(event_log, EVENT_DAYS, MERGE, primary_key="event_day"),
        table_resource(directory, USERS, HISTORY),
        table_resource(directory, USER_LOGINS, MERGE, primary_key="id"),
        table_resource(directory, WORKSPACES, HISTORY),
        table_resource(directory, MODELS, HISTORY),
        table_resource(event_types(), EVENT_TYPES, MERGE, primary_key="event_type_id"),
        *detail_resources(details),
        *history_tables(),
    )
