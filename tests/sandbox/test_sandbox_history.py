"""AUDIT_LOG exports: their tasks, and the file that tells what changed inside a model."""

import csv
import io
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from sandbox.server import Sandbox
from sandbox.settings import Settings
from sandbox.world.company import Company
from sandbox.world.model_history import ModelHistory

from .conftest import NOW, Client

LOCALE = {"localeName": "en_US"}
COLUMNS = {
    "ID", "Date/Time (UTC)", "User", "Description", "Previous Value", "New Value", "Module/List", "Line Item/Property",
    "Export", "Import", "Data Types", "Table Name", "Object", "Target User",
}  # fmt: skip


class History:
    """The history export of one model, as a client runs it."""

    def __init__(self, sandbox: Sandbox, client: Client, number: int = 0) -> None:
        exporting = [one for one in sandbox.company.models if sandbox.state.contents.has_history_export(one)]
        self.model, self.client = exporting[number], client
        self.base = f"/2/0/workspaces/{self.model.workspace.id}/models/{self.model.id.upper()}"
        exports = client.get(f"{self.base}/exports").json()["exports"]
        (self.export,) = [row["id"] for row in exports if row["exportType"] == "AUDIT_LOG"]

    def start(self) -> str:
        answer = self.client.post(f"{self.base}/exports/{self.export}/tasks", json=LOCALE)
        assert answer.status_code == 200, answer.text
        return answer.json()["task"]["taskId"]

    def poll(self, task: str) -> dict[str, Any]:
        return self.client.get(f"{self.base}/exports/{self.export}/tasks/{task}").json()["task"]

    def run(self) -> list[str]:
        """States that the polls told, up to the last one."""
        task, states = self.start(), ["POSTED"]
        while states[-1] not in ("COMPLETE", "FAILED", "CANCELLED") and len(states) < 20:
            states.append(self.poll(task)["taskState"])
        return states[1:]

    def chunks(self) -> Iterator[bytes]:
        path = f"{self.base}/files/{self.export}/chunks"
        for chunk in self.client.get(path).json().get("chunks", []):
            yield self.client.get(f"{path}/{chunk['id']}").content

    def rows(self, delimiter: str = ",") -> list[dict[str, str]]:
        text = b"".join(self.chunks()).decode()
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


@pytest.fixture
def history(sandbox: Sandbox, client: Client) -> History:
    return History(sandbox, client)


def test_an_export_runs_and_its_file_is_the_whole_history(sandbox: Sandbox, history: History) -> None:
    sandbox.settings.export_polls = 4
    assert list(history.chunks()) == []
    assert history.run() == ["NOT_STARTED", "IN_PROGRESS", "IN_PROGRESS", "COMPLETE"]
    rows = history.rows()
    assert len(rows) > 1_000 and rows == list(sandbox.model_history(history.model.id))
    assert set(rows[0]) > COLUMNS
    numbers, moments = [int(row["ID"]) for row in rows], [row["Date/Time (UTC)"] for row in rows]
    assert numbers == sorted(numbers, reverse=True) and moments == sorted(moments, reverse=True)
    assert len(set(numbers)) < len(numbers) and moments[0] <= "2026-11-18 12:00:00"
    files = history.client.get(f"{history.base}/files").json()["files"]
    assert {row["id"]: row["chunkCount"] for row in files}[history.export] == 1


def test_rows_tell_who_changed_what(sandbox: Sandbox, history: History) -> None:
    history.run()
    rows = history.rows()
    emails = {user["email"] for user in sandbox.users()}
    assert {row["User"] for row in rows if row["Date/Time (UTC)"][:10] == rows[0]["Date/Time (UTC)"][:10]} <= emails
    kinds = Counter(row["Description"] for row in rows)
    assert kinds["Delete Item"] >= 200 and kinds["Data Change"] > 500
    assert any(row["Previous Value"] and row["New Value"].startswith("IF ") for row in rows)
    assert all(row["Target User"] for row in rows if row["Description"] == "User Role Changed")
    # Of a transaction of four rows, the first two are equal in every column.
    saved = defaultdict(list)
    for row in rows:
        saved[row["ID"]].append(row)
    fours = [found for found in saved.values() if len(found) == 4]
    assert fours and all(found[0] == found[1] != found[2] for found in fours)
    assert any("\n" in row["New Value"] for row in rows) and any('"' in row["Module/List"] for row in rows)


def test_the_newest_row_is_the_last_saved_serial_number(sandbox: Sandbox, history: History) -> None:
    history.run()
    shown = history.client.get(f"/2/0/models/{history.model.id}", params={"modelDetails": "true"}).json()["model"]
    changes = sandbox.state.contents.changes(history.model)
    newest = history.rows()[0]
    assert shown["lastSavedSerialNumber"] == int(newest["ID"]) + changes
    author = next(user for user in sandbox.users() if user["email"] == newest["User"])
    assert shown["lastModifiedByUserGuid"] == author["id"]
    assert shown["lastModified"][:19].replace("T", " ") >= newest["Date/Time (UTC)"]


def test_the_history_grows_and_what_is_known_stays_its_end(sandbox: Sandbox, history: History) -> None:
    history.run()
    before = history.rows()
    sandbox.advance(days=7)
    history.client.headers["Authorization"] = f"AnaplanAuthToken {sandbox.issue_token()}"
    assert history.rows() == before
    history.run()
    after = history.rows()
    new = len(after) - len(before)
    assert 5 < new < 200
    assert [{key: row[key] for key in before[0]} for row in after[new:]] == before
    assert after[new - 1]["Date/Time (UTC)"] > "2026-11-18 12:00:00"


def test_columns_come_with_what_changes() -> None:
    """A dimension has a column from its first change on; the rows before it leave it empty."""
    history = ModelHistory(Company(7, 40), Settings(), Settings())
    model = history.company.models[0]
    layouts = [tuple(next(history.rows(model, count))) for count in (1, 30, 100, 500, 2_400)]
    assert list(map(len, layouts)) == [9, 9, 15, 16, 20]
    assert all(set(few) < set(many) for few, many in pairwise(layouts[1:]))


@pytest.mark.parametrize("rows", [1, 40, 333])
def test_chunks_put_together_are_the_file_wherever_they_are_cut(sandbox: Sandbox, history: History, rows: int) -> None:
    history.run()
    whole = b"".join(history.chunks())
    sandbox.settings.history_chunk_rows = max(rows, len(whole) // 20_000)
    chunks = list(history.chunks())
    assert len(chunks) > 5 and b"".join(chunks) == whole
    assert sum(not chunk.endswith(b"\n") for chunk in chunks) >= len(chunks) - 1


def test_some_chunk_ends_inside_a_character(sandbox: Sandbox, history: History) -> None:
    history.run()
    sandbox.settings.history_chunk_rows = 30

    def is_cut(chunk: bytes) -> bool:
        try:
            chunk.decode()
        except UnicodeDecodeError:
            return True
        return False

    assert any(map(is_cut, history.chunks()))


def test_the_file_can_have_tabs(sandbox: Sandbox, history: History) -> None:
    history.run()
    rows = history.rows()
    sandbox.settings.history_tabs = True
    assert history.rows("\t") == rows


@pytest.mark.parametrize(
    ("fault", "states", "successful"),
    [
        ("tasks:task-failed", ["NOT_STARTED", "FAILED"], False),
        ("tasks:task-cancelled", ["NOT_STARTED", "CANCELLED"], None),
        ("tasks:task-unsuccessful", ["NOT_STARTED", "COMPLETE"], False),
        ("tasks:task-hangs", ["NOT_STARTED"] + ["IN_PROGRESS"] * 18, None),
    ],
)
def test_exports_fail_in_every_way(
    sandbox: Sandbox, history: History, fault: str, states: list[str], successful: bool | None
) -> None:
    sandbox.faults.add(fault)
    assert history.run() == states
    known = history.client.get(f"{history.base}/exports/{history.export}/tasks").json()["tasks"]
    assert [one["taskState"] for one in known] == states[-1:]
    result = history.poll(known[0]["taskId"]).get("result", {})
    assert result.get("successful") is successful
    assert list(history.chunks()) == []
    assert history.run()[-1] == "COMPLETE"
    assert history.rows()


def test_requests_that_make_no_sense_are_refused(history: History) -> None:
    tasks = f"{history.base}/exports/{history.export}/tasks"
    assert history.client.post(tasks, json={}).json()["status"] == {"code": 400, "message": "localeName is required"}
    assert history.client.post(tasks, data="{").status_code == 400
    for path in (f"{history.base}/exports/116999999999/tasks", f"{history.base}x/exports/{history.export}/tasks"):
        assert history.client.post(path, json=LOCALE).json()["status"] == {"code": 404, "message": "Entity not found"}
    assert history.client.get(f"{tasks}/none").status_code == 404
    history.run()
    for chunk in ("1", "x", "-1"):
        assert history.client.get(f"{history.base}/files/{history.export}/chunks/{chunk}").status_code == 404


def test_exports_of_other_types_write_no_history(history: History) -> None:
    history.export = "116000000001"
    history.run()
    assert history.rows() == [
        {"Line Item": "Revenue", "Jan": "1", "Feb": "2"},
        {"Line Item": "Price, net", "Jan": "3", "Feb": "4"},
    ]


def test_models_differ_and_a_seed_tells_all(sandbox: Sandbox, client: Client, history: History) -> None:
    other = History(sandbox, client, 1)
    for one in (history, other):
        one.run()
    assert history.rows() != other.rows()
    again = ModelHistory(Company(7, 20), Settings(), Settings())
    model = next(one for one in again.company.models if one.id == other.model.id)
    assert list(again.rows(model, again.count(model, NOW))) == other.rows()


def test_a_long_history_is_never_in_memory_as_a_whole() -> None:
    """A chunk of a million rows costs what a chunk of any history costs."""
    settings = Settings(history_rows_a_day=1_600.0, history_chunk_rows=500)
    history = ModelHistory(Company(7, 40), settings, settings)
    model = history.company.models[1]
    count = history.count(model, NOW)
    assert history.row_count(count) > 1_000_000 and history.chunk_count(count) > 1_500
    history.chunk(model, count, 0)
    tracemalloc.start()
    middle = history.chunk(model, count, history.chunk_count(count) // 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(middle) > 40_000 and peak < 2_000_000
