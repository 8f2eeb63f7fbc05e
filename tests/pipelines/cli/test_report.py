"""The summary is aligned, fits its width, and is harmless whatever the names are."""

import pytest

from pipelines.cli.report_tables import SummaryTable, format_table, terminal_width
from pipelines.common.text import printable

HOSTILE = "\x1b[31mred\x1b[0m\nnew line\ttab\r\u202eevil\u0007 \u200bend"


def test_columns_are_aligned_and_numbers_are_right_aligned() -> None:
    table = SummaryTable("Pages", ("page", "visits"), [("Home", 1200), ("Long board", 7)])
    assert format_table(table) == [
        "",
        "Pages",
        "  page        visits",
        "  Home         1,200",
        "  Long board       7",
    ]


def test_empty_table_says_that_it_has_no_rows() -> None:
    assert format_table(SummaryTable("Pages", ("page",), [])) == ["", "Pages", "  none"]


@pytest.mark.parametrize("width", [40, 100])
def test_long_texts_are_cut_to_the_width(width: int) -> None:
    table = SummaryTable("Pages", ("page", "app", "visits"), [("x" * 20_000, "y" * 300, 1), ("日本語" * 50, None, 2)])
    lines = format_table(table, width)
    assert all(len(line) <= width for line in lines)
    assert "…" in lines[3]


def test_sentences_wrap() -> None:
    reason = "Connection to the source system timed out after 30 seconds"
    lines = format_table(SummaryTable("Failing", ("integration", "reason"), [("x" * 30, reason)]), 60)
    assert all(len(line) <= 60 for line in lines)
    assert " ".join(" ".join(lines[3:]).split()[1:]) == reason


def test_control_characters_never_reach_the_terminal() -> None:
    assert printable(HOSTILE) == "[31mred [0m new line tab evil end"
    assert all(line.isprintable() for line in format_table(SummaryTable("T", ("a", "b"), [(HOSTILE, None)])))


def test_tables_are_plain_text_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    table = SummaryTable("Pages", ("page", "visits"), [("[bold]Home[/bold] :smile: http://x.example", 1)])
    assert format_table(table)[3] == "  [bold]Home[/bold] :smile: http://x.example       1"


def test_a_file_or_pipe_gets_lines_of_full_width(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_terminal(_: int) -> None:
        raise OSError

    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", no_terminal)
    assert terminal_width() == 80
    assert len(format_table(SummaryTable("Pages", ("page",), [("x" * 300,)]), terminal_width())[3]) == 80
