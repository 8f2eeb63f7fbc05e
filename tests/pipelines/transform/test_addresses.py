"""`dim_addresses` and the networks of sign-ins: by day, with another list, and without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.transform import addresses
from tests.support import scenario
from tests.support.model_warehouse import Warehouse, open_warehouse
from tests.support.network_list import SETTING, write_list
from tests.support.raw_rows import event
from tests.support.scenario import ANN
from tests.support.small_models import copy_models

pytestmark = pytest.mark.usual_engine("duckdb")
NAMED = ("ip_address", "cidr", "network_name", "country")
OFFICES = "10.0.0.0/24,Offices,Germany"


@pytest.fixture(params=["duckdb", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path, models: Path) -> Iterator[Warehouse]:
    with open_warehouse(request.param, request, tmp_path) as warehouse:
        warehouse.load(**scenario.WORLD)
        warehouse.enrich(models)
        yield warehouse


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return copy_models(tmp_path / "models", ("fct_events", "fct_sign_ins"))


def sign_in(number: int, address: str) -> dict[str, object]:
    return event(number, "USR-8", "2026-03-09 08:00", user_id=ANN, success=True, ip_address=address)


def networks_of_sign_ins(world: Warehouse) -> list[tuple[object, ...]]:
    return world.rows("fct_sign_ins", "ip_address", "network_name", "country", where="network_name is not null")


def test_a_list_names_old_and_new_addresses_and_their_sign_ins(
    world: Warehouse, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.rows("dim_addresses") == networks_of_sign_ins(world) == []

    write_list(tmp_path, monkeypatch, OFFICES)
    world.enrich(models)
    assert world.rows("dim_addresses", *NAMED) == [("10.0.0.1", "10.0.0.0/24", "Offices", "Germany")]
    assert networks_of_sign_ins(world) == [("10.0.0.1", "Offices", "Germany")]

    # A run with new events looks at their addresses only, and writes their day only.
    asked = []
    named = addresses._named
    monkeypatch.setattr(addresses, "_named", lambda networks, found: asked.append({*found}) or named(networks, found))
    addressed = enumerate(("10.0.0.77", "172.16.0.1", "10.0.0.1"), 91)
    world.load("2026-03-11 00:00", events=[sign_in(number, address) for number, address in addressed])
    report = world.enrich(models)
    assert asked == [{"10.0.0.77", "172.16.0.1"}]
    assert [str(day) for day in report.days or ()] == ["2026-03-09"]
    assert report.rebuilt == ["dim_addresses"]
    known = ("10.0.0.1", "Offices", "Germany")
    assert networks_of_sign_ins(world) == [known, known, ("10.0.0.77", "Offices", "Germany")]
    assert world.enrich(models).days == []

    # Another list names all of them again.
    write_list(tmp_path, monkeypatch, f"{OFFICES}\n10.0.0.1/32,Gateway,\n172.16.0.0/12,Lyon,France")
    world.enrich(models)
    gateway = ("10.0.0.1", "Gateway", None)
    named_again = [gateway, gateway, ("10.0.0.77", "Offices", "Germany"), ("172.16.0.1", "Lyon", "France")]
    assert networks_of_sign_ins(world) == named_again
    hourly = world.tables()
    world.enrich(models, full_refresh=True)
    assert world.tables() == hourly

    monkeypatch.delenv(SETTING)
    world.enrich(models)
    assert world.rows("dim_addresses") == networks_of_sign_ins(world) == []


def test_a_dropped_table_and_lost_events_are_noticed(
    world: Warehouse, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_list(tmp_path, monkeypatch, OFFICES)
    world.enrich(models)
    expected = world.rows("dim_addresses")
    with world.enriched.sql_client() as client:
        client.execute_sql("drop table anaplan_audit.dim_addresses")
    world.enrich(models)
    assert world.rows("dim_addresses") == expected
    # As `purge` does it: no address of purged events stays.
    with world.raw.sql_client() as client:
        client.execute_sql("delete from anaplan_audit_raw.events where ip_address = '10.0.0.1'")
    world.enrich(models, recount=True)
    assert world.rows("dim_addresses") == []
