"""Models that follow one event after another, compared with plain loops over random logs: ties in time, gaps, NULLs."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import duckdb
import pytest

from pipelines.transform.parse import MODELS_DIR, Model, read_tables
from pipelines.transform.seeds import Seed
from tests.support.raw_rows import at

TABLES = {table.name: table for table in read_tables(MODELS_DIR)}
SQL_TYPES = {"text": "varchar", "bool": "boolean", "timestamp": "timestamptz"}
START = at("2026-03-01 10:00")
LOGS = 15

Row = dict[str, Any]
Log = dict[str, list[Row]]


class RandomLog:
    """Rows of the tables that the models read, from one seed."""

    def __init__(self, seed: int) -> None:
        self.any = random.Random(seed)
        self.minutes = self.any.choice([2, 60, 600, 20_000])
        self.users = [None, "u", "v", "w"][: self.any.randint(1, 4)]
        self.ids = iter(self.any.sample(range(10_000), 2_000))

    def rows(self, most: int, **choices: list[Any]) -> list[Row]:
        return [self._row(choices) for _ in range(self.any.randint(0, most))]

    def _row(self, choices: dict[str, list[Any]]) -> Row:
        moment = START + timedelta(seconds=30 * self.any.randint(0, 2 * self.minutes))
        row = {name: self.any.choice(values) for name, values in choices.items()}
        unknown = self.any.random() < 0.05
        user = self.any.choice(self.users)
        return {
            "event_id": next(self.ids),
            "occurred_at": None if unknown else moment,
            "event_day": moment.date(),
            "user_id": user,
            **row,
        }

    def log(self) -> Log:
        rules = TABLES["finding_rules"]
        assert isinstance(rules, Seed)
        return {
            "finding_rules": [self._varied(dict(rule)) for rule in rules.rows],
            "fct_sign_ins": self.rows(80, ip_address=[None, "1", "2"], outcome=["failure"] * 3 + ["success", None]),
            "fct_denied_access": self.rows(60, ip_address=[None, "1"]),
            "fct_model_changes": self.rows(120, kind=["export"] * 4 + ["import"], success=[None, True, False]),
            "agg_daily_users": [{"event_day": START.date() - timedelta(self.any.randint(0, 40)), "user_id": "u"}],
            "fct_access_changes": self.rows(
                120,
                target_user_id=[*self.users, "u"],
                kind=["tenant_role", "model_role", "model_role", "user", "connection"],
                action=["granted", "granted", "revoked", "deleted"],
                outcome=["done"] * 5 + ["failed"],
                role_id=[None, "r1", "r2", "r3"],
                role_name=[None, "n1", "n2"],
                model_id=[None, "m1", "m2"],
            ),
        }

    def _varied(self, rule: Row) -> Row:
        for name, values in {"threshold": [1, 2, 3, 5], "minutes": [0, 1, 10], "days": [0, 1, 3, 30]}.items():
            if rule[name] is not None:
                rule[name] = self.any.choice([rule[name], *values])
        return rule


def found(log: Log, table: str, query: str) -> set[tuple[Any, ...]]:
    model = TABLES[table]
    assert isinstance(model, Model)
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        for name in model.inputs:
            columns = TABLES[name].columns
            types = ", ".join(f"{column} {SQL_TYPES.get(kind, kind)}" for column, kind in columns.items())
            database.execute(f"create table {name} ({types})")
            rows = log.get(name, [])
            if rows:
                places = ", ".join("?" * len(rows[0]))
                insert = f"insert into {name} ({', '.join(rows[0])}) values ({places})"
                database.executemany(insert, [list(row.values()) for row in rows])
        database.execute(f"create table {table} as {model.query.sql('duckdb')}")
        return set(database.execute(query).fetchall())


def in_order(rows: list[Row]) -> list[Row]:
    dated = [row for row in rows if row["occurred_at"] is not None]
    return sorted(dated, key=lambda row: (row["occurred_at"], row["event_id"]))


def grouped(rows: list[Row], *names: str) -> Iterator[list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    yield from groups.values()


def second(row: Row) -> int:
    moment: datetime = row["occurred_at"]
    return math.floor(moment.timestamp())


def rule_of(log: Log, name: str) -> Row:
    return next(rule for rule in log["finding_rules"] if rule["rule"] == name)


def bursts(log: Log, name: str, attempts: list[Row]) -> Iterator[tuple[Any, ...]]:
    rule = rule_of(log, name)
    for row in attempts:
        row["who"] = row["user_id"] or row["ip_address"] or "nobody"
    for of_one in grouped(in_order(attempts), "who"):
        evidence: list[list[int]] = []
        for first in range(len(of_one) - rule["threshold"] + 1):
            series = of_one[first : first + rule["threshold"]]
            if second(series[-1]) - second(series[0]) <= rule["minutes"] * 60:
                if not evidence or evidence[-1][1] <= first:
                    evidence.append([first, 0])
                evidence[-1][1] = first + rule["threshold"]
        for first, end in evidence:
            yield f"{name}:{of_one[first]['event_id']}", end - first


def successes(log: Log) -> Iterator[tuple[Any, ...]]:
    rule = rule_of(log, "success_after_failures")
    attempts = [row for row in log["fct_sign_ins"] if row["user_id"] and row["outcome"]]
    for of_one in grouped(in_order(attempts), "user_id"):
        failures: list[Row] = []
        for row in of_one:
            if row["outcome"] == "failure":
                failures.append(row)
                continue
            near = [one for one in failures if second(row) - second(one) <= rule["minutes"] * 60]
            if len(near) >= rule["threshold"]:
                yield f"success_after_failures:{row['event_id']}", len(near) + 1
            failures = []


def spikes(log: Log) -> Iterator[tuple[Any, ...]]:
    rule = rule_of(log, "export_spike")
    log_began: date = log["agg_daily_users"][0]["event_day"]
    exports = [
        row for row in log["fct_model_changes"]
        if row["kind"] == "export" and row["user_id"] and row["success"] is not False
    ]  # fmt: skip
    for of_one in grouped(exports, "user_id"):
        days: dict[date, list[Row]] = {rows[0]["event_day"]: rows for rows in grouped(of_one, "event_day")}
        for day, rows in days.items():
            before = sum(len(known) for other, known in days.items() if 0 < (day - other).days <= rule["days"])
            covered = min((day - log_began).days, rule["days"])
            if len(rows) >= rule["threshold"] and covered > 0 and len(rows) * covered >= before * rule["factor"]:
                yield f"export_spike:{min(row['event_id'] for row in rows)}", len(rows)


@pytest.mark.parametrize("seed", range(LOGS))
def test_findings_are_those_of_a_plain_loop(seed: int) -> None:
    log = RandomLog(seed).log()
    rules = "'failed_sign_in_burst', 'denied_access_burst', 'success_after_failures', 'export_spike'"
    query = f"select finding_id, evidence_count from security_findings where rule in ({rules})"
    stored = found(log, "security_findings", query)
    failures = [row for row in log["fct_sign_ins"] if row["outcome"] == "failure"]
    expected = {
        *bursts(log, "failed_sign_in_burst", failures),
        *bursts(log, "denied_access_burst", log["fct_denied_access"]),
        *successes(log),
        *spikes(log),
    }
    assert stored == expected


def roles(log: Log) -> Iterator[tuple[Any, ...]]:
    """Each time for which a user holds a role: the events that began and ended it, and why it ended."""
    done = [row for row in log["fct_access_changes"] if row["outcome"] == "done"]
    deletions = [row for row in in_order(done) if row["kind"] == "user" and row["action"] == "deleted"]
    changes = [row for row in in_order(done) if is_of_role(row)]
    for row in changes:
        # A role of the tenant belongs to no model.
        row["model_id"] = row["model_id"] if row["kind"] == "model_role" else None
    named = [row for row in changes if row["role_id"] and row["role_name"]]
    ids = {
        (rows[0]["kind"], rows[0]["model_id"], rows[0]["role_name"]): min(row["role_id"] for row in rows)
        for rows in grouped(named, "kind", "model_id", "role_name")
    }
    for row in changes:
        named_id = ids.get((row["kind"], row["model_id"], row["role_name"]))
        row["key"] = row["role_id"] or named_id or row["role_name"]
    for sent in grouped(changes, "target_user_id", "kind", "model_id", "key"):
        yield from spans(sent, [*ends_of(sent[0], deletions, "user deleted"), *replacements(sent[0], changes)])


def is_of_role(row: Row) -> bool:
    of_role = row["kind"] in ("tenant_role", "model_role") and row["action"] in ("granted", "revoked")
    return bool(of_role and row["target_user_id"] and (row["role_id"] or row["role_name"]))


def ends_of(role: Row, rows: list[Row], reason: str) -> list[Row]:
    same = [row for row in rows if row["target_user_id"] == role["target_user_id"]]
    return [{**row, "action": "revoked", "reason": reason} for row in same]


def replacements(role: Row, changes: list[Row]) -> list[Row]:
    others = [
        row for row in changes
        if row["action"] == "granted" and row["model_id"] == role["model_id"] and row["key"] != role["key"]
    ]  # fmt: skip
    return ends_of(role, others, "replaced") if role["model_id"] else []


def spans(sent: list[Row], ends: list[Row]) -> Iterator[tuple[Any, ...]]:
    granted: int | None = None
    number = count()
    for row in in_order([*sent, *ends]):
        is_first = "reason" not in row and next(number) == 0
        if row["action"] == "granted":
            granted = row["event_id"] if granted is None else granted
        elif granted is not None or is_first:
            yield granted, row["event_id"], row.get("reason", "revoked")
            granted = None
    if granted is not None:
        yield granted, None, None


@pytest.mark.parametrize("seed", range(LOGS))
def test_roles_are_those_of_a_plain_loop(seed: int) -> None:
    log = RandomLog(seed).log()
    query = "select granted_event_id, ended_event_id, end_reason from role_assignments"
    stored = found(log, "role_assignments", query)
    assert stored == set(roles(log))
