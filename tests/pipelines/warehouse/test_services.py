"""What users of a cloud warehouse see and what it keeps: messages, warnings of drivers, staged files, purged rows."""

import logging
import warnings

import pytest

from pipelines.common.exit_codes import FAILED, PipelineError, explain
from pipelines.warehouse.engine import Engine, engine_named


def test_an_unreachable_bigquery_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    engine = engine_named("bigquery")
    for opening in (engine.opened_for_writing, lambda: engine.opened_for_reading(0)):
        with pytest.raises(PipelineError, match="does not answer") as raised:
            opening()
        assert raised.value.code == FAILED


def test_an_error_of_clickhouse_says_what_happened() -> None:
    text = "Code: 48.\nDB::Exception: Lightweight updates are not supported. Stack trace:\n\n0. DB::Exception"
    line = explain(type("ServerException", (Exception,), {})(text)).line
    assert "Code: 48. DB::Exception: Lightweight updates are not supported." in line
    assert "0. DB::Exception" not in line


def test_an_error_whose_exception_is_a_method_is_explained() -> None:
    class OfGrpc(Exception):
        def exception(self) -> BaseException:
            return self

    assert "the name was not found" in explain(OfGrpc("the name was not found")).line


@pytest.mark.parametrize("kind", ["snowflake", "databricks"])
def test_staged_files_are_deleted_unless_the_user_keeps_them(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_named(kind).destination_options()["keep_staged_files"] is False
    monkeypatch.setenv(f"DESTINATION__{kind.upper()}__KEEP_STAGED_FILES", "true")
    assert "keep_staged_files" not in engine_named(kind).destination_options()


@pytest.mark.parametrize(("kind", "package"), [("snowflake", "snowflake"), ("bigquery", "google")])
def test_warnings_of_drivers_are_left_out(kind: str, package: str) -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        engine_named(kind).destination()
        for module in (package, f"{package}.connector", "another"):
            warnings.warn_explicit("old", UserWarning, "file.py", 1, module=module)
    assert len(shown) == 1
    assert not logging.getLogger(f"{package}.connector").isEnabledFor(logging.WARNING)


def test_engines_with_time_travel_say_so() -> None:
    kept = {kind: engine_named(kind).keeps_purged_rows for kind in ("snowflake", "bigquery", "databricks", "postgres")}
    assert [bool(text) for text in kept.values()] == [True, True, True, False]
    assert Engine.keeps_purged_rows == ""
