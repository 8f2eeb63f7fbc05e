"""A model of a user's own that cannot be built ends the run as a mistake of configuration, in one line."""

from pathlib import Path

from pipelines.common.exit_codes import CONFIGURATION, ModelError, explain


def test_broken_model_is_a_configuration_error_with_file_and_line() -> None:
    code, line = explain(ModelError(Path("models/mine.sql"), "column `x` has no cast", 7))

    assert code == CONFIGURATION
    assert line == "model: models/mine.sql:7: column `x` has no cast. Nothing was written."
