"""History files: however they are cut, whatever their columns are and however they grow, each row is kept once."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_source.directory import history_reader, marked_file
from audit_source.directory.history_file import HistoryFile, MalformedFile, parse
from audit_source.directory.history_reader import HistoryReader, KnownFile
from audit_source.directory.history_rows import RowForm
from audit_source.errors import ExportError

HEADERS = ["ID", "Date/Time (UTC)", "User", "Description", "Previous Value", "New Value"]
MODEL = "51B7F3A09C5E4D6C8A1F0E2D3C4B5A51"
Row = dict[str, str]


def row(number: int, description: str = "Data Change", **more: str) -> Row:
    moment = f"2026-11-{1 + number // 24 % 28:02d} {number % 24:02d}:00:00"
    return {"ID": str(number), "Date/Time (UTC)": moment, "User": "a@x.com", "Description": description, **more}


def file_of(rows: Sequence[Row], headers: Sequence[str] = HEADERS, **shape: Any) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, headers, lineterminator=shape.pop("end", "\n"), **shape)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture(autouse=True, params=[0, marked_file.LEAST_BYTES], ids=["bytes", "rows"], scope="module")
def least(request: pytest.FixtureRequest) -> Iterator[int]:
    """Verify known rows by the bytes of the file, also of a small one, or by the parsed rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marked_file, "LEAST_BYTES", request.param)
        yield request.param


class Stored:
    """The rows of one model in a destination, and what is known of its file."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.known: KnownFile | None = None
        self.opened = 0

    def read(self, body: bytes, purged_before: date | None = None, step: int = 1 << 20) -> HistoryReader:
        def open_file() -> list[bytes]:
            self.opened += 1
            return [body[at : at + step] for at in range(0, len(body), step)]

        def form(headers: Sequence[str]) -> RowForm:
            return RowForm(headers, MODEL, "w", 0, None)

        reader = HistoryReader(open_file, form, "keep", self.known, purged_before)
        self.new = 0
        in_load: set[str] = set()
        for table in reader.tables():
            if table is None:
                in_load = set()
                continue
            for one in table.to_pylist():
                assert one["history_row_id"] not in in_load, "a row came twice in a load"
                in_load.add(one["history_row_id"])
                self.rows[one["history_row_id"]] = one
                self.new += 1
        facts = reader.facts
        assert facts is not None
        newest = facts.newest_transaction
        self.known = None if newest is None else KnownFile(facts.rows, facts.digest, newest, facts.mark)
        return reader

    def contents(self) -> Counter[tuple[str | None, ...]]:
        names = ("transaction_id", "user_name", "description", "previous_value", "new_value", "other_columns")
        return Counter(tuple(one[name] for name in names) for one in self.rows.values())


def contents_of(rows: Sequence[Row]) -> Counter[tuple[str | None, ...]]:
    def others(one: Row) -> str | None:
        rest = {key: value for key, value in one.items() if key not in HEADERS and value}
        return json.dumps(rest, ensure_ascii=False, separators=(",", ":")) if rest else None

    return Counter((*(one.get(key) or None for key in HEADERS if "Date" not in key), others(one)) for one in rows)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_reads_the_same_wherever_its_chunks_are_cut(end: str) -> None:
    texts = ['Kühne, "Müller" & Co', "two\nlines", "日本 😀", "", "a\tb;c", '"']
    rows = [row(20 - n, text, **{"New Value": texts[-n]}) for n, text in enumerate(texts)]
    body = b"\xef\xbb\xbf" + file_of(rows, [*HEADERS, 'Last, "one"\nof all'], end=end)
    expected = [[value or None for value in (*(one.get(key) for key in HEADERS), None)] for one in rows]
    for cut in range(1, len(body)):
        found = parse([body[:cut], body[cut:]])
        assert found.headers == [*HEADERS, 'Last, "one"\nof all']
        assert [list(one.values()) for batch in found.batches for one in batch.to_pylist()] == expected, cut


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_columns_take_their_place_and_unknown_ones_become_json(delimiter: str) -> None:
    headers = ["Target user", *HEADERS, "Products", "Products", "Scénario,\n2", "Module/List"]
    cells = ["b@x.com", "7", "2026-03-08 17:21:47", "a@x.com", "Add", "1", "2", 'P "1"', "P2", "", "REV01"]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([headers, cells, ["", "7"] + [""] * 9])
    stored = Stored()
    stored.read(text.getvalue().encode())
    first, second = stored.rows.values()
    moment = datetime(2026, 3, 8, 17, 21, 47, tzinfo=timezone.utc)
    assert (first["transaction_id"], first["changed_at"], first["change_day"]) == ("7", moment, moment.date())
    assert (first["target_user"], first["module_or_list"], first["workspace_id"]) == ("b@x.com", "REV01", "w")
    assert json.loads(first["other_columns"]) == {"Products": 'P "1"', "Products (2)": "P2"}
    assert [second[name] for name in ("changed_at", "change_day", "user_name", "other_columns")] == [None] * 4


def test_moments_of_other_forms_are_read_and_unreadable_ones_kept() -> None:
    stored = Stored()
    stored.read(file_of([{**row(1), "Date/Time (UTC)": "2026-11-18T11:05:47.5Z"}]))
    (precise,) = (one["changed_at"] for one in stored.rows.values())
    assert precise == datetime(2026, 11, 18, 11, 5, 47, 500_000, tzinfo=timezone.utc)
    texts = ["11/18/2026 11:05:47", "2026-11-18T11:05:47Z", "11/18/2026 11:05:47 AM", "Nov 18, 2026 11:05:47", "soon"]
    stored = Stored()
    stored.read(file_of([{**row(9 - n), "Date/Time (UTC)": text} for n, text in enumerate(texts)]))
    found = [one["changed_at"] for one in stored.rows.values()]
    assert found == [datetime(2026, 11, 18, 11, 5, 47, tzinfo=timezone.utc)] * 4 + [None]
    assert json.loads(list(stored.rows.values())[-1]["other_columns"]) == {"Date/Time (UTC)": "soon"}


def test_only_new_rows_go_on_also_when_a_column_appears_and_rows_are_equal() -> None:
    old = [row(5), row(5), row(5, "Delete"), row(4), row(3), row(3)]
    stored = Stored()
    stored.read(file_of(old))
    assert (stored.new, stored.contents()) == (6, contents_of(old))
    stored.read(file_of(old))
    assert (stored.new, stored.opened) == (0, 2)
    # In the second row of equal ones too, a new column and a new order of columns change nothing.
    new = [row(8, Region="EMEA"), row(7), row(7), row(7)]
    stored.read(file_of([*new, *old], ["Region", *reversed(HEADERS)]))
    assert (stored.new, stored.opened, stored.contents()) == (4, 3, contents_of([*new, *old]))
    # Read as a whole, the rows have the same ids.
    before = set(stored.rows)
    stored.known = None
    stored.read(file_of([*new, *old], [*HEADERS, "Region"]))
    assert (stored.new, set(stored.rows)) == (10, before)


@pytest.mark.parametrize("headers", [HEADERS, [*reversed(HEADERS)]])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_known_rows_are_verified_without_being_parsed(
    least: int, monkeypatch: pytest.MonkeyPatch, headers: list[str], end: str
) -> None:
    parsed: list[int] = []

    def counted(chunks: Iterable[bytes]) -> HistoryFile:
        file = parse(chunks)
        batches = [*file.batches]
        parsed.append(sum(batch.num_rows for batch in batches))
        return HistoryFile(file.headers, iter(batches))

    monkeypatch.setattr(history_reader, "parse", counted)
    old = [row(5), row(5, 'two "quoted"\nlines,', **{"New Value": "3,\n4"}), row(4), row(3)]
    rows, stored = old, Stored()
    stored.read(file_of(rows, headers, end=end))
    for step, new in enumerate(([row(7), row(7, "a\n\n7,b")], [row(9)], [])):
        rows = [*new, *rows]
        reader = stored.read(file_of(rows, headers, end=end), step=7 + step)
        assert not reader.was_rewritten and stored.contents() == contents_of(rows)
    assert parsed == ([4, 2, 1, 0] if least == 0 else [4, 6, 7, 7])
    # A new column changes every byte: the rows are parsed, and no row is read again after that.
    rows = [row(12), *rows]
    assert not stored.read(file_of(rows, [*headers, "Region"], end=end)).was_rewritten
    assert (stored.contents(), parsed[4:]) == (contents_of(rows), [len(rows)])
    # The bytes of a row changed: it is noticed, and the file is read as a whole.
    other = [*rows[:-1], {**rows[-1], "New Value": "x"}]
    assert stored.read(file_of(other, [*headers, "Region"], end=end)).was_rewritten
    assert stored.contents() == contents_of(rows) | contents_of(other)


@pytest.mark.parametrize(
    "rewritten",
    [
        [row(6), row(5), row(4, "another text"), row(3)],
        [row(6), row(5), row(3)],
        [row(6), row(5), row(4), row(4), row(3)],
        [row(5), row(5), row(4), row(3)],
        [row(4), row(3)],
        [row(4), row(9), row(3)],
        [{**row(6), "ID": ""}, row(5), row(4), row(3)],
        [{**row(5), "ID": "x1"}, {**row(4), "ID": "x0"}],
    ],
)
def test_a_rewritten_history_is_read_as_a_whole_and_doubles_nothing(rewritten: list[Row]) -> None:
    old = [row(5), row(4), row(3)]
    stored = Stored()
    stored.read(file_of(old))
    assert stored.read(file_of(rewritten)).was_rewritten
    assert stored.contents() == contents_of(old) | contents_of(rewritten)
    ids = set(stored.rows)
    stored.read(file_of(rewritten))
    assert set(stored.rows) == ids


def test_equal_rows_far_apart_are_kept_where_numbers_do_not_fall() -> None:
    rows = [row(3), row(9), row(3), row(1), row(3)]
    stored = Stored()
    stored.read(file_of(rows))
    assert stored.contents() == contents_of(rows) and stored.known is None


def test_purged_days_stay_away() -> None:
    rows = [row(60), row(30), {**row(29), "Date/Time (UTC)": "?"}, row(2)]
    stored = Stored()
    stored.read(file_of(rows), purged_before=date(2026, 11, 2))
    assert sorted(one["transaction_id"] for one in stored.rows.values()) == ["29", "30", "60"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (file_of([row(2), row(1)])[:-9], "it has"),
        (b"ID,User\n1,a\n2,a,secret-value\n", "a row has 3 cells instead of 2"),
        (b'ID,User\n1,"secret-value\n', "it ends inside a quoted cell"),
        (b"ID,User\r1,secret-value\r", "its lines end with a carriage return only"),
        (b"<html>secret-value</html>\n<body>", "it has no column of a model history"),
    ],
)
def test_a_damaged_file_is_reported_without_its_values(body: bytes, says: str) -> None:
    if says == "it has":
        with pytest.raises(MalformedFile, match="cells instead of 6"):
            list(parse([body]).batches)
        return
    with pytest.raises(ExportError) as caught:
        Stored().read(body)
    assert says in str(caught.value) and "secret-value" not in str(caught.value)
    assert caught.value.outcome == "unreadable"


def test_an_error_of_a_request_keeps_its_type() -> None:
    class Broken(Exception):
        pass

    def chunks() -> Any:
        yield file_of([row(n) for n in range(50_000, 0, -1)])
        raise Broken("no answer")

    with pytest.raises(Broken):
        list(parse(chunks()).batches)


def test_rows_without_any_cell_are_kept() -> None:
    rows: list[Row] = [{}, {}]
    stored = Stored()
    stored.read(file_of(rows))
    assert stored.contents() == contents_of(rows)


def test_an_empty_file_has_no_rows() -> None:
    for body in (b"", b"\xef\xbb\xbf", b"ID,User\n"):
        stored = Stored()
        stored.read(body)
        assert (stored.rows, stored.known) == ({}, None)


_TRANSACTIONS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_TRANSACTIONS, st.booleans(), st.integers(1, 400)), min_size=1, max_size=5))
def test_any_growth_with_equal_rows_and_killed_reads_keeps_each_row_once(
    steps: list[tuple[list[list[str]], bool, int]],
) -> None:
    stored, rows, number = Stored(), list[Row](), 0
    for transactions, is_killed, step in steps:
        for texts in transactions:
            number += 1
            rows = [row(number, text) for text in texts] + rows
        known = stored.known
        stored.read(file_of(rows), step=step)
        if is_killed:
            # Rows are stored, but not that the file is known.
            stored.known = known
        assert stored.contents() == contents_of(rows)
