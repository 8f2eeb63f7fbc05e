"""The pages of one person and of one model, and the links that lead there."""

from pathlib import Path

import duckdb
import pandas as pd

from pipelines.dashboard.links import linked
from tests.conftest import Engine
from tests.support.dashboard_pages import Draw, numbers
from tests.support.hostile_log import HOSTILE_MODEL, MALLORY, SCRIPT


def test_a_person_is_shown_with_everything_known(log: Path, page: Draw, duck: Engine) -> None:
    drawn = page("person")
    assert drawn.info[0].value.startswith("Choose one user")
    drawn.multiselect(key="choose_user").set_value([MALLORY]).run()
    assert not drawn.exception
    ((events, failures),) = duck.rows(
        f"select event_count, failed_sign_in_count from anaplan_audit.user_activity where user_id = '{MALLORY}'"
    )
    assert (numbers(drawn)["Events"], numbers(drawn)["Failed sign-ins"]) == (str(events), str(failures))
    assert any(SCRIPT in text.value for text in drawn.text)
    tables = {tuple(table.value.columns)[:2]: table.value for table in drawn.dataframe}
    assert tables["ip_address", "network_name"]["failures"].sum() == failures == 6
    assert "Tenant Administrator" in set(tables["user_label", "role_label"]["role_label"])
    assert len(tables["severity", "state"]) > 0


def test_a_model_is_shown_with_its_history_or_the_reason_for_none(log: Path, page: Draw) -> None:
    drawn = page("model")
    drawn.multiselect(key="choose_model").set_value([HOSTILE_MODEL]).run()
    assert not drawn.exception
    assert numbers(drawn)["Users"] == "1"
    reasons = [info.value for info in drawn.info]
    assert any(reason.startswith("No actions are known") for reason in reasons)
    changes = next(table.value for table in drawn.dataframe if "previous_value" in table.value.columns)
    assert len(changes) == 3
    versions = next(table.value for table in drawn.dataframe if table.value.columns[0] == "model_name")
    assert len(versions) == 1


def test_a_database_of_an_earlier_version_shows_the_same_page(log: Path, page: Draw) -> None:
    with duckdb.connect(str(log)) as connection:
        connection.execute("drop table anaplan_audit.fct_model_history")
    drawn = page("model")
    drawn.multiselect(key="choose_model").set_value([HOSTILE_MODEL]).run()
    assert [title.value for title in drawn.title] == ["Model"]
    assert any(info.value.startswith("No model history is loaded") for info in drawn.info)


def test_no_id_becomes_another_address() -> None:
    rows = linked(pd.DataFrame({"user_id": ["a1", "javascript:alert(1)", "../x?y=z&w#", None], "name": ["n"] * 4}))
    assert rows["user_id"].tolist()[:3] == [
        "person?user=a1",
        "person?user=javascript%3Aalert%281%29",
        "person?user=..%2Fx%3Fy%3Dz%26w%23",
    ]
    assert pd.isna(rows["user_id"].iloc[3]) and rows["name"].tolist() == ["n"] * 4
