"""Writes rows as an Excel workbook, chunk by chunk: one sheet about the rows, and one with the rows.

Texts are written as text, so no formula of the log runs. Days and moments are dates of Excel, moments in UTC.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from typing import IO, Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa

# A sheet of Excel holds 1,048,576 rows with the headings.
MOST_ROWS = 1_048_575
LONGEST_TEXT = 32_767
# Excel calculates with doubles.
EXACT = 2**53
ROWS_AT_ONCE = 2_000
PLAIN, BOLD, DAY, MOMENT = 0, 1, 2, 3
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Excel replaces `_x0041_` by a letter.
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_FIRST_DAY = datetime(1899, 12, 30)
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet2.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets><sheet name="About" sheetId="1" r:id="r1"/>'
    '<sheet name="Rows" sheetId="2" r:id="r2"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{_OFFICE}/worksheet" Target="worksheets/sheet2.xml"/>'
    f'<Relationship Id="r3" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet {_MAIN}><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font/><font><b/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf/><xf fontId="1" applyFont="1"/>'
    '<xf numFmtId="164" applyNumberFormat="1"/><xf numFmtId="165" applyNumberFormat="1"/></cellXfs>'
    # Without it, some readers warn that there is no default style.
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}


def write_xlsx(rows: Iterator[pa.Table], headings: list[str], about: Mapping[str, Any], file: IO[bytes]) -> int:
    """Write a workbook, and return the number of rows, of which a sheet holds `MOST_ROWS`.

    Args:
        headings (List[str]): The headings of the columns.
        about (Mapping[str, Any]): The lines of the first sheet.
    """
    count = 0
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=3) as book:
        for name, text in _PARTS.items():
            book.writestr(name, _HEAD + text)
        with _Sheet(book, 1, [28, 80]) as sheet:
            for line in about.items():
                sheet.write(_row(line))
        with _Sheet(book, 2, [20] * len(headings), frozen=True) as sheet:
            sheet.write(_row(headings, BOLD))
            for chunk in rows:
                for start in range(0, chunk.num_rows, ROWS_AT_ONCE):
                    columns = [column.to_pylist() for column in chunk.slice(start, ROWS_AT_ONCE).columns]
                    sheet.write("".join(map(_row, zip(*columns, strict=True))))
                count += chunk.num_rows
    return count


class _Sheet:
    """One sheet of a workbook, written in parts."""

    def __init__(self, book: ZipFile, number: int, widths: list[int], *, frozen: bool = False) -> None:
        # A file above 2 GB needs larger fields, which have to be known before.
        self._file = book.open(f"xl/worksheets/sheet{number}.xml", "w", force_zip64=True)
        pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' if frozen else ""
        columns = (f'<col min="{n}" max="{n}" width="{width}" customWidth="1"/>' for n, width in enumerate(widths, 1))
        self.write(
            f'{_HEAD}<worksheet {_MAIN}><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
            f"<cols>{''.join(columns)}</cols><sheetData>"
        )

    def write(self, text: str) -> None:
        self._file.write(text.encode())

    def __enter__(self) -> "_Sheet":
        return self

    def __exit__(self, *_: object) -> None:
        self.write("</sheetData></worksheet>")
        self._file.close()


def _row(values: Any, style: int = PLAIN) -> str:
    return f"<row>{''.join([_cell(value, style) for value in values])}</row>"


def _cell(value: Any, style: int = PLAIN) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{value:d}</v></c>'
    if isinstance(value, int) and abs(value) <= EXACT:
        return f"<c><v>{value}</v></c>"
    if isinstance(value, float) and abs(value) < 1e300:
        return f"<c><v>{value!r}</v></c>"
    if isinstance(value, date) and value.year >= 1900:
        return _dated(value)
    text = _ESCAPED.sub("_x005F_", _ILLEGAL.sub("\ufffd", str(value)))[:LONGEST_TEXT]
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _dated(value: date) -> str:
    if isinstance(value, datetime):
        moment = value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        return f'<c s="{MOMENT}"><v>{(moment - _FIRST_DAY).total_seconds() / 86400:.8f}</v></c>'
    return f'<c s="{DAY}"><v>{(datetime(value.year, value.month, value.day) - _FIRST_DAY).days}</v></c>'
