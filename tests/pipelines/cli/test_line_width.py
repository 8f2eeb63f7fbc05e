"""What is printed fits a terminal of 80 columns, or goes on below the text."""

from collections.abc import Iterator

import click
import pytest

from pipelines.audit import cli
from pipelines.cli.status_report import _line
from tests.conftest import Tenant

WIDTH = 80


def commands(group: click.Group, *before: str) -> Iterator[list[str]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield [*before, name]
        if isinstance(found, click.Group):
            yield from commands(found, *before, name)


def test_help_of_every_command_fits(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    assert isinstance(cli, click.Group)
    asked = [[], *commands(cli)]
    assert len(asked) > 20
    for command in asked:
        shown = tenant.run(*command, "--help")
        assert shown.code == 0
        assert [line for line in shown.out.splitlines() if len(line) > WIDTH] == [], command


def test_long_lines_of_the_status_go_on_below_their_text() -> None:
    text = "25 of 25 models with an export loaded, 95,964 rows, newest change 2026-11-27 17:45 UTC"
    assert _line("history", text, WIDTH).splitlines() == [
        "history     25 of 25 models with an export loaded, 95,964 rows, newest change",
        "            2026-11-27 17:45 UTC",
    ]
    # Programs read a file or a pipe line by line.
    assert _line("history", text, 0) == f"history     {text}"
    path = f"/{'long-name' * 10}.duckdb"
    assert path in _line("destination", f"duckdb {path}", WIDTH)
