"""Exports for people without SQL: unchanged rows, no formulas in spreadsheets, filters without SQL."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.common.names import LOAD_NAME
from pipelines.export import writer
from pipelines.warehouse.locks import machine_lock
from tests.conftest import REPOSITORY, Engine, Outcome, Tenant, event, plain_server
from tests.support.hostile_values import HOSTILE
from tests.support.siem_events import parsed_cef, schema_errors
from tests.support.tenant_records import LISTS
from tests.support.workbooks import cells

MOMENT = int(datetime.now(timezone.utc).timestamp() * 1000) // 86_400_000 * 86_400_000 - 5 * 86_400_000
TEXTS = [*HOSTILE, "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "'quoted", "plain", "o'hara; drop table x"]
EVENTS = [
    event(i, MOMENT + i * 3_600_000, message=text, userAgent=text, userId=f"u{i % 5}",
          additionalAttributes={"modelId": "ABCDEF" if i % 2 else "X", "workspaceId": "w1", "name": text})
    for i, text in enumerate(TEXTS)
]  # fmt: skip
SENT = {sent["id"]: sent["message"].replace("\0", "\ufffd") for sent in EVENTS}


@pytest.fixture(scope="module")
def loaded_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as environment, plain_server(EVENTS, LISTS) as server:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        environment.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "audit_log.duckdb"))
        assert Tenant(environment).at(server.url).run("run").code == 0
    return folder / "audit_log.duckdb"


@pytest.fixture
def loaded(tenant: Tenant, loaded_duckdb: Path, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """The tenant with the database that all tests of this file read."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(loaded_duckdb))
    return tenant


def rows_of(outcome: Outcome) -> list[dict]:
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_hostile_texts_survive_in_every_format(
    tenant: Tenant, engine: Engine, loaded_duckdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.kind == "duckdb":
        monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(loaded_duckdb))
    else:
        with plain_server(EVENTS, LISTS) as server:
            assert tenant.at(server.url).run("load").code == 0
    for file_format in ("jsonl", "parquet", "csv"):
        outcome = tenant.run("export", "events", "--to", f"events.{file_format}")
        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err == f"exported  {len(EVENTS)} rows of events to events.{file_format}\n"

    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().split("\n")[:-1]]
    assert {row["id"]: row["message"] for row in lines} == SENT
    assert lines[0]["event_date"] == datetime.fromtimestamp(MOMENT / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert json.loads(lines[-1]["additional_attributes"])["name"] == TEXTS[-1]

    table = pq.read_table(tmp_path / "events.parquet")
    assert dict(zip(table["id"].to_pylist(), table["message"].to_pylist(), strict=True)) == SENT
    assert table["event_date"].to_pylist() == sorted(table["event_date"].to_pylist())

    content = (tmp_path / "events.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    cells = list(csv.DictReader(content.decode("utf-8-sig").splitlines(keepends=True), strict=True))
    assert {row["id"]: row["message"] for row in cells} == {
        str(number): f"'{text}" if text[0] in "=+-@\t\r\n＝" else text for number, text in SENT.items()
    }
    assert {row["event_date"][:19] + "Z" for row in cells} == {row["event_date"] for row in lines}
    assert not [
        value for row in cells for name, value in row.items() if name != "id" and value[:1] in tuple("=+-@\t\r\n")
    ]


def test_a_workbook_names_table_and_filters(loaded: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("export", "events", "--user", "u1", "--to", "events.xlsx")
    assert loaded.run(*command).code == 0
    book = (tmp_path / "events.xlsx").read_bytes()
    about = {name: value for (*_, name), (*_, value) in cells(book, 1)}
    assert (about["Table"], about["--user"]) == ("events", "u1") and "--since" not in about
    headings, *rows = [[value for *_, value in row] for row in cells(book, 2)]
    message = headings.index("message")
    sent = [sent["message"] for i, sent in enumerate(EVENTS) if i % 5 == 1]
    assert len(rows) == len(sent) > 0
    assert {row[message] for row in rows if row[message].isascii()} == {text for text in sent if text.isascii()}
    monkeypatch.setattr(writer, "MOST_ROWS", 1)
    refused = loaded.run(*command, "--force")
    assert refused.code == 2 and "holds 1 rows, and there are more" in refused.err
    assert (tmp_path / "events.xlsx").read_bytes() == book


def test_numbers_get_no_apostrophe(loaded: Tenant) -> None:
    """A negative number of a numeric column is a number."""
    outcome = loaded.run("export", "fct_events", "--format", "csv", "--where", "event_id=-1")
    assert outcome.out.splitlines()[0].startswith('﻿"event_id","event_day"')
    numbers = loaded.run("export", "finding_rules").out
    assert "'" not in numbers.replace("'%", "")


def test_filters(loaded: Tenant) -> None:
    def ids(*filters: str, table: str = "fct_events", key: str = "event_id") -> set[int]:
        return {row[key] for row in rows_of(loaded.run("export", table, "--format", "jsonl", *filters))}

    all_ids = [sent["id"] for sent in EVENTS]
    moments = {sent["id"]: sent["eventDate"] for sent in EVENTS}
    since = datetime.fromtimestamp(MOMENT / 1000 + 2 * 3600, timezone.utc)
    until = datetime.fromtimestamp(MOMENT / 1000 + 4 * 3600, timezone.utc)
    span = ("--since", since.strftime("%Y-%m-%dT%H:%M:%S"), "--until", until.strftime("%Y-%m-%dT%H:%M:%S"))
    expected = {number for number in all_ids if MOMENT + 2 * 3_600_000 <= moments[number] < MOMENT + 4 * 3_600_000}
    assert ids(*span) == ids(*span, table="events", key="id") == expected and len(expected) == 2
    assert ids("--user", "u1") == {number for i, number in enumerate(all_ids) if i % 5 == 1}
    assert ids("--user", "First1 Last") == ids("--user", "U1") == ids("--user", "u1@example.com")
    assert ids("--user", "U1", table="events", key="id") == ids("--user", "u1")
    assert ids("--model", "Forecast") == ids("--model", "abcdef") == {n for i, n in enumerate(all_ids) if i % 2}
    assert ids("--workspace", "Finance", "--user", "u0") == ids("--user", "u0")
    assert ids("--where", f"event_id={all_ids[3]}") == {all_ids[3]}
    for text in ("o'hara; drop table x", HOSTILE[1], "%s {0} $1", '"quotes" \\ and\nnew\tlines'):
        number = next(number for number, sent in SENT.items() if sent == text)
        assert number in ids("--where", f"message={text}")
        assert all(SENT[found] == text for found in ids("--where", f"message={text}"))
        assert ids("--user", text) == set()
    assert rows_of(loaded.run("export", "users", "--format", "jsonl", "--user", "u2"))[0]["email"] == "u2@example.com"
    assert len(rows_of(loaded.run("export", "runs", "--format", "jsonl", "--where", "exit_code="))) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "table `nothing` does not exist. Enriched: action_prefixes,"),
        (["nothing"], "event_windows"),
        (["dim_event_types", "--since", "2026-01-01"], "no column with a time"),
        (["event_days", "--user", "x"], "no column that names one"),
        (["events", "--where", "nothing=1"], "Columns of `events`: id, event_type_id"),
        (["events", "--where", "id=1 or 1=1"], "`1 or 1=1` is not a bigint"),
        (["events", "--where", "event_day=yesterday"], "`yesterday` is not a date"),
        (["events", "--to", "there.csv"], "--force"),
    ],
)
def test_refusals(loaded: Tenant, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "there.csv").write_text("precious")
    outcome = loaded.run("export", *arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert said in outcome.err
    assert [*tmp_path.glob("*.csv")] == [tmp_path / "there.csv"] and (tmp_path / "there.csv").read_text() == "precious"


def test_nothing_loaded_yet(tenant: Tenant, database: Path) -> None:
    outcome = tenant.run("export", "events")
    assert outcome.code == 2 and "load first" in outcome.err
    assert not database.exists()


def test_reading_takes_no_lock_and_changes_nothing(loaded: Tenant, loaded_duckdb: Path) -> None:
    before = hashlib.sha256(loaded_duckdb.read_bytes()).hexdigest()
    with machine_lock(LOAD_NAME):
        assert loaded.run("export", "fct_events", "--to", "a.csv", "--force").code == 0
        report = loaded.run("report")
    assert (report.code, report.err) == (0, "")
    titles = [line for line in report.out.splitlines() if line and not line.startswith(" ")]
    summaries = [
        "Sign-ins",
        "Most visited pages",
        "Most active users",
        "Busiest models",
        "Idle licences",
        "Idle models",
        "Security findings",
    ]
    assert titles == summaries
    assert hashlib.sha256(loaded_duckdb.read_bytes()).hexdigest() == before


def test_reader_may_close_the_pipe_early(loaded: Tenant) -> None:
    command = f"{sys.executable} -m pipelines.audit export fct_events | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith('﻿"event_id"') and done.stdout.count("\n") == 1
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_events_for_a_siem(loaded: Tenant, tmp_path: Path) -> None:
    for file_format in ("ocsf", "ecs", "cef"):
        outcome = loaded.run("export", "fct_events", "--to", f"events.{file_format}")
        assert (outcome.code, outcome.out) == (0, ""), outcome.err
    lines = {name: (tmp_path / f"events.{name}").read_bytes().split(b"\n")[:-1] for name in ("ocsf", "ecs", "cef")}
    ocsf = [json.loads(line) for line in lines["ocsf"]]
    assert [error for sent in ocsf for error in schema_errors(sent)] == []
    assert {int(sent["metadata"]["uid"]): sent["message"] for sent in ocsf} == SENT
    assert {int(json.loads(line)["event"]["id"]) for line in lines["ecs"]} == SENT.keys()
    assert {int(parsed_cef(line.decode())[1]["externalId"]) for line in lines["cef"]} == SENT.keys()
    refused = loaded.run("export", "dim_users", "--format", "cef")
    assert refused.code == 2 and "holds no events" in refused.err


@pytest.mark.parametrize("name", ["events.xls", "events.txt", "events.CSV.gz"])
def test_unknown_suffix_is_refused(tenant: Tenant, tmp_path: Path, name: str) -> None:
    ended = tenant.run("export", "events", "--to", str(tmp_path / name))
    assert ended.code == 2 and "is no format of this command" in ended.err
    assert not (tmp_path / name).exists()
