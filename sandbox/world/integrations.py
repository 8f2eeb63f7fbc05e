"""CloudWorks: integrations, their runs and flows. Each run corresponds to an `INT-06` event of the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from random import Random
from typing import Any

from .clock import DAY, SECOND, Clock, day_of
from .company import Company, Model, Named, hex_id
from .store import Store

Row = dict[str, Any]
TYPES = ("Process", "Import", "Export", "Process", "Import")
SCHEDULES = ("daily", "hourly", "weekly", "daily")
RUN_CODES = ("INT-06", "INT-6")
# What triggers a run that no person started, and one that a person did.
SCHEDULED, MANUAL = ("scheduled", "scheduled", "scheduled_inf"), ("manual", "manual_inf", "nux_dashboard")
FAILURES = (
    (101, "Connection to the source failed"),
    (1042, "The file has no column of that name"),
    (2007, "The action was not found in the model"),
)


def utc(ms: int) -> str:
    """Return a moment as CloudWorks and SCIM write it."""
    moment = datetime.fromtimestamp(ms // 1_000, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1_000:03d}Z"


class Integrations:
    """The integrations of the tenant, with what a test has changed."""

    def __init__(self, company: Company, store: Store, clock: Clock) -> None:
        self.company, self.store, self.clock = company, store, clock
        self._changed: dict[str, Row] = {}
        self._removed: set[str] = set()

    def rows(self) -> list[Row]:
        """Return the integrations as CloudWorks lists them, each with its latest run."""
        latest: dict[str, Row] = {}
        for run in self._all_runs():
            latest[run["integrationId"]] = run
        return [self._row(number, flow, latest.get(flow.id)) for number, flow in self._kept()]

    def runs(self, integration_id: str) -> list[Row] | None:
        """Return the runs of an integration, newest first; None for an unknown id."""
        if integration_id not in {flow.id for _, flow in self._kept()}:
            return None
        runs = [run for run in self._all_runs() if run["integrationId"] == integration_id]
        return [{key: run[key] for key in run if key != "integrationId"} for run in reversed(runs)]

    def flows(self) -> list[Row]:
        """Return the flows: chains of integrations."""
        rows = []
        for number, flow in list(self._kept())[:2]:
            made = self._made(number, flow)
            latest: Row = {"latestRun": {}, "notificationId": None}
            # As events in their documented form name them.
            rows.append(
                {"id": flow.id[::-1], "name": f"{flow.name} flow", "version": "2.0", "stepsCount": 2, **made, **latest}
            )
        return rows

    def change(self, integration_id: str, **fields: Any) -> None:
        """Change fields of an integration, by the names of the API."""
        if integration_id not in {flow.id for _, flow in self._kept()}:
            raise ValueError(f"no integration {integration_id}")
        fields.setdefault("modificationDate", utc(self.clock.now()))
        self._changed.setdefault(integration_id, {}).update(fields)

    def remove(self, integration_id: str) -> None:
        """The integration disappears from the list; its events stay."""
        self._removed.add(integration_id)

    def place_of(self, number: int) -> Model:
        """Return the model in which the n-th integration works: one that is in use."""
        used = [model for model in self.company.used_models if model.state in ("UNLOCKED", "PRODUCTION")]
        return used[3 * number % len(used)]

    def _kept(self) -> Iterator[tuple[int, Named]]:
        return ((i, one) for i, one in enumerate(self.company.integrations) if one.id not in self._removed)

    def _made(self, number: int, flow: Named) -> Row:
        """Return who made an integration, and when."""
        made = (19_500 + 37 * number) * DAY + (18 * 3_600 + 34 * 60 + number) * SECOND
        by = self._builder(number, day_of(made))
        changed = made + 40 * DAY if number % 2 else made
        return {"createdBy": by, "creationDate": utc(made), "modificationDate": utc(changed), "modifiedBy": None}

    def _builder(self, number: int, day: int) -> str:
        headcount = self.company.headcount
        return self.company.person(number % headcount, day).name if headcount else "Sandbox Auditor"

    def _row(self, number: int, flow: Named, latest: Row | None) -> Row:
        model, kind = self.place_of(number), TYPES[number % len(TYPES)]
        row = {
            "integrationId": flow.id,
            "name": flow.name,
            "integrationType": kind,
            **self._made(number, flow),
            "modelId": model.id.upper(),
            "workspaceId": model.workspace.id,
            "processId": model.processes[0].id if kind == "Process" else None,
            "nuxVisible": number % 2 == 0,
            "notificationId": hex_id(self.company.seed, "notification", number) if number % 3 == 0 else None,
        }
        # The last one is started by people only.
        if number < len(SCHEDULES):
            row["schedule"] = {
                "name": f"{flow.name} {SCHEDULES[number]}",
                "type": SCHEDULES[number],
                "status": "disabled" if number == 3 else "enabled",
                "timezone": "Greenwich",
                "time": f"0{number}:30",
                "startDate": row["creationDate"],
            }
        if latest is not None:
            shown = ("triggeredBy", "triggerSource", "startDate", "endDate", "success", "message", "executionErrorCode")
            row["latestRun"] = {key: latest[key] for key in shown}
        return {**row, **self._changed.get(flow.id, {})}

    def _all_runs(self) -> Iterator[Row]:
        """Yield the runs of every integration, in the order of their events."""
        numbers = {flow.id: number for number, flow in enumerate(self.company.integrations)}
        for event in self.store.truth("int"):
            subject = str(event.get("objectId") or "").lower()
            if event.get("eventTypeId") in RUN_CODES and subject in numbers and isinstance(event["eventDate"], int):
                yield self._run(event, subject, numbers[subject])

    def _run(self, event: Row, subject: str, number: int) -> Row:
        """Return the run whose end an event reports."""
        rng = Random(f"{self.company.seed}/run/{event['id']}")
        end, success = event["eventDate"], event.get("success") is not False
        start = end - rng.randrange(5, 300) * SECOND
        code, text = (None, "Success") if success else rng.choice(FAILURES)
        person = self._person(str(event.get("userId")), day_of(end))
        return {
            "integrationId": subject,
            "id": hex_id(self.company.seed, "run", event["id"]),
            "lastRun": end,
            "startDate": utc(start),
            "endDate": utc(end),
            "success": success,
            "message": text,
            "executionErrorCode": code,
            # A schedule runs in the name of who made the integration.
            "triggeredBy": person or self._made(number, self.company.integrations[number])["createdBy"],
            "triggerSource": rng.choice(MANUAL if person else SCHEDULED),
            "traceId": f"{rng.getrandbits(64):016x}",
        }

    def _person(self, user_id: str, day: int) -> str | None:
        if user_id.startswith("INTERNAL_"):
            return None
        return next((one.name for one in self.company.people(day) if one.id == user_id), None)
