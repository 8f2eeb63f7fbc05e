"""Settings of forwarding that the environment gives as text."""

import pytest

from pipelines.common.forwarding import is_due_after_run


@pytest.mark.parametrize(("text", "due"), [("false", False), ("true", True)])
def test_after_run_is_read_from_the_environment(text: str, due: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARD__AFTER_RUN", text)
    assert is_due_after_run() is due
