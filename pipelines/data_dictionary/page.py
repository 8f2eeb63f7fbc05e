"""Builds the data dictionary as one HTML page. The page is a tree of elements, which escapes every text."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from .picture import draw
from .tables import ENRICHED, RAW, DocumentedColumn, DocumentedTable

FOLDER = Path(__file__).parent
TITLE = "Anaplan audit log: data dictionary"
_SECTIONS = ((RAW, "Raw tables"), (ENRICHED, "Enriched tables"))

Child = ET.Element | str | None


def page(tables: list[DocumentedTable]) -> str:
    """Return the complete page. Style and script are part of it, so a browser loads no other file."""
    return "<!DOCTYPE html>\n" + ET.tostring(_html(tables), encoding="unicode", method="html") + "\n"


def _html(tables: list[DocumentedTable]) -> ET.Element:
    head = _element(
        "head",
        _element("meta", charset="utf-8"),
        _element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _element("title", TITLE),
        _element("link", rel="icon", href="data:,"),
        _element("style", (FOLDER / "page.css").read_text(encoding="utf-8")),
    )
    sections = [_section(dataset, title, tables) for dataset, title in _SECTIONS]
    body = _element(
        "body",
        _element("a", "Skip to the tables", href="#tables", **{"class": "skip"}),
        _header(tables),
        _element("div", _navigation(tables), _element("main", _picture(tables), *sections, id="tables"), id="frame"),
        _element("script", (FOLDER / "page.js").read_text(encoding="utf-8")),
    )
    return _element("html", head, body, lang="en")


def _header(tables: list[DocumentedTable]) -> ET.Element:
    columns = sum(len(table.columns) for table in tables)
    search = _element("input", type="search", id="search", placeholder="table, column or meaning", autocomplete="off")
    label = _element("label", "Search", **{"for": "search"})
    found = _element("output", f"{len(tables)} tables, {columns} columns", id="found", **{"for": "search"})
    return _element("header", _element("h1", TITLE), _element("div", label, search, found, **{"class": "search"}))


def _navigation(tables: list[DocumentedTable]) -> ET.Element:
    parts: list[Child] = [_element("a", "Lineage", href="#lineage")]
    for dataset, title in _SECTIONS:
        links = [_element("li", _link(table.name)) for table in tables if table.dataset == dataset]
        parts += [_element("h2", title), _element("ul", *links)]
    return _element("nav", *parts, **{"aria-label": "Tables"})


def _picture(tables: list[DocumentedTable]) -> ET.Element:
    kinds = (("raw", "loaded from Anaplan"), ("seed", "a CSV file you edit"), ("model", "computed by SQL"))
    legend = [_element("span", text, **{"class": f"key {kind}"}) for kind, text in kinds]
    legend_line = _element("p", "A line leads from a table to one that is computed from it. ", *legend)
    scroll = {"class": "picture", "tabindex": "0", "role": "region", "aria-label": "Picture of the lineage"}
    return _element(
        "section", _element("h2", "Lineage"), legend_line, _element("div", draw(tables), **scroll), id="lineage"
    )


def _section(dataset: str, title: str, tables: list[DocumentedTable]) -> ET.Element:
    readers: dict[str, list[str]] = {}
    for table in tables:
        for one in table.inputs:
            readers.setdefault(one, []).append(table.name)
    parts = [_table(table, readers.get(table.name, [])) for table in tables if table.dataset == dataset]
    return _element("section", _element("h2", f"{title} ", _element("code", dataset)), *parts, **{"class": "dataset"})


def _table(table: DocumentedTable, readers: list[str]) -> ET.Element:
    facts: list[tuple[str, list[Child]]] = [
        ("A row is", _marked(table.grain)),
        ("Key", _codes(table.key)),
        ("Written", _marked(table.written)),
        ("Made from", _marked(f"`{table.made_from}`" if "/" in table.made_from else table.made_from)),
    ]
    if table.inputs:
        facts.append(("Reads", _links(table.inputs)))
    if readers:
        facts.append(("Read by", _links(readers)))
    listed = [_element("div", _element("dt", name), _element("dd", *value)) for name, value in facts]
    head = _element("tr", *(_element("th", name, scope="col") for name in ("Column", "Type", "Meaning", "From")))
    rows = [_row(table, column) for column in table.columns]
    columns = _element("table", _element("thead", head), _element("tbody", *rows))
    title = _element("h3", _element("a", table.name, href=f"#{table.name}"))
    description = _element("p", *_marked(table.description))
    return _element("article", title, description, _element("dl", *listed), columns, id=table.name)


def _row(table: DocumentedTable, column: DocumentedColumn) -> ET.Element:
    name = [_element("code", column.name)]
    if column.name in table.key:
        name.append(_element("span", "key", **{"class": "badge"}))
    meaning = _marked(column.description)
    if column.accepted_values:
        meaning.append(_element("div", "One of ", *_codes(column.accepted_values), **{"class": "more"}))
    if column.reference:
        parent, parent_column = column.reference
        target = _element("a", f"{parent}.{parent_column}", href=f"#{_anchor(parent, parent_column)}")
        meaning.append(_element("div", "Found in ", target, **{"class": "more"}))
    origin = [_element("a", f"{one}.{of}", href=f"#{_anchor(one, of)}") for one, of in column.sources]
    return _element(
        "tr",
        _element("th", *name, scope="row"),
        _element("td", column.data_type),
        _element("td", *meaning),
        _element("td", *(_separated(origin) or _marked(column.origin)), **{"class": "from"}),
        id=_anchor(table.name, column.name),
    )


def _anchor(table: str, column: str) -> str:
    return f"{table}.{column}"


def _link(table: str) -> ET.Element:
    return _element("a", table, href=f"#{table}")


def _links(tables: list[str]) -> list[Child]:
    return _separated([_link(name) for name in tables])


def _codes(names: "tuple[str, ...] | list[str]") -> list[Child]:
    return _separated([_element("code", name) for name in names])


def _separated(elements: list[ET.Element]) -> list[Child]:
    parts: list[Child] = []
    for element in elements:
        parts += [", ", element] if parts else [element]
    return parts


def _marked(text: str) -> list[Child]:
    """Return the text, with parts in backticks as code."""
    parts = re.split(r"`([^`]+)`", text)
    return [_element("code", part) if number % 2 else part for number, part in enumerate(parts)]


def _element(tag: str, *children: Child, **attributes: str) -> ET.Element:
    element = ET.Element(tag, attributes)
    for child in children:
        if isinstance(child, ET.Element):
            element.append(child)
        elif child and len(element):
            element[-1].tail = (element[-1].tail or "") + child
        elif child:
            element.text = (element.text or "") + child
    return element
