"""A month of events, and a DuckDB file after a run that builds a few models. Built once, copied by the tests."""

from pathlib import Path

import pytest

from tests.conftest import Tenant, plain_server
from tests.support.prepared import shared_folder
from tests.support.small_models import build_only, copy_models
from tests.support.tenant_records import LISTS, month_of_events

EVENTS = month_of_events(60)
# Tables by day, and tables that are replaced as a whole. The fixture `month_models` builds them.
BY_DAY = ("fct_events", "fct_sign_ins", "agg_daily_usage", "agg_daily_users")
OF_A_MONTH = (*BY_DAY, "dim_users", "user_activity")


def database_of_a_month(factory: pytest.TempPathFactory) -> Path:
    """Return the DuckDB file. Copy it before writing to it."""
    return shared_folder(factory, "month", _fill) / "audit_log.duckdb"


def _fill(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as environment, plain_server(EVENTS, LISTS) as server:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        environment.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "audit_log.duckdb"))
        build_only(copy_models(folder / "models", OF_A_MONTH), environment)
        assert Tenant(environment).at(server.url).run("run").code == 0
