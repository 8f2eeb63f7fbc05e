"""Findings that were acknowledged are marked and can be filtered. Where a setting allows it, a page acknowledges them."""

import threading
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipelines.common.configuration import check_settings
from pipelines.common.exit_codes import PipelineError
from pipelines.dashboard import cached, data_access
from pipelines.dashboard.gate import Closed, Gate
from tests.conftest import Engine, Tenant
from tests.support.dashboard_pages import Draw, numbers, writer
from tests.support.hostile_log import SCRIPT

SETTING = "PIPELINES__ANAPLAN_AUDIT__ACKNOWLEDGE_IN_DASHBOARD"
WRITTEN = "select subject, what, account, note from anaplan_audit_raw.alerts where kind = 'finding'"


def listed(page: AppTest) -> pd.DataFrame:
    return next(table.value for table in page.dataframe if "evidence_count" in table.value.columns)


def click_acknowledge(page: AppTest, note: str = "") -> AppTest:
    page.selectbox(key="finding").select_index(0).run()
    page.text_input(key="note").set_value(note)
    return next(button for button in page.button if button.label == "Acknowledge this finding").click().run()


def test_a_page_acknowledges_a_finding_and_marks_it(
    log: Path, page: Draw, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "true")
    drawn = page("findings")
    before = listed(drawn)
    assert set(before["state"]) == {"open"} and "acknowledged_by" not in before
    first = before["finding_id"].iloc[0]
    drawn = click_acknowledge(drawn, f"  {SCRIPT}  ")
    assert not drawn.exception and [text.value for text in drawn.success] == ["Acknowledged."]
    ((subject, what, account, note),) = duck.rows(WRITTEN)
    assert (subject, what, note) == (first, "acknowledged", SCRIPT) and account.endswith(" (dashboard)")
    after = listed(drawn).set_index("finding_id")
    assert after["state"].value_counts().to_dict() == {"open": len(before) - 1, "acknowledged": 1}
    assert after.loc[first, ["state", "acknowledged_by", "note"]].tolist() == ["acknowledged", account, SCRIPT]
    assert any(text.value.endswith(f"by {account}: {SCRIPT}") for text in drawn.text)
    shown = numbers(drawn)
    assert (shown["Acknowledged"], shown["Open"]) == ("1", str(len(before) - 1))

    drawn.selectbox(key="state").set_value("acknowledged").run()
    assert listed(drawn)["finding_id"].tolist() == [first]
    drawn.selectbox(key="state").set_value("open").run()
    assert not drawn.exception and first not in listed(drawn)["finding_id"].tolist()
    # The overview lists what is still to be looked at.
    latest = page("overview").dataframe[-1].value
    assert len(latest) == min(10, len(before) - 1)


def test_a_page_acknowledges_all_findings_of_its_filters(
    log: Path, page: Draw, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "true")
    drawn = page("findings")
    rule = listed(drawn)["rule"].value_counts().index[0]
    drawn.multiselect(key="rule").set_value([rule]).run()
    ids = sorted(listed(drawn)["finding_id"])
    assert len(ids) > 1
    drawn.text_input(key="note_all").set_value("known project")
    drawn = next(button for button in drawn.button if button.label == "Acknowledge all of them").click().run()
    assert [text.value for text in drawn.success] == [f"Acknowledged {len(ids)} findings."]
    written = duck.rows(WRITTEN)
    assert sorted(row[0] for row in written) == ids and {row[3] for row in written} == {"known project"}
    assert not any(button.label == "Acknowledge all of them" for button in drawn.button)
    drawn.multiselect(key="rule").set_value([]).run()
    assert int(numbers(drawn)["Acknowledged"]) == len(ids) and numbers(drawn)["Open"] != "0"


def test_an_acknowledgement_names_who_signed_in(
    log: Path, page: Draw, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "true")
    monkeypatch.setattr("pipelines.dashboard.acknowledgements.signed_in_reader", lambda: "ann@example.com")
    click_acknowledge(page("findings"))
    assert [row[2] for row in duck.rows(WRITTEN)] == ["ann@example.com (dashboard)"]


def test_the_command_acknowledges_all_findings_of_a_rule(log: Path, tenant: Tenant, duck: Engine) -> None:
    of_rules = dict(duck.rows("select rule, count(*) from anaplan_audit.security_findings group by rule"))
    rule = max(of_rules, key=lambda name: of_rules[name])
    assert tenant.run("acknowledge", rule, "--note", "seen").out == f"acknowledged {of_rules[rule]} that were open\n"
    assert {subject.split(":")[0] for subject, *_ in duck.rows(WRITTEN)} == {rule}
    assert tenant.run("acknowledge", rule).out == "acknowledged 0 that were open\n"
    refused = tenant.run("acknowledge", "no_such_rule")
    assert refused.code == 2 and "`no_such_rule` is neither" in refused.err
    assert (
        tenant.run("acknowledge", "findings").out
        == f"acknowledged {sum(of_rules.values()) - of_rules[rule]} that were open\n"
    )


def test_findings_are_filtered_by_the_address(log: Path, page: Draw, tenant: Tenant) -> None:
    assert tenant.run("acknowledge", "findings").code == 0
    drawn = AppTest.from_string("from pipelines.dashboard.app import show\nshow('findings')", default_timeout=60)
    drawn.query_params.update(state="acknowledged", severity="high", rule=["admin_role_granted"])
    drawn.run()
    found = listed(drawn)
    assert set(zip(found["state"], found["severity"], found["rule"], strict=True)) == {
        ("acknowledged", "high", "admin_role_granted")
    }
    assert numbers(drawn)["High severity"] == str(len(found))
    assert "Every security finding of this period is acknowledged." in [text.value for text in page("overview").success]
    hostile = AppTest.from_string("from pipelines.dashboard.app import show\nshow('findings')", default_timeout=60)
    hostile.query_params.update(state=SCRIPT, severity="' or 1=1", rule=[SCRIPT])
    assert not hostile.run().exception
    assert len(listed(hostile)) > len(found)


def test_without_the_setting_a_page_writes_nothing(log: Path, page: Draw) -> None:
    drawn = page("findings")
    drawn.selectbox(key="finding").select_index(0).run()
    assert not any("Acknowledge" in button.label for button in drawn.button)
    assert drawn.code[0].value.startswith("python -m pipelines.audit acknowledge ")


def test_a_run_is_not_disturbed_by_an_acknowledgement(
    log: Path, page: Draw, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "true")
    for module, name in ((cached, "SHORT_WAIT"), (data_access, "WAIT_SECONDS")):
        monkeypatch.setattr(module, name, 0.0)
    drawn = page("findings")
    before = listed(drawn)
    drawn.selectbox(key="finding").select_index(0).run()
    with writer(log):
        drawn = click_acknowledge(drawn, "seen")
        assert not drawn.exception
        assert "a run or a reader holds the database" in drawn.warning[-1].value
        pd.testing.assert_frame_equal(listed(drawn), before)
    assert duck.rows("select count(*) from duckdb_tables() where table_name = 'alerts'") == [(0,)]


@pytest.mark.long
def test_what_was_acknowledged_is_still_known_while_a_run_holds_the_database(
    log: Path, page: Draw, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tenant.run("acknowledge", "findings").code == 0
    for module, name in ((cached, "LOOK_SECONDS"), (cached, "SHORT_WAIT"), (data_access, "WAIT_SECONDS")):
        monkeypatch.setattr(module, name, 0.0)
    drawn = page("findings")
    assert numbers(drawn)["Open"] == "0"
    with writer(log):
        drawn.run()
        assert drawn.info[0].value.startswith("A load is running.") and numbers(drawn)["Open"] == "0"


def test_a_writer_waits_for_readers_and_readers_for_a_writer() -> None:
    gate, came = Gate(), threading.Event()

    def read() -> None:
        with gate.reading(30):
            came.set()

    with gate.reading(0), gate.reading(0), pytest.raises(Closed), gate.writing(0):
        pass
    with gate.writing(0):
        with pytest.raises(Closed), gate.reading(0):
            pass
        with pytest.raises(Closed), gate.writing(0):
            pass
        reader = threading.Thread(target=read)
        reader.start()
        assert not came.is_set()
    reader.join()
    assert came.is_set()


def test_the_setting_is_true_or_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "perhaps")
    with pytest.raises(PipelineError, match="`acknowledge_in_dashboard` is neither true nor false"):
        check_settings()
