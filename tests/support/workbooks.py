"""The cells of a workbook, read from its XML."""

import io
import zipfile
from xml.etree import ElementTree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(book: bytes, sheet: int) -> list[list[tuple[str, str, str]]]:
    """Return the type, style and value of each cell."""
    root = ElementTree.fromstring(zipfile.ZipFile(io.BytesIO(book)).read(f"xl/worksheets/sheet{sheet}.xml"))
    rows = root.iter(f"{MAIN}row")
    return [[(cell.get("t", ""), cell.get("s", ""), "".join(cell.itertext())) for cell in row] for row in rows]
