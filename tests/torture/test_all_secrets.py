"""Every sign-in method, good and bad runs, all logs at debug level: no secret appears anywhere."""

import io
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.postgres import for_dlt
from tests.support.secret_hunt import hunt, log

__all__ = ["log"]

OF_DATABASE = "d@ta/b:se pass%é-0815"


def test_no_secret_in_any_output_log_file_or_table(
    tenant: Tenant, duck: Engine, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, tally: Any
) -> None:
    tally.add("secrets hunted", hunt(tenant, duck, tmp_path, log, monkeypatch))


def test_no_secret_on_postgres_including_the_database_password(
    tenant: Tenant,
    tmp_path: Path,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    tally: Any,
    request: pytest.FixtureRequest,
) -> None:
    """The search includes the server's own log, which quotes failing statements."""
    postgres = request.getfixturevalue("postgres")
    address = postgres.new_database()
    password = OF_DATABASE.replace(" ", "_")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(postgres.new_user(address, password)))
    forms = [password, quote(password, safe=""), quote(password)]
    engine = Engine("postgres", address)
    found = hunt(tenant, engine, tmp_path, log, monkeypatch, of_database=forms, files=[postgres.log_file])
    # dlt passes this one on with its blank, and the driver's error quotes the part it could not read.
    address = postgres.new_user(postgres.new_database(), OF_DATABASE)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(address))
    with plain_server([event(1, int(time.time() * 1000) - 600_000)]) as server:
        outcome = tenant.at(server.url).run("load")
    assert outcome.code == 1 and "unexpected spaces" in outcome.err, outcome
    for secret in (OF_DATABASE, quote(OF_DATABASE, safe=""), quote(OF_DATABASE, safe=" ")):
        assert secret not in outcome.out + outcome.err + log.getvalue(), outcome
    tally.add("secrets hunted", found + 1)
