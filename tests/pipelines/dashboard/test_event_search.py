"""The search of all events: what it finds, its pages, and the files with the whole result."""

import csv
import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from pipelines.dashboard import data_access
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.panels import HEADINGS
from pipelines.dashboard.queries import search
from pipelines.dashboard.queries.search import Wanted
from pipelines.dashboard.queries.words import MOST_WORDS, words
from pipelines.dashboard.views import search as search_view
from pipelines.dashboard.whole_results import file_name, written
from tests.conftest import Engine
from tests.support.dashboard_pages import Draw
from tests.support.hostile_log import FORMULA, IMAGE, LINK, MALLORY, QUOTE, SCRIPT

ALL = Filters(date(2026, 3, 1), date(2026, 3, 31))
ID = ("event_id",)


def found(text: str = "", **more: object) -> list[int]:
    query = search.everything(ALL, Wanted(text, **more), ID)  # type: ignore[arg-type]
    return [int(number) for number in data_access.read(query.sql("duckdb"))["event_id"]]


def matching(duck: Engine, condition: str) -> list[int]:
    rows = duck.rows(
        f"select event_id from anaplan_audit.fct_events where event_day between '2026-03-01' and '2026-03-31' and"
        f" ({condition}) order by occurred_at desc, event_id desc"
    )
    return [row[0] for row in rows]


def test_words_are_found_in_any_case_and_all_of_them(log: Path, duck: Engine) -> None:
    assert found("MALLORY") == matching(duck, f"'{MALLORY}' in (user_id, target_user_id)") != []
    assert found("mallory usr-9") == matching(duck, f"user_id = '{MALLORY}' and event_type_id = 'USR-9'") != []
    assert found("mallory", outcome="failed") == matching(duck, f"user_id = '{MALLORY}' and not success") != []
    (first, *_) = found()
    assert found(str(first)) == [first]
    assert found(MALLORY.upper()) == found(MALLORY)
    category = duck.rows("select min(event_category) from anaplan_audit.fct_events")[0][0]
    assert found(categories=(category,)) == matching(duck, f"event_category = '{category}'") != []


@pytest.mark.parametrize("text", [SCRIPT, IMAGE, LINK, FORMULA, QUOTE, "%", "_", "\\", "' or 1=1 --", '"', "' '"])
def test_a_search_is_text_and_never_sql_or_a_pattern(log: Path, duck: Engine, text: str) -> None:
    numbers = found(f'"{text}"' if '"' not in text else text)
    ids = ", ".join(map(str, [0, *numbers]))
    rows = duck.rows(f"select * from anaplan_audit.fct_events where event_id in ({ids})")
    assert len(rows) == len(numbers)
    for row in rows:
        whole = "\n".join(str(value).lower() for value in row)
        assert all(word.lower() in whole for word in words(text))
    assert len(found("%")) < len(found())


def test_words_in_quotation_marks_belong_together() -> None:
    assert words('a "b c" d"e f"') == ["a", "b c", "d", "e f"]
    assert words('" " "') == []
    assert len(words("x " * 100)) == MOST_WORDS


def test_pages_together_are_the_whole_result(log: Path) -> None:
    total = int(data_access.read(search.count(ALL, Wanted()).sql("duckdb"))["events"].iloc[0])
    pages = [
        data_access.read(search.page(ALL, Wanted(), ID, 7, number).sql("duckdb"))["event_id"].tolist()
        for number in range(1, -(-total // 7) + 1)
    ]
    assert [number for page in pages for number in page] == found()


def test_the_page_searches_and_forgets_the_page_number(log: Path, page: Draw) -> None:
    drawn = page("events")
    assert not drawn.exception
    drawn.text_input(key="text").set_value("mallory usr-9").run()
    assert not drawn.exception
    assert "Events 1 to 6 of 6, newest first." in [caption.value for caption in drawn.caption]
    assert drawn.dataframe[0].value.columns[0] == "occurred_at"
    drawn.text_input(key="text").set_value("nobody has this word").run()
    assert drawn.info[0].value.startswith("No event is found.")


def at_address(**parameters: Any) -> AppTest:
    drawn = AppTest.from_string("from pipelines.dashboard.app import show\nshow('events')", default_timeout=60)
    drawn.query_params.update(parameters)
    return drawn.run()


def test_categories_and_columns_are_in_the_address(log: Path, duck: Engine) -> None:
    (category,) = duck.rows("select max(event_category) from anaplan_audit.fct_events")[0]
    drawn = at_address(category=[category], columns=["event_category", "event_id", "user_label"])
    assert not drawn.exception
    table = drawn.dataframe[0].value
    assert list(table.columns) == ["occurred_at", "event_category", "user_label", "event_id"]
    assert set(table["event_category"]) == {category}
    drawn.multiselect(key="choose_columns").set_value(["message"]).run()
    assert drawn.query_params["columns"] == "message"
    assert list(drawn.dataframe[0].value.columns) == ["occurred_at", "message"]
    # No column at all would be an empty table.
    drawn.multiselect(key="choose_columns").set_value([]).run()
    assert "columns" not in drawn.query_params and len(drawn.dataframe[0].value.columns) > 5


def test_hostile_categories_and_columns_are_ignored(log: Path) -> None:
    drawn = at_address(category=[SCRIPT], columns=["occurred_at; drop table fct_events", SCRIPT, "_dlt_load_id"])
    assert not drawn.exception
    assert list(drawn.dataframe[0].value.columns) == ["occurred_at"]
    labels = [*search_view._labels(list(HEADINGS)).values()]
    assert len(set(labels)) == len(labels)


def test_a_finding_that_is_gone_does_not_show_other_events(log: Path, page: Draw) -> None:
    drawn = page("events")
    drawn.multiselect(key="finding_id").set_value(["gone"]).run()
    assert not drawn.exception
    assert drawn.warning[-1].value.startswith("The finding of this address is no longer in the log.")
    assert not drawn.dataframe
    next(button for button in drawn.button if button.label == "Search all events").click().run()
    assert drawn.dataframe


def test_files_hold_the_whole_result_with_its_filters(log: Path) -> None:
    sql = search.everything(ALL, Wanted("mallory"), ("occurred_at", "event_day", "user_email", "event_id")).sql(
        "duckdb"
    )
    about = {"Search": "mallory", "First day (UTC)": "2026-03-01"}
    ids = found("mallory")
    rows = list(csv.reader(io.StringIO(written(sql, "csv", about).decode("utf-8-sig"), newline="")))
    assert [row[3] for row in rows[1:]] == [f"'{number}" for number in ids], "a spreadsheet would round the number"
    assert {row[2] for row in rows[1:]} >= {f"'{FORMULA}"}
    parquet = pq.read_table(io.BytesIO(written(sql, "parquet", about)))
    assert parquet["event_id"].to_pylist() == ids
    assert (parquet.schema.metadata or {})[b"Search"] == b"mallory"
    assert [str(field.type) for field in parquet.schema] == ["timestamp[us, tz=UTC]", "date32[day]", "string", "int64"]
    book = zipfile.ZipFile(io.BytesIO(written(sql, "xlsx", about)))
    assert b"mallory" in book.read("xl/worksheets/sheet1.xml")
    assert book.read("xl/worksheets/sheet2.xml").count(b"<row>") == len(ids) + 1


def test_a_file_name_has_no_text_that_a_system_reads() -> None:
    assert file_name(f"events 2026-03-01 ../{SCRIPT}") == "events_2026-03-01_script_document_title_pwned_alert_1_script"
