"""The status of the pipeline: coverage, gaps, last runs, table sizes. Reads only."""

from datetime import datetime, timedelta, timezone
from typing import Any

import dlt

from pipelines.common.alert_settings import SEVERITIES
from pipelines.common.names import dataset_name
from pipelines.common.tenants import chosen_tenant
from pipelines.warehouse.engine import engine
from pipelines.warehouse.reader import ENRICHED, RAW, Reader
from pipelines.warehouse.run_tables import ALERTS, RUNS

from .lease_status import read_lease
from .ledger_state import older_state_warnings
from .model_status import contents, model_history, unknown_changes
from .problems import problems_of, warnings_of
from .sign_in_status import sign_in_status

# Older data is stale, unless --max-age says otherwise.
MAX_AGE = timedelta(hours=3)
LATE_EVENT_DAYS = 30
CLOCK_SLACK_MINUTES = 5
# Among these is the last run that ended, which a warning may be about.
LEAST_RUNS = 10
Json = dict[str, Any]

# The keys of `status --json`. They are a contract: keys may be added, but never change their meaning.
KEYS = {
    "ok": "Whether there is no problem; the exit code is 0 then, else 1",
    "checked_at": "The current time (every moment is ISO 8601, UTC)",
    "destination": "type, database (the DuckDB file), raw_dataset, enriched_dataset, tenant",
    "freshness": "covered_until, minutes_ago, max_age_minutes, stale; of the event type that lags most; "
    "not_covered: event types without any covered window. Acknowledged incomplete windows count as covered",
    "coverage": "from, until, complete_windows; the first two with acknowledged incomplete windows",
    "gaps": "event_type, start, end, acknowledged of each lost span",
    "incomplete_windows": "event_type, start, end, reported_events, distinct_events, acknowledged",
    "contents": "models (listed now); read, forbidden, archived, failed: models of `content_reads` by their status; "
    "waiting: models that were never requested",
    "not_read": "lines about optional data that the last load could not read, with the missing role",
    "model_history": "models_with_export, as far as lists inside models were read; models_loaded, models_failed by "
    "their last attempt; rows, newest_change; last_failure: model_id, model_name, status, read_at, error",
    "late_events": "events that arrived late in the runs of the last `days`",
    "findings": "open security findings: open, high, medium, low",
    "unknown_changes": "rows and descriptions of `fct_model_history` that match no rule of `history_change_rules`",
    "sign_in": "mode, certificate_expires_at, certificate_days_left, token_store, token_stored_at",
    "lease": "host, pid, since, until of the run that holds the lease; null if none does or the engine has none",
    "last_runs": "columns of the table `runs`, newest first",
    "tables": "dataset, table, rows",
    "problems": "kind (never_loaded, stale, gap, incomplete) and text of each problem",
    "warnings": "texts about the last run, certificates, alerts and dlt's state",
}


def read_status(reader: Reader | None, max_age: timedelta, runs: int, now: datetime | None = None) -> Json:
    """Return the status with the keys of `KEYS`. `problems` make a monitor red, `warnings` do not.

    Args:
        reader (Reader): The destination, or None if there is no database yet.
        max_age (timedelta): The data is stale when the last covered moment is older than this.
        runs (int): How many of the last runs to list.
        now (datetime): The current time (UTC) by default.
    """
    now = now or datetime.now(timezone.utc)
    windows = _windows(reader)
    acknowledged = _acknowledged(reader)
    past = _past_runs(reader, runs, now)
    covered = [w for w in windows if w["status"] == "complete" or is_acknowledged(w, acknowledged)]
    sign_in = sign_in_status(now)
    status: Json = {
        "checked_at": now,
        "destination": _destination(),
        "freshness": freshness(covered, max_age, now),
        "coverage": _coverage(covered),
        "gaps": _gaps(windows, acknowledged),
        "incomplete_windows": _incomplete(windows, acknowledged),
        "contents": contents(reader),
        "not_read": _not_read(past),
        "model_history": model_history(reader),
        "late_events": {"days": LATE_EVENT_DAYS, "events": _late_events(past, now)},
        "findings": _findings(reader, acknowledged),
        "unknown_changes": unknown_changes(reader),
        "sign_in": sign_in.status,
        "lease": read_lease(reader),
        "last_runs": [_run(run) for run in past[:runs]],
        "tables": _tables(reader),
    }
    status["problems"] = problems_of(status)
    status["warnings"] = [*warnings_of(past, engine().is_file), *sign_in.warnings]
    status["warnings"] += [*_alerting(reader), *older_state_warnings(reader, windows)]
    status["ok"] = not status["problems"]
    return status


def gap_subject(window: Json) -> str:
    """Return the name under which a lost window is alerted and acknowledged."""
    return f"{window['event_type']} {window['window_start']:%Y-%m-%dT%H:%M:%S.%f}"


def incomplete_subject(window: Json) -> str:
    """Return the name under which an incomplete window is acknowledged. New counts make it open again."""
    return f"{gap_subject(window)} {window['distinct_events']}/{window['reported_events']}"


def _alerting(reader: Reader | None) -> list[str]:
    """Return a warning for each part of alerting whose newest row is a failure."""
    query = f"select what, note, subject, happened_at from {ALERTS} where kind = 'alerting' order by happened_at"
    newest = {row["subject"]: row for row in (reader.rows(RAW, query) if reader else [])}
    texts = []
    for subject, row in sorted(newest.items()):
        if row["what"] == "unsure":
            texts.append(f"the last alert may not have been shown: the {subject} accepted it without the usual `ok`.")
        elif row["what"] == "failed":
            texts.append(f"the last alert failed ({subject}): {row['note']}.")
    return texts


def _destination() -> Json:
    return {
        "type": engine().name,
        "database": engine().database_file(),
        "raw_dataset": dataset_name(RAW),
        "enriched_dataset": dataset_name(ENRICHED),
        "tenant": chosen_tenant(),
    }


def _windows(reader: Reader | None) -> list[Json]:
    rows = reader.rows(RAW, "select * from event_windows") if reader else []
    return sorted(rows, key=lambda row: (row["event_type"], row["window_start"]))


def _past_runs(reader: Reader | None, runs: int, now: datetime) -> list[Json]:
    """Return the runs that are counted or listed, newest first: there are thousands of older ones."""
    if reader is None:
        return []
    since = now - timedelta(days=LATE_EVENT_DAYS)
    counted = f"select * from {RUNS} where started_at >= cast('{since:%Y-%m-%d %H:%M:%S}+00:00' as timestamptz)"
    past = reader.rows(RAW, counted)
    if len(past) < max(runs, LEAST_RUNS):
        past = reader.rows(RAW, f"select * from {RUNS} order by started_at desc limit {max(runs, LEAST_RUNS)}")
    return sorted(past, key=lambda run: run["started_at"], reverse=True)


def _acknowledged(reader: Reader | None) -> set[tuple[str, str]]:
    query = f"select kind, subject from {ALERTS} where what = 'acknowledged'"
    return {(row["kind"], row["subject"]) for row in reader.rows(RAW, query)} if reader else set()


def _event_types() -> list[str]:
    return list(dlt.config.get("sources.audit_source.event_types", list) or ["all"])


def is_acknowledged(window: Json, acknowledged: set[tuple[str, str]]) -> bool:
    """Return whether a window is incomplete and was acknowledged with the same counts."""
    return window["status"] == "incomplete" and ("incomplete", incomplete_subject(window)) in acknowledged


def freshness(covered: list[Json], max_age: timedelta, now: datetime) -> Json:
    """Return until when every requested event type is covered. The type that lags most decides."""
    ends = {
        kind: max((w["window_end"] for w in covered if w["event_type"] == kind), default=None)
        for kind in _event_types()
    }
    missing = [kind for kind, end in ends.items() if end is None]
    until = None if missing else min(end for end in ends.values() if end is not None)
    age = None if until is None else (now - until).total_seconds() / 60
    most = max_age.total_seconds() / 60
    return {
        "covered_until": until,
        "minutes_ago": None if age is None else round(age, 1),
        "max_age_minutes": round(most, 1),
        # Data in the future means that a clock was wrong. It is not fresh.
        "stale": age is None or age > most or age < -CLOCK_SLACK_MINUTES,
        "not_covered": missing,
    }


def _coverage(covered: list[Json]) -> Json:
    return {
        "from": min((w["window_start"] for w in covered), default=None),
        "until": max((w["window_end"] for w in covered), default=None),
        "complete_windows": sum(w["status"] == "complete" for w in covered),
    }


def _gaps(windows: list[Json], acknowledged: set[tuple[str, str]]) -> list[Json]:
    """Return the lost spans. Adjacent windows form one span if all or none of them are acknowledged."""
    gaps: list[Json] = []
    for window in windows:
        if window["status"] != "expired":
            continue
        known = ("gap", gap_subject(window)) in acknowledged
        last = gaps[-1] if gaps else None
        if last and (last["event_type"], last["end"], last["acknowledged"]) == (
            window["event_type"],
            window["window_start"],
            known,
        ):
            last["end"] = window["window_end"]
        else:
            gaps.append(
                {
                    "event_type": window["event_type"],
                    "start": window["window_start"],
                    "end": window["window_end"],
                    "acknowledged": known,
                }
            )
    return gaps


def _incomplete(windows: list[Json], acknowledged: set[tuple[str, str]]) -> list[Json]:
    """Return the windows that the next run fetches again: only those of event types that are still requested."""
    requested = _event_types()
    return [
        {
            "event_type": w["event_type"],
            "start": w["window_start"],
            "end": w["window_end"],
            "reported_events": w["reported_events"],
            "distinct_events": w["distinct_events"],
            "acknowledged": is_acknowledged(w, acknowledged),
        }
        for w in windows
        if w["status"] == "incomplete" and w["event_type"] in requested
    ]


def _not_read(past: list[Json]) -> list[str]:
    """Return what the newest successful load could not read. A table of an earlier version does not have the column."""
    # A load that failed counts no changes, and may have failed before it read this data.
    loaded = (run for run in past if run["ended_at"] is not None and run["users_changed"] is not None)
    return str(next(loaded, {}).get("not_read") or "").splitlines()


def _late_events(past: list[Json], now: datetime) -> int:
    since = now - timedelta(days=LATE_EVENT_DAYS)
    return sum(run["late_events"] or 0 for run in past if run["started_at"] >= since)


def _findings(reader: Reader | None, acknowledged: set[tuple[str, str]]) -> Json:
    rows = reader.rows(ENRICHED, "select finding_id, severity from security_findings") if reader else []
    still = [row["severity"] for row in rows if ("finding", row["finding_id"]) not in acknowledged]
    return {"open": len(still), **{severity: still.count(severity) for severity in SEVERITIES}}


def _run(run: Json) -> Json:
    return {name: value for name, value in run.items() if not name.startswith("_dlt")}


def _tables(reader: Reader | None) -> list[Json]:
    if reader is None:
        return []
    found = []
    for dataset in (RAW, ENRICHED):
        names = reader.tables(dataset)
        if dataset == RAW and names:
            names += [RUNS, ALERTS]
        counts = reader.row_counts(dataset, sorted(names))
        found += [{"dataset": dataset_name(dataset), "table": name, "rows": count} for name, count in counts.items()]
    return found
