"""The data dictionary: all that is described is on the page, links lead somewhere, and no text becomes markup."""

from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from audit_source import schema
from pipelines.data_dictionary.__main__ import write_dictionary
from pipelines.data_dictionary.markdown import markdown
from pipelines.data_dictionary.page import page
from pipelines.data_dictionary.picture import draw
from pipelines.data_dictionary.tables import DocumentedTable, documented_tables, edges
from pipelines.transform import checks
from pipelines.transform.parse import MODELS_DIR, Model, read_tables
from pipelines.warehouse import forward_tables, run_tables
from pipelines.warehouse.lease import table as lease_table
from tests.conftest import REPOSITORY
from tests.support.small_models import write_model, write_short_models

HOSTILE = "</p></script><script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'too' `<b>code</b>`"


class Element(NamedTuple):
    """An element with its attributes and all the text in it."""

    tag: str
    attributes: dict[str, str]
    text: list[str]


class Page(HTMLParser):
    """The elements of a page, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attributes}, [])
        self.elements.append(element)
        if tag not in ("meta", "link", "input"):
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text.append(data)

    def by_id(self) -> dict[str, str]:
        return {one.attributes["id"]: "".join(one.text) for one in self.elements if "id" in one.attributes}


@pytest.fixture(scope="module")
def tables() -> list[DocumentedTable]:
    return documented_tables()


@pytest.fixture(scope="module")
def html(tables: list[DocumentedTable]) -> Page:
    return Page(page(tables))


def test_the_page_of_tables_is_up_to_date(tables: list[DocumentedTable]) -> None:
    """`make docs` writes `docs/tables.md`."""
    assert (REPOSITORY / "docs" / "tables.md").read_text(encoding="utf-8") == markdown(tables)


def plain(text: str) -> str:
    return text.replace("`", "")


def test_every_table_and_column_is_there_with_its_meaning(html: Page) -> None:
    shown = html.by_id()
    described = {raw.name: (raw.description, raw.grain, raw.all_columns) for raw in schema.TABLES}
    expected = {
        f"{name}.{column.name}": (column.data_type, column.description)
        for name, (_, _, columns) in described.items()
        for column in columns
    }
    for model in read_tables(MODELS_DIR):
        described[model.name] = (model.docs.description, model.docs.grain, [])
        for column, data_type in model.columns.items():
            expected[f"{model.name}.{column}"] = (data_type, model.docs.columns[column])
    own = {**run_tables.COLUMNS, lease_table.LEASES: lease_table.COLUMNS, checks.RESULTS: checks.RESULT_COLUMNS}
    own.update(forward_tables.COLUMNS)
    for name, columns in own.items():
        expected.update({f"{name}.{column}": about for column, about in columns.items()})
    for name, (description, grain, _) in described.items():
        assert plain(description) in shown[name], name
        assert plain(grain) in shown[name], name
    for place, (data_type, meaning) in expected.items():
        assert shown[place].startswith(place.split(".")[1]), place
        assert data_type in shown[place], place
        assert plain(meaning) in shown[place], place
    assert {place for place in shown if "." in place} == set(expected)


def test_links_lead_to_what_is_on_the_page(html: Page) -> None:
    links = [one.attributes["href"] for one in html.elements if one.tag == "a"]
    assert len(links) > 300
    ids = [one.attributes["id"] for one in html.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert {link for link in links if link[:1] != "#" or link[1:] not in ids} == set()


def test_nothing_is_fetched(html: Page) -> None:
    addresses = [one.attributes.get("src") or one.attributes.get("href", "") for one in html.elements]
    assert {address for address in addresses if address and not address.startswith(("#", "data:,"))} == set()


def test_lines_of_the_picture_are_what_the_sql_reads(tables: list[DocumentedTable]) -> None:
    picture = draw(tables)
    lines = [(line.get("data-from"), line.get("data-to")) for line in picture.iter("path")]
    read = [(one, model.name) for model in read_tables(MODELS_DIR) if isinstance(model, Model) for one in model.inputs]
    assert sorted(map(str, lines)) == sorted(map(str, read))
    assert sorted(edges(tables)) == sorted(read)
    boxes = {box.get("data-table") for box in picture.iter("g")}
    own = {"runs", "run_leases", "alerts", "purges", "check_results", *forward_tables.COLUMNS}
    assert boxes == {table.name for table in tables} - own


def test_boxes_do_not_overlap(tables: list[DocumentedTable]) -> None:
    boxes = [[float(box.get(side, 0)) for side in ("x", "y", "width", "height")] for box in draw(tables).iter("rect")]
    for number, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[number + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y


def test_no_column_has_a_name_that_ducklake_reserves(tables: list[DocumentedTable]) -> None:
    """Tried on DuckDB 1.5: other names of its virtual columns, such as `rowid` and `filename`, are free."""
    reserved = {"row_id", "begin_snapshot", "end_snapshot"}
    named = {column.name for table in tables for column in table.columns}
    assert named.isdisjoint(reserved) and "history_row_id" in named


def test_columns_tell_what_they_are_made_from(tables: list[DocumentedTable]) -> None:
    columns = {(table.name, column.name): column for table in tables for column in table.columns}
    assert columns["fct_events", "seconds_late"].sources == [("events", "created_date"), ("events", "event_date")]
    assert columns["user_activity", "last_login_at"].sources == [("dim_users", "last_login_at")]
    assert columns["events", "user_id"].origin == "JSON field `userId`"
    assert all(place in columns for column in columns.values() for place in column.sources)


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    folder = write_short_models(tmp_path)
    sql = "select cast(user_id as varchar) as user_id from users_a_day"
    write_model(folder, "mine", sql, columns=["user_id"], description=HOSTILE, grain=HOSTILE,
                tests={"user_id": [{"accepted_values": {"values": [HOSTILE]}}]})  # fmt: skip
    html = Page(page(documented_tables(folder)))
    assert [one.tag for one in html.elements].count("script") == 1
    assert not {"img", "b"} & {one.tag for one in html.elements}
    assert html.by_id()["mine"].count(plain(HOSTILE)) == 2


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    short = write_short_models(tmp_path / "models")
    monkeypatch.setattr(documented_tables, "__defaults__", (short,))
    target = tmp_path / "new" / "page.html"
    result = CliRunner().invoke(write_dictionary, [str(target)])
    assert result.exit_code == 0
    assert result.stdout.endswith(f"columns: {target.as_uri()}\n")
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (short / "marts" / "users_a_day.sql").write_text("select nothing", encoding="utf-8")
    result = CliRunner().invoke(write_dictionary, [str(target)])
    assert result.exit_code == 2
    assert "users_a_day.sql:1: `nothing` has no type" in result.stderr
