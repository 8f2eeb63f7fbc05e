"""Workbooks for Excel: read back from their XML, as Excel does."""

import io
import zipfile
from datetime import date, datetime, timezone
from xml.etree import ElementTree

import pyarrow as pa

from pipelines.export.xlsx import write_xlsx
from tests.support.workbooks import MAIN, cells

ROWS = pa.table(
    {
        "at": pa.array([datetime(2026, 3, 4, 12, tzinfo=timezone.utc), None], pa.timestamp("us", "Asia/Kolkata")),
        "day": [date(2026, 3, 4), date(1, 1, 1)],
        "text": ["=1+1 <b>&\x00 _x0041_", "a\nb"],
        "flag": [True, None],
        "number": [2**53 + 1, -7],
    }
)


def test_dates_are_dates_and_texts_are_never_formulas() -> None:
    file = io.BytesIO()
    assert write_xlsx(iter([ROWS, ROWS.slice(0, 0)]), ROWS.column_names, {"Search": "=2+2"}, file) == 2
    assert cells(file.getvalue(), 1) == [[("inlineStr", "0", "Search"), ("inlineStr", "0", "=2+2")]]
    assert cells(file.getvalue(), 2)[1:] == [
        [
            ("", "3", "46085.50000000"),
            ("", "2", "46085"),
            ("inlineStr", "0", "=1+1 <b>&\ufffd _x005F_x0041_"),
            ("b", "", "1"),
            ("inlineStr", "0", "9007199254740993"),
        ],
        [("", "", ""), ("inlineStr", "0", "0001-01-01"), ("inlineStr", "0", "a\nb"), ("", "", ""), ("", "", "-7")],
    ]
    assert b"<f>" not in file.getvalue()
    styles = ElementTree.fromstring(zipfile.ZipFile(file).read("xl/styles.xml"))
    # The default style, which readers look for by its number.
    assert [style.attrib for style in styles.iter(f"{MAIN}cellStyle")] == [
        {"name": "Normal", "xfId": "0", "builtinId": "0"}
    ]
    for name in (book := zipfile.ZipFile(file)).namelist():
        ElementTree.fromstring(book.read(name))
