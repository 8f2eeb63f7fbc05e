"""Rows of `fct_events` for tests of SIEM formats, and readers of what is written."""

import csv
import json
import re
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from pipelines.export.siem.classes import EventClasses
from pipelines.export.siem.lines import COLUMNS
from pipelines.transform.parse import MODELS_DIR
from tests.conftest import REPOSITORY

MOMENT = datetime(2026, 3, 5, 8, 30, 15, 123_999, timezone.utc)


def seed_rows() -> list[dict[str, Any]]:
    """Return the rows of the seed `ocsf_classes`."""
    with (MODELS_DIR / "seeds" / "ocsf_classes.csv").open(encoding="utf-8", newline="") as lines:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]


@cache
def classes() -> EventClasses:
    """Return the classes of the seed."""
    return EventClasses(seed_rows())


def bare_event(**columns: Any) -> dict[str, Any]:
    """Return a row with nothing but its id and day."""
    return {**dict.fromkeys(COLUMNS), "event_id": 1, "event_day": date(2026, 3, 5), **columns}


def full_event(text: str = "Text", **columns: Any) -> dict[str, Any]:
    """Return a row in which each text column holds a text."""
    times = {"event_day": MOMENT.date(), "occurred_at": MOMENT, "recorded_at": MOMENT + timedelta(hours=9)}
    others = {"event_id": 2**63 - 1, "success": True, "error_number": 7, "user_kind": "person"}
    return {**dict.fromkeys(COLUMNS, text), **times, **others, "target_user_kind": "system", **columns}


@cache
def _validators() -> dict[int, Draft202012Validator]:
    schemas = json.loads((REPOSITORY / "tests/support/ocsf/schema.json").read_text(encoding="utf-8"))
    return {int(number): Draft202012Validator(schema) for number, schema in schemas.items()}


def schema_errors(event: dict[str, Any]) -> list[str]:
    """Return what the OCSF schema of its class refuses in an event."""
    errors = _validators()[event["class_uid"]].iter_errors(event)
    return [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in errors]


def parsed_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Return the fields of the head and of the extension of a line of CEF, unescaped."""
    found = re.fullmatch(r"((?:(?:[^|\\]|\\.)*\|){7})(.*)", line)
    assert found is not None, line
    head = re.findall(r"((?:[^|\\]|\\.)*)\|", found[1])
    marks = [*re.finditer(r"(?:^| )(\w+)=", found[2])]
    ends = [*(mark.start() for mark in marks[1:]), len(found[2])]
    fields = {mark[1]: found[2][mark.end() : end] for mark, end in zip(marks, ends, strict=True)}
    return [_plain(one) for one in head], {name: _plain(value) for name, value in fields.items()}


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)
