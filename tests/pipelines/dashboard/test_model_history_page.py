"""The page of what changed inside models: search, pages, files, and how to switch history on where there is none."""

import csv
import io
from datetime import date
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from pipelines.dashboard import data_access, paging, views
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.queries import history
from pipelines.dashboard.queries.history import Wanted
from pipelines.dashboard.whole_results import written
from tests.conftest import Engine
from tests.support.dashboard_pages import Draw, numbers
from tests.support.hostile_log import FORMULA, IMAGE, LINK, MALLORY, QUOTE, SCRIPT

MARCH = Filters(date(2026, 3, 1), date(2026, 3, 31))


def found(wanted: Wanted, filters: Filters = MARCH) -> list[str]:
    query = history.whole_history(filters, wanted)
    return data_access.read(query.sql("duckdb"))["transaction_id"].tolist()


def test_every_change_is_shown_with_the_values_before_and_after(log: Path, page: Draw, duck: Engine) -> None:
    drawn = page("model-history")
    assert not drawn.exception
    assert numbers(drawn) == {"Changes": "3", "By users": "2", "In models": "1", "By imports": "0"}
    table = drawn.dataframe[-1].value
    assert table[["transaction_id", "previous_value", "new_value"]].to_numpy().tolist() == [
        [number, FORMULA, SCRIPT] for number in ("3", "2", "1")
    ]
    assert table["change_kind"].tolist() == ["deleted", "changed", "changed"]
    assert table["object_kind"].tolist() == ["list_item", "line_item", "cell"]
    tables = {tuple(shown.value.columns)[:2]: shown.value for shown in drawn.dataframe}
    assert tables["what", "changes"]["what"].tolist() == ["cell changed", "line item changed", "list item deleted"]
    assert tables["user_name", "changes"]["changes"].tolist() == [2, 1]
    assert tables["model_name", "workspace_name"][["changes", "users"]].to_numpy().tolist() == [[3, 2]]
    # History reaches back further than the log.
    drawn.selectbox(key="days_of").set_value("all of the history").run()
    assert not drawn.exception and numbers(drawn)["Changes"] == "4"
    assert duck.rows("select count(*) from anaplan_audit.fct_model_history") == [(4,)]


def test_changes_are_found_by_words_kind_and_user(log: Path) -> None:
    assert found(Wanted()) == ["3", "2", "1"]
    assert found(Wanted("DATA change")) == ["1"]
    assert found(Wanted(kinds=("changed",))) == ["2", "1"]
    assert found(Wanted(kinds=("changed",), objects=("line_item",))) == ["2"]
    assert found(Wanted("mallory")) == ["1"], "the address is that of a known user"
    assert found(Wanted(), Filters(MARCH.first, MARCH.last, users=(MALLORY,))) == ["1"]
    for text in (SCRIPT, IMAGE, QUOTE, LINK):
        assert found(Wanted(text.replace('"', " "))) == ["3", "2", "1"], text
    assert found(Wanted("%")) == [] == found(Wanted("' or 1=1 -- nobody"))


def test_an_address_chooses_what_is_shown(log: Path, page: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (paging, views.history):
        monkeypatch.setattr(module, "ROWS", 2)
    drawn = AppTest.from_string("from pipelines.dashboard.app import show\nshow('model-history')", default_timeout=60)
    drawn.query_params.update(page="2")
    drawn.run()
    assert drawn.dataframe[-1].value["transaction_id"].tolist() == ["1"]
    assert "Changes 3 to 3 of 3, newest first." in [caption.value for caption in drawn.caption]
    drawn.text_input(key="changed").set_value("data").run()
    assert "Changes 1 to 1 of 1, newest first." in [caption.value for caption in drawn.caption]
    drawn.text_input(key="changed").set_value("nobody wrote this").run()
    assert not drawn.exception and numbers(drawn)["Changes"] == "0"
    assert drawn.info[-1].value.startswith("No change is found.")
    hostile = AppTest.from_string("from pipelines.dashboard.app import show\nshow('model-history')", default_timeout=60)
    hostile.query_params.update(kind=[SCRIPT], object=["' or 1=1"], page="-7", days_of=SCRIPT, changed="'")
    assert not hostile.run().exception


def test_files_hold_all_changes_and_no_formula(log: Path) -> None:
    sql = history.whole_history(MARCH, Wanted()).sql("duckdb")
    rows = list(csv.DictReader(io.StringIO(written(sql, "csv", {}).decode("utf-8-sig"), newline="")))
    assert [row["transaction_id"] for row in rows] == ["3", "2", "1"]
    assert {row["previous_value"] for row in rows} == {f"'{FORMULA}"}


@pytest.mark.parametrize("harm", ["delete from", pytest.param("drop table", marks=pytest.mark.variant)])
def test_without_history_the_page_says_how_to_switch_it_on(log: Path, page: Draw, harm: str) -> None:
    with duckdb.connect(str(log)) as connection:
        connection.execute(f"{harm} anaplan_audit.fct_model_history")
    drawn = page("model-history")
    assert not drawn.exception and not drawn.error
    assert [title.value for title in drawn.title] == ["Model history"]
    assert drawn.info[-1].value.startswith("No model history is loaded.")
    assert "model-history --dry-run" in drawn.code[0].value
