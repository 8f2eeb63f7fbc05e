"""A list of the directory that the destination already holds is not loaded again, and every change of it is."""

import time
from typing import Any

import pytest
from dlt.destinations.job_client_impl import SqlJobClientBase

from audit_source.directory import stored_lists
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.status_command import write
from tests.support.tenant_records import DAY, LISTS, USERS

MOMENT = int(time.time() * 1000) - 3_600_000
RAW = "anaplan_audit_raw"
RENAMED = {**LISTS, "users": [{**USERS[0], "lastName": "Renamed"}, *USERS[1:]]}
SIGNED_IN = {**LISTS, "users": [*USERS[:-1], {**USERS[-1], "lastLoginDate": "2026-11-02T08:00:00.000+0000"}]}
TABLES = ("users", "user_logins", "workspaces", "models")
NAMES = f"select id, last_name from {RAW}.users where _dlt_valid_to is null order by id"


class Loads:
    """Loads lists and tells which tables a load wrote to."""

    def __init__(self, tenant: Tenant, engine: Engine, server: Any) -> None:
        self._tenant, self._engine, self._server = tenant, engine, server
        self.known = self._newest()

    def changed_by(self, lists: dict[str, Any]) -> set[str]:
        before, self._server.lists = self.known, lists
        assert self._tenant.run("load").code == 0
        self.known = self._newest()
        return {name for name, load in self.known.items() if load != before[name]}

    def _newest(self) -> dict[str, Any]:
        return {one: self._engine.rows(f"select max(_dlt_load_id) from {RAW}.{one}")[0][0] for one in TABLES}


@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("no_details")
def test_only_changed_lists_are_loaded(tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with plain_server([event(1, MOMENT)], LISTS) as server:
        assert tenant.at(server.url).run("load").code == 0
        loads = Loads(tenant, engine, server)
        assert loads.changed_by(LISTS) == set()
        assert loads.changed_by(SIGNED_IN) == {"user_logins"}
        assert loads.changed_by({**RENAMED, "models": []}) == {"users", "user_logins"}
        assert loads.changed_by(RENAMED) == set()
        write(engine, f"delete from {RAW}.user_logins")
        write(engine, f"delete from {RAW}.workspaces")
        assert loads.changed_by(RENAMED) == {"user_logins", "workspaces"}
        digest = stored_lists._digest
        monkeypatch.setattr(stored_lists, "_digest", lambda rows, moment: digest(rows, moment + DAY))
        # A list is loaded once a day, and dlt does not write a version that is there.
        assert loads.changed_by(RENAMED) == {"user_logins"}


@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("no_details")
def test_a_list_is_loaded_after_a_load_that_was_not_completed(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The incomplete load has written the other list, and the state still tells of this one."""
    with plain_server([event(1, MOMENT)], LISTS) as server:
        assert tenant.at(server.url).run("load").code == 0
        before, server.lists = engine.rows(NAMES), RENAMED
        with monkeypatch.context() as broken:
            broken.setattr(SqlJobClientBase, "complete_load", fail)
            assert tenant.run("load").code == 1
        assert engine.rows(NAMES) != before
        server.lists = LISTS
        assert tenant.run("load").code == 0
        assert engine.rows(NAMES) == before


def fail(*_: Any) -> None:
    raise RuntimeError("the connection broke")
