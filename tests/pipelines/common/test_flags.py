"""Settings that are true or false, as the environment gives them: as text."""

import pytest

from pipelines.common.configuration import check_settings
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.files import group_can_read
from pipelines.common.forwarding import is_due_after_run


@pytest.mark.parametrize(("text", "due"), [("false", False), ("true", True), ("", False)])
def test_after_run_is_read_from_the_environment(text: str, due: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARD__AFTER_RUN", text)
    check_settings()
    assert is_due_after_run() is due


@pytest.mark.parametrize("variable", ["FORWARD__AFTER_RUN", "PIPELINES__ANAPLAN_AUDIT__GROUP_CAN_READ"])
def test_any_other_text_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "perhaps")
    with pytest.raises(PipelineError, match="is neither true nor false") as refused:
        check_settings()
    assert refused.value.code == CONFIGURATION
    # Files are written before the settings are checked.
    assert group_can_read() is False
