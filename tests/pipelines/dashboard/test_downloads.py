"""Downloads open in a spreadsheet as text, not as formulas."""

import csv
import io

import pandas as pd
import pytest

from pipelines.dashboard.downloads import to_csv
from pipelines.dashboard.rows import exact


def lines(frame: pd.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_csv(frame).decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1"])
def test_formulas_become_text(text: str) -> None:
    assert lines(pd.DataFrame({"name": [text]})) == [["name"], [f"'{text}"]]


def test_everything_else_stays_as_it_is() -> None:
    frame = pd.DataFrame(
        {
            "name": ['a "b", c', "line\nbreak", None, "日本 <b>"],
            "count": [-1, 2, 3, 4],
            "event_day": pd.to_datetime(["2026-03-01"] * 4),
            "occurred_at": pd.to_datetime(["2026-03-01 10:00", None, None, None], utc=True),
        }
    )
    assert lines(frame) == [
        ["name", "count", "event_day", "occurred_at"],
        ['a "b", c', "-1", "2026-03-01", "2026-03-01T10:00:00+00:00"],
        ["line\nbreak", "2", "2026-03-01", ""],
        ["", "3", "2026-03-01", ""],
        ["日本 <b>", "4", "2026-03-01", ""],
    ]


def test_long_numbers_are_not_rounded_by_a_spreadsheet() -> None:
    frame = pd.DataFrame({"event_id": [971529164212789100], "total": [2**53 + 1], "count": [2**53]})
    assert lines(exact(frame))[1] == ["'971529164212789100", "'9007199254740993", "9007199254740992"]


def test_download_has_a_unicode_mark() -> None:
    assert to_csv(pd.DataFrame({"a": ["é"]})).startswith(b"\xef\xbb\xbf")
