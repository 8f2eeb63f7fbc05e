"""What events refer to, as a stream of batches: contents of models, CloudWorks, entitlements.

It is read after the events, so that nothing delays them. Whatever cannot be read is noted once, and the rest goes on.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import dlt

from ..dlt_internals import begin_versions_at
from ..drift import found_in, new_drift
from ..errors import AuditSourceError, RoleError
from ..events.spans import DAY_MS
from ..extract_report import ContentProgress, Run
from ..known import Known, KnownDetails
from ..privacy.masking import Privacy, mask_of
from ..records import NewColumns, Record
from ..schema import MODELS
from ..settings import AuditSettings
from ..signed_client import SignedClient
from ..table_resources import Batch
from . import entitlements, integrations
from .content_plan import FAILED, FORBIDDEN, newly_archived, plan
from .detail_resources import create_missing
from .listed import Listed
from .model_contents import Contents, archived, batches, read_models
from .paged_lists import Budget
from .shrink_guard import DirectoryGuard
from .tables import INTEGRATION_FLOWS, INTEGRATIONS, MODEL_ACTIONS, SCIM_USERS, USER_ENTITLEMENTS

SCIM_PERIOD_MS = DAY_MS


class DetailReader:
    """Reads the details of one load.

    Args:
        client (SignedClient): Sends the requests.
        settings (AuditSettings): Which details are read.
        run (Run): Gets what was left out, and the progress.
        privacy (Privacy): Masks personal texts.
        guard (DirectoryGuard): Refuses lists that shrank.
        known (Known): What the destination holds.
        listed (Listed): The directory of this run.
    """

    def __init__(
        self,
        client: SignedClient,
        settings: AuditSettings,
        run: Run,
        privacy: Privacy | None,
        guard: DirectoryGuard,
        known: Known,
        listed: Listed,
    ) -> None:
        self._client, self._settings, self._run, self._privacy = client, settings, run, privacy
        self._guard, self._known, self._listed = guard, known, listed
        self._known_details = KnownDetails()
        self._mask = mask_of(privacy)
        self._now = 0

    def read(self) -> Iterator[Batch]:
        """Yield every batch, and create the tables that no load has created."""
        filled: set[str] = set()
        if not self._listed.tenant_is_unsure:
            self._known_details = self._known.details()
            self._guard.records = self._known_details.records
            stamps = (self._known.newest_stamp, self._known_details.newest_stamp, self._run.versions_at or 0)
            self._now = max(self._client.client.now_ms(), *(stamp + 1 for stamp in stamps))
            begin_versions_at(self._now)
            for part in (self._contents, self._integrations, self._entitlements):
                for name, rows in part():
                    filled.add(name)
                    yield name, rows
        yield from create_missing(filled)

    def _contents(self) -> Iterator[Batch]:
        models = self._listed.models
        if not self._settings.model_requests_per_run:
            return
        if models is None:
            self._note_missing_models()
            return
        reads = self._known_details.reads
        found: list[Contents] = [archived(model) for model in newly_archived(models, reads)]
        tasks = plan(models, reads, self._known_details.usage, self._now)
        budget = Budget(self._settings.model_requests_per_run)
        with self._noted("contents of models"):
            for contents in read_models(
                self._client, self._settings.hosts.api, tasks, budget, self._settings.parallel_requests
            ):
                found.append(contents)
        new_columns = NewColumns()
        yield from batches(found, self._now, self._privacy, new_columns)
        self._note_drift(MODEL_ACTIONS.name, new_columns)
        self._note_failures(found)
        statuses = {key: read.status for key, read in reads.items()}
        statuses.update({contents.model.key: contents.status for contents in found})
        progress = ContentProgress.of(statuses.get(model.key) for model in models)
        self._run.contents = progress
        if progress.statuses.get(FORBIDDEN):
            count = progress.statuses[FORBIDDEN]
            self._run.leave_unread(
                f"contents of {count:,} model{'' if count == 1 else 's'}: the account may not enter them "
                "(model role NO ACCESS)"
            )

    def _note_missing_models(self) -> None:
        """Note that the account sees no model. A list that failed or shrank was reported."""
        is_refused = any(one.name == MODELS.name for one in self._run.shrunk)
        if self._run.directory.get(MODELS.name) == 0 and not is_refused:
            self._run.leave_unread(
                "contents of models: the account sees no model. It needs a workspace, and a model role other than "
                "NO ACCESS"
            )

    def _note_failures(self, found: list[Contents]) -> None:
        reasons = Counter(contents.error.reason for contents in found if contents.error and contents.status == FAILED)
        for reason, count in sorted(reasons.items()):
            self._run.leave_unread(
                f"contents of {count:,} model{'' if count == 1 else 's'}: {reason}. What was known stays. They are "
                "requested again after a day, or when they were saved"
            )

    def _integrations(self) -> Iterator[Batch]:
        if not self._settings.cloudworks:
            return
        with self._noted("integrations"):
            state = dlt.current.resource_state(INTEGRATIONS.name)
            # The address that answered last time comes first: some networks drop requests to the other one, and each
            # try would wait for its timeout.
            urls = sorted(self._settings.cloudworks_urls, key=lambda url: url != state.get("url"))
            listed = integrations.fetch_integrations(self._client, urls)
            state["url"] = listed.url
            if not listed.records:
                self._run.leave_unread(
                    "integrations: CloudWorks lists none. An account with the role but without a workspace sees none"
                )
                return
            if self._guard.accepts(INTEGRATIONS.name, listed.records, state, self._run):
                yield from self._changed_integrations(listed)
            found = integrations.fetch_runs(self._client, listed, self._known_details, self._known.purged_before)
            runs = [run for some in found for run in some]
            rows = integrations.run_rows(runs, self._mask, self._known_details)
            if rows is not None:
                yield "integration_runs", rows
            yield from self._changed_flows(listed.url)

    def _changed_integrations(self, listed: integrations.IntegrationList) -> Iterator[Batch]:
        new_columns = NewColumns()
        rows = integrations.integration_rows(listed.records, self._mask, new_columns)
        if frozenset(rows["row_version"].to_pylist()) != self._known_details.integration_versions:
            integrations.confirm(self._client, listed)
            yield INTEGRATIONS.name, rows
            self._note_drift(INTEGRATIONS.name, new_columns)

    def _changed_flows(self, url: str) -> Iterator[Batch]:
        flows = integrations.fetch_flows(self._client, url)
        state, new_columns = dlt.current.resource_state(INTEGRATION_FLOWS.name), NewColumns()
        digest = _digest(flows)
        if flows and state.get("digest") != digest:
            yield INTEGRATION_FLOWS.name, integrations.flow_rows(flows, self._mask, new_columns)
            state["digest"] = digest
            self._note_drift(INTEGRATION_FLOWS.name, new_columns)

    def _entitlements(self) -> Iterator[Batch]:
        """Yield the entitlements once a day, and whenever the users changed: a large tenant has many pages."""
        state = dlt.current.resource_state(SCIM_USERS.name)
        is_recent = 0 <= self._now - state.get("read_at", 0) < SCIM_PERIOD_MS
        if is_recent and state.get("users") == self._listed.users_digest:
            return
        with self._noted("entitlements"):
            users = entitlements.fetch_scim_users(self._client, self._settings.hosts.api)
            if not users or not self._guard.accepts(USER_ENTITLEMENTS.name, users, state, self._run):
                return
            rows = entitlements.entitlement_rows(users, self._mask)
            if rows is not None:
                yield USER_ENTITLEMENTS.name, rows
            yield SCIM_USERS.name, entitlements.scim_user_rows(users, self._mask)
            state.update(read_at=self._now, users=self._listed.users_digest)

    def _note_drift(self, table_name: str, new_columns: NewColumns) -> None:
        state = dlt.current.resource_state(table_name)
        self._run.drift |= new_drift(found_in(new_columns, f"{table_name}."), state)

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """Note an error and go on with the other parts."""
        try:
            yield
        except RoleError as error:
            self._run.leave_unread(f"{what}: {error.reason}. {error.hint}")
        except AuditSourceError as error:
            self._run.leave_unread(f"{what}: {error}")


def _digest(records: list[Record]) -> str:
    return hashlib.sha256(json.dumps(records, sort_keys=True, default=str).encode()).hexdigest()
