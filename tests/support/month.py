"""A month of events, and a DuckDB file after one run over them. Built once a session, copied by the tests."""

from pathlib import Path

import pytest

from tests.conftest import Tenant, plain_server
from tests.support.tenant_records import LISTS, month_of_events

EVENTS = month_of_events(60)
_built: list[Path] = []


def database_of_a_month(factory: pytest.TempPathFactory) -> Path:
    """Return the DuckDB file. Copy it before writing to it."""
    if not _built:
        folder = factory.mktemp("month")
        with pytest.MonkeyPatch.context() as environment, plain_server(EVENTS, LISTS) as server:
            environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
            environment.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "audit_log.duckdb"))
            assert Tenant(environment).at(server.url).run("run").code == 0
        _built.append(folder / "audit_log.duckdb")
    return _built[0]
