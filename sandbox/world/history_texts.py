"""The changes of which a model's own history consists, as formats of one line of its file.

Every format takes the same arguments, in this order: transaction number, moment, user, number of objects, a number of
the previous and one of the new value, module or list, line item or property, member of a dimension, target user.
An unused argument becomes `%.0s`, which prints nothing: one `%` for each row is all that is left to do.
"""

from __future__ import annotations

from typing import NamedTuple

UNUSED = "%.0s"
HEAD = (
    "ID", "Date/Time (UTC)", "User", "Description", "Previous Value", "New Value", "Module/List", "Line Item/Property",
)  # fmt: skip
# Present as soon as the history holds such a change.
LATER = ("Export", "Import", "Data Types", "Table Name", "Object", "Target User")
DIMENSIONS = ("Customer", "Products", "Regions", "Versions", "Scénario", "Employees#")
MODULES = (
    "REV01 Revenue", "REV02 Price, Volume & Mix", "HC01 Headcount", 'SYS "old" settings', "Überblick", "INP Inputs",
)  # fmt: skip
LISTS = ("Customers", "P3 SKU", "Regions", "Employees#", "Cost Centres")
ITEMS = ("Revenue", "Growth %", "Price, net", "FTE", "Active?", 'Flag "locked"', "Début", "Notes")
MEMBERS = ("EMEA", "10001 – Widget", 'Kühne, "Müller" & Co', "日本", "Q1 FY26", "#1024", "0044", "line one\nline two")


class Change(NamedTuple):
    """One kind of change. `%d` takes a number; `place` is a module or a list; `more` fills later columns."""

    description: str
    previous: str = ""
    new: str = ""
    place: str = ""
    item: bool = False
    member: bool = False
    more: tuple[tuple[str, str], ...] = ()
    target: bool = False


FREQUENT = (
    Change("Data Change", "%d", "%d", "module", True, True),
    Change("Data Change", "%d.5", "%d.25", "module", True, True),
    Change("Data Change", 'He said "%d"', "two lines,\nof %d", "module", True, True),
    Change("Change Line Item", "Price * %d", "IF Active THEN Price * %d, ELSE 0", "module", True),
    Change("Breakback data change affecting %d cells", "", "%d", "module", True),
    Change("Bulk data change", place="module"),
    Change("Add List Item", "", "C%d", "list"),
    Change("Change List", "%d", "%d", "list", True),
    Change("Code Changed", "C%d", "C%d", "list", member=True),
    Change("%d Item(s) Added", place="list"),
)
DELETED_ITEM = Change("Delete Item", "C%d", "", "list")
RARE = (
    Change("Add Line Item", "", "Line item %d", "module", True),
    Change("Delete Line Item", "Line item %d", "", "module", True),
    Change("Add Module", "", "NEW%d", "module"),
    Change("Name Changed", "FY%d", "FY%d", "list"),
    Change("Parent Changed", "Region %d", "Region %d", "list", member=True),
    Change("Add Line Item Read Access Driver Write Access Driver", "", "Access.Write %d", "module", True),
    Change(
        "Import", more=(("Import", "Actuals from ERP.csv"), ("Data Types", "Number, Text"), ("Table Name", "dbo.GL"))
    ),
    Change("Add Export", more=(("Export", "P&L to CSV"),)),
    Change("Rename Action", "Load v%d", "Load v%d", more=(("Object", "Load Actuals"),)),
    Change("Change Dashboard", more=(("Object", "Start, page"),)),
    Change("Add User", "", "Planner", target=True),
    Change("User Role Changed", "Planner", "Full Access", target=True),
    Change("User Role Changed", "Full Access", "No Access", target=True),
    Change("Set Selective Access", "%d", "%d", "list", target=True),
    Change("%d User(s) Deleted"),
    Change("Revision Synced", "", "Release %d"),
    Change("Change Time Scale", "FY%d", "FY%d"),
    Change("<model successfully restored>"),
    # No public list of kinds of change knows it.
    Change("Optimise Storage Layout", "%d", "%d"),
)


def cell(text: str, separator: str) -> str:
    """Return a value as it stands in the file."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in f'{separator}"\r\n') else text


def line_format(change: Change, columns: list[str], dimension: str, separator: str) -> str:
    """Return the format of the line of a change, for a file with these columns."""
    more = dict(change.more)
    cells = {
        "ID": "%d",
        "Date/Time (UTC)": "%s",
        "User": "%s",
        "Description": _numbered(change.description, separator),
        "Previous Value": _numbered(change.previous, separator),
        "New Value": _numbered(change.new, separator),
        "Module/List": "%s" if change.place else UNUSED,
        "Line Item/Property": "%s" if change.item else UNUSED,
        dimension: "%s" if change.member else UNUSED,
        "Target User": "%s" if change.target else UNUSED,
    }
    texts = [cells.get(name, cell(more.get(name, ""), separator).replace("%", "%%")) for name in columns]
    # A file without the column still swallows its argument.
    tail = "" if "Target User" in columns else UNUSED
    return separator.join(texts) + tail + "\n"


def _numbered(text: str, separator: str) -> str:
    return cell(text if "%d" in text else text.replace("%", "%%") + UNUSED, separator)
