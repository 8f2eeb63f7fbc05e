"""The dictionary as a Markdown page, which is kept in the repository as docs/tables.md."""

from collections.abc import Iterator

from .tables import ENRICHED, RAW, DocumentedColumn, DocumentedTable

_INTRODUCTION = """# Which tables are there?

`make docs` writes this page from the raw schema (`audit_source/schema.py`) and the descriptions of the models in
`pipelines/models/`. Do not edit it. `make docs` also writes the same as one HTML page with a search and a picture of
the lineage. DuckDB and PostgreSQL show the descriptions as comments of tables and columns.

Names of tables and columns are a contract. [CHANGELOG.md](../CHANGELOG.md) lists every change with what a reader of the
tables has to do.
"""
_SECTIONS = ((RAW, "Raw tables"), (ENRICHED, "Enriched tables"))


def markdown(tables: list[DocumentedTable]) -> str:
    """Return the whole page: a list of the tables, then each table with its columns."""
    return "\n".join([_INTRODUCTION, *_overview(tables), *_details(tables)]).rstrip("\n") + "\n"


def _overview(tables: list[DocumentedTable]) -> Iterator[str]:
    for dataset, title in _SECTIONS:
        yield f"## {title}: `{dataset}`\n"
        yield from _grid(
            ("table", "grain"),
            ((f"[`{one.name}`](#{one.name})", one.grain) for one in tables if one.dataset == dataset),
        )


def _details(tables: list[DocumentedTable]) -> Iterator[str]:
    yield "## Columns\n"
    for table in tables:
        yield f"### {table.name}\n"
        yield f"{table.description}\n"
        yield f"- Grain: {table.grain}."
        yield f"- Key: {', '.join(f'`{name}`' for name in table.key)}."
        yield f"- Written: {table.written}."
        yield f"- Made from {f'`{table.made_from}`' if '/' in table.made_from else table.made_from}."
        if table.inputs:
            yield f"- Reads {', '.join(f'[`{name}`](#{name})' for name in table.inputs)}."
        yield ""
        rows = ((f"`{one.name}`", one.data_type, _meaning(one), _origin(one)) for one in table.columns)
        yield from _grid(("column", "type", "meaning", "from"), rows)


def _meaning(column: DocumentedColumn) -> str:
    text = column.description
    if column.accepted_values:
        text += f" One of {', '.join(f'`{value}`' for value in column.accepted_values)}."
    if column.reference:
        text += f" Found in `{'.'.join(column.reference)}`."
    return text


def _origin(column: DocumentedColumn) -> str:
    return ", ".join(f"`{table}.{name}`" for table, name in column.sources) or column.origin


def _grid(head: tuple[str, ...], rows: "Iterator[tuple[str, ...]]") -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for row in rows:
        # A bar ends a cell, also inside backticks.
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"
    yield ""
