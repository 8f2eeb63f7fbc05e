"""Texts that people type into planning models: through load, enrichment, export and copies, on both engines."""

import csv
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.conftest import Engine, Tenant, event
from tests.support.places import ENRICHED
from tests.support.plain_server import PlainServer
from tests.support.tenant_records import LISTS
from tests.support.truth import compare_events, compare_list

HOSTILE = [
    "'; drop table anaplan_audit_raw.events; --", "\" or 1=1 --", "robert'); delete from users;--", "{{ 7 * 7 }} ${7*7} %s %(x)s {0}",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt; &amp; &#x27;", "]]>", "javascript:alert(1)",
    "=HYPERLINK(\"http://evil\",\"x\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "|calc",
    "nul \0 in the middle", "\0", "\\u0000 is text", "\\\\u0000", "bell \a back \b escape \x1b[31m", "\x7f\x80\x9f", "tab\tline\nreturn\r\n",
    "🎉👩‍👩‍👧‍👦🇨🇭", "\u202eright to left\u202c", "\ufeffbom", "\u2028\u2029", "Zalgo ̷̢͈̎", "\ud800 half", "half \udfff", "\ud83d\ude00 pair",
    "x" * 20_000, "ü" * 20_000, "\\" * 50, "'" * 50, '"' * 50, "`backtick`", "$$dollar$$", "\\copy x", "\\.", "\\N", "NULL", "null", "None",
    "true", "0", "1e309", "NaN", "-0", "9223372036854775808", "2026-02-30", "../../etc/passwd", "a/b", "null/null", " ", "  lead and trail  ",
]  # fmt: skip
FIELDS = (
    "message",
    "userAgent",
    "objectId",
    "objectTypeId",
    "sessionId",
    "hostName",
    "errorNumber",
    "checksum",
    "ipAddress",
)
ATTRIBUTES = (
    "workspaceId", "modelId", "modelAccessed", "name", "type", "actionId", "actionName", "actionType", "processId", "processName",
    "appId", "appName", "pageId", "pageName", "roleId", "roleName", "targetUserId", "targetUserName", "integrationId", "integrationName",
)  # fmt: skip
# One code of every kind of event that the enrichment knows, and one of no catalogue.
CODES = (
    "USR-8",
    "USR-9",
    "USR-13",
    "USR-43",
    "USR-48",
    "USR-20",
    "USR-36",
    "AUTHZ-3",
    "USR-1",
    "USR-15",
    "INT-1",
    "USR-14",
    "INT-6",
    "NEW-7",
)
# Words with a meaning as id or name, and the slash that separates the ids of app and page.
MEANT = {"null", "NULL", " ", *(text for text in HOSTILE if "/" in text)}


def hostile_events() -> list[dict[str, Any]]:
    """Return an event for each text. The text is in every text field and in the attributes."""
    now = int(time.time() * 1000) - 600_000
    return [
        event(
            number,
            now - number * 1000,
            **dict.fromkeys(FIELDS, text),
            userId=text if number % 2 else "8a80d86a5565443f01557f053e6719ba",
            eventTypeId=text if number % 7 == 0 else "USR-8",
            additionalAttributes={"name": text, "modelId": text, text: text, "nested": [{"deep": text}]}
            if number % 3
            else text,
        )
        for number, text in enumerate(HOSTILE)
    ]


def test_hostile_texts_arrive_unharmed_and_execute_nothing(tenant: Tenant, engine: Engine, tally: Any) -> None:
    events = hostile_events()
    users = [
        {"id": f"h{number}", "firstName": text, "lastName": text, "email": f"{number}{text}", "active": True}
        for number, text in enumerate(HOSTILE)
    ]
    lists = {**LISTS, "users": users, "workspaces": [{**LISTS["workspaces"][0], "name": HOSTILE[0]}]}
    with PlainServer(events, lists) as server:
        outcome = tenant.at(server.url).run("load")
    assert outcome.code == 0, outcome
    tally.check(compare_events(events, engine))
    tally.check(compare_list("users", users, engine))
    tally.check(compare_list("workspaces", lists["workspaces"], engine))
    tally.add("bad inputs", len(events) * (len(FIELDS) + 4) + 3 * len(users) + 1)


# As many, but shorter: the other test uses the full length.
TEXTS = [text[:100] for text in HOSTILE]
WORDS = [
    text if text in MEANT else re.sub("(?s)[^ ](.*[^ ])?", f"Qz{number}Q" + "@" * ("@" in text), text, count=1)
    for number, text in enumerate(TEXTS)
]


# This tenant has no lists of actions, integrations, entitlements and model history.
OF_OPTIONAL_LISTS = {
    "dim_actions",
    "dim_process_steps",
    "dim_integrations",
    "dim_user_entitlements",
    "fct_integration_runs",
    "fct_model_history",
}


class Tenants:
    """The same tenant twice: with hostile texts, and with a harmless word in place of each.

    A word keeps what has a meaning in its text: blanks at the ends, and the sign of an email address.
    """

    def __init__(self) -> None:
        self.now = int(time.time() * 1000) - 600_000

    def events(self, texts: list[str]) -> list[dict[str, Any]]:
        """Return an event of every code for each text. The text is in all fields, including ids."""
        return [
            event(
                number * len(CODES) + place,
                self.now - (number * len(CODES) + place) * 60_000,
                **{**dict.fromkeys(FIELDS, text), "objectId": f"o{number}" if text in MEANT else text},
                userId=f"h{number}" if place % 2 else text,
                eventTypeId=code,
                additionalAttributes=dict.fromkeys(ATTRIBUTES, text),
            )
            for number, text in enumerate(texts)
            for place, code in enumerate(CODES)
        ]

    def lists(self, texts: list[str]) -> dict[str, list[dict[str, Any]]]:
        ids = [(f"h{number}", text) for number, text in enumerate(texts)]
        return {
            "users": [{"id": i, "firstName": t, "lastName": t, "email": f"{i}{t}", "active": True} for i, t in ids],
            "workspaces": [{"id": i, "name": t, "active": True} for i, t in ids],
            "models": [{"id": i, "name": t, "currentWorkspaceId": i, "currentWorkspaceName": t} for i, t in ids],
        }

    def as_hostile(self, value: Any) -> Any:
        """Replace words by their texts, in lower case where the enrichment lowered the word."""
        return re.sub(r"[Qq]z(\d+)[Qq]@?", self._text, value) if isinstance(value, str) else value

    def _text(self, word: re.Match[str]) -> str:
        text = json.loads(json.dumps(TEXTS[int(word[1])])).strip(" ")
        text = re.sub("[\0\ud800-\udfff]", "\ufffd", text)
        return text.lower() if word[0][0] == "q" else text


# Times of loading, and the browser family, which depends on the text itself.
LEFT_OUT = ("valid_from", "valid_to", "first_listed_at", "size_known_at", "growth_since", "client")


def enriched(rows: Callable[[str], list[tuple]]) -> dict[str, list[tuple]]:
    """Return all rows of all enriched tables, without load times and without the browser family."""
    found = rows(
        "select table_name, column_name from information_schema.columns"
        f" where table_schema = '{ENRICHED}' and column_name not in {LEFT_OUT}"
        " order by table_name, column_name"
    )
    columns: dict[str, list[str]] = {}
    for table, column in found:
        if not table.startswith("_") and table != "check_results" and not column.startswith("_dlt"):
            columns.setdefault(table, []).append(f'"{column}"')
    return {table: rows(f"select {', '.join(names)} from {ENRICHED}.{table}") for table, names in columns.items()}


def test_hostile_texts_go_through_enrichment_export_and_copies_as_harmless_ones_do(
    tenant: Tenant, engine: Engine, tally: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every column of every enriched table, a hostile text becomes what its harmless word becomes."""
    tenants = Tenants()
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO", str(copies / "copy.duckdb"))
    with PlainServer(tenants.events(TEXTS), tenants.lists(TEXTS)) as server:
        outcome = tenant.at(server.url).run("run")
    assert outcome.code == 0, outcome
    hostile = enriched(engine.rows)
    assert len(hostile["fct_events"]) == len(HOSTILE) * len(CODES)
    assert {name for name, rows in hostile.items() if not rows} <= OF_OPTIONAL_LISTS

    with duckdb.connect(str(copies / "copy.duckdb"), read_only=True) as copy:
        copy.execute("set TimeZone = 'UTC'")
        for table, rows in enriched(lambda sql: copy.execute(sql).fetchall()).items():
            tally.rows(hostile[table], rows, ("copy", table))
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO", str(copies / "folder"))
    assert tenant.run("check").code == 0
    exported_as_they_are(tenant, engine, tally, tmp_path, copies / "folder")

    elsewhere = tmp_path / "harmless.duckdb"
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "duckdb")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(elsewhere))
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO", "")
    with PlainServer(tenants.events(WORDS), tenants.lists(WORDS)) as server:
        outcome = tenant.at(server.url).run("run")
    assert outcome.code == 0, outcome
    harmless = enriched(Engine("duckdb", str(elsewhere)).rows)
    assert harmless.keys() == hostile.keys()
    for table, rows in harmless.items():
        expected = [tuple(map(tenants.as_hostile, row)) for row in rows]
        tally.rows(expected, hostile[table], table)
    tally.add("bad inputs", len(HOSTILE) * (len(CODES) * (len(FIELDS) + len(ATTRIBUTES) + 1) + 6))


def exported_as_they_are(tenant: Tenant, engine: Engine, tally: Any, folder: Path, published: Path) -> None:
    """Compare every text of `fct_events`, exported in each format and published as parquet, with the table."""
    columns = [
        name
        for (name,) in engine.rows(
            f"select column_name from information_schema.columns where table_schema = '{ENRICHED}' and"
            " table_name = 'fct_events' and data_type in ('VARCHAR', 'character varying', 'text')"
            " and column_name not like '!_dlt%' escape '!'"
        )
    ]
    stored = engine.rows(f"select {', '.join(columns)} from {ENRICHED}.fct_events")
    for suffix in ("jsonl", "parquet", "csv"):
        file = folder / f"events.{suffix}"
        outcome = tenant.run("export", "fct_events", "--to", str(file))
        assert outcome.code == 0, outcome
        found = [tuple(row.get(name) or None for name in columns) for row in read_exported(file)]
        tally.rows(map(shown_in_a_spreadsheet, stored) if suffix == "csv" else stored, found, suffix)
    (file,) = published.glob("fct_events*.parquet")
    tally.rows(stored, [tuple(row[name] for name in columns) for row in read_exported(file)], "published")


def shown_in_a_spreadsheet(row: tuple) -> tuple:
    return tuple(f"'{text}" if text and text[0] in "=+-@\t\r\n" else text for text in row)


def read_exported(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".parquet":
        return pq.read_table(file).to_pylist()
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    with file.open(encoding="utf-8-sig", newline="") as lines:
        csv.field_size_limit(10**6)
        return list(csv.DictReader(lines))
