"""Each event reaches each target once: late events too, after rewrites, rebuilds, purges and failures of receivers."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.common.forwarding import TargetSettings
from pipelines.export.forward import cursor
from pipelines.export.forward.errors import PassingError, TargetError, _pause
from pipelines.export.forward.http import opened_https
from pipelines.export.forward.lines import Line, batches
from pipelines.export.forward.sender import Forwarded, forward
from pipelines.transform.parse import MODELS_DIR
from pipelines.warehouse.forward_tables import ForwardTables
from pipelines.warehouse.pipelines import Pipelines
from tests.support.model_warehouse import Warehouse, open_warehouse
from tests.support.raw_rows import event
from tests.support.receivers import HttpReceiver, SyslogReceiver, write_certificate
from tests.support.siem_events import MOMENT, parsed_cef
from tests.support.small_models import write_model, write_seed

FACTS = """
select
    cast(id as bigint) as event_id,
    cast(event_day as date) as event_day,
    cast(event_date as timestamptz) as occurred_at,
    cast(event_type_id as varchar) as event_type_id,
    cast(user_id as varchar) as user_id,
    cast(user_id as varchar) as user_label,
    cast(message as varchar) as message
from events
"""
COLUMNS = ["event_id", "event_day", "occurred_at", "event_type_id", "user_id", "user_label", "message"]
CLASSES = (MODELS_DIR / "seeds" / "ocsf_classes.csv").read_text(encoding="utf-8")
# Three days; the ids do not rise with the time.
FIRST = [event((number * 7) % 40, "USR-8", f"2026-03-0{1 + number % 3} 10:{number:02}") for number in range(40)]
LATE = event(100, "USR-9", "2026-03-01 09:00")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "CHUNK", 6)


class World:
    """A warehouse with events, and what was done with it."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse, self.models = warehouse, folder / "models"
        write_model(self.models, "fct_events", FACTS, columns=COLUMNS, day="event_day")
        types = {"class_uid": "bigint", "activity_id": "bigint"}
        names = CLASSES.split("\n", 1)[0].split(",")
        write_seed(self.models, "ocsf_classes", CLASSES, columns=names, types=types)

    def load(self, *events: dict[str, Any], hour: int = 0, enrich: bool = True) -> None:
        self.warehouse.load(f"2026-03-10 {hour:02}:00", events=list(events))
        if enrich:
            self.enrich()

    def enrich(self, **options: Any) -> None:
        self.warehouse.enrich(self.models, **options)

    def forward(self, *targets: TargetSettings, since: date | None = None) -> list[Forwarded]:
        return forward(Pipelines(self.warehouse.raw, self.warehouse.enriched), targets, since)


@pytest.fixture(scope="module")
def loaded_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a DuckDB file that holds the first events, enriched."""
    folder = tmp_path_factory.mktemp("forward")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        with open_warehouse("duckdb", request, folder) as opened:
            World(opened, folder).load(*FIRST)
    return folder


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind = getattr(request, "param", "duckdb")
    if kind == "duckdb":
        shutil.copy(request.getfixturevalue("loaded_once") / "audit_log.duckdb", tmp_path)
    with open_warehouse(kind, request, tmp_path) as opened:
        world = World(opened, tmp_path)
        if kind != "duckdb":
            world.load(*FIRST)
        yield world


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as opened:
        yield opened


def https(receiver: HttpReceiver, name: str = "soc", **values: Any) -> TargetSettings:
    defaults = {"url": f"{receiver.url}/in", "token": "t0ken", "auth_scheme": "", "ca_file": ""}
    return TargetSettings(name, "https", "ocsf", None, {**defaults, **values})


def ids(receiver: HttpReceiver) -> list[int]:
    """Return the ids of the accepted events in order, and forget them."""
    lines = [json.loads(line) for body in receiver.bodies for line in body.splitlines()]
    receiver.bodies.clear()
    return [int(line["metadata"]["uid"]) for line in lines]


def sorted_ids(*events: dict[str, Any]) -> list[int]:
    return sorted(one["id"] for one in events)


@pytest.mark.usual_engine("duckdb")
@pytest.mark.parametrize("world", ["duckdb", "postgres"], indirect=True)
def test_each_event_once_on_every_engine(world: World, receiver: HttpReceiver) -> None:
    assert world.forward(https(receiver)) == [Forwarded("soc", 40)]
    sent = ids(receiver)
    assert sorted(sent) == sorted_ids(*FIRST)
    days = {one["id"]: one["event_day"] for one in FIRST}
    assert [days[one] for one in sent] == sorted(days.values())
    assert world.forward(https(receiver)) == [Forwarded("soc", 0)]
    # A late event of the first day; a second fetch of an event that was sent.
    world.load(LATE, FIRST[0], hour=1)
    assert world.forward(https(receiver)) == [Forwarded("soc", 1)]
    assert ids(receiver) == [LATE["id"]]
    # Another target has a position of its own.
    assert world.forward(https(receiver, "other")) == [Forwarded("other", 41)]
    ids(receiver)
    world.enrich(full_refresh=True)
    assert world.forward(https(receiver), https(receiver, "other")) == [Forwarded("soc", 0), Forwarded("other", 0)]


def test_events_that_are_not_enriched_yet_are_not_skipped(world: World, receiver: HttpReceiver) -> None:
    world.forward(https(receiver))
    ids(receiver)
    world.load(LATE, hour=1, enrich=False)
    assert world.forward(https(receiver)) == [Forwarded("soc", 0)]
    world.enrich()
    assert world.forward(https(receiver)) == [Forwarded("soc", 1)]
    assert ids(receiver) == [LATE["id"]]


def test_a_clock_that_was_set_back_hides_no_event(world: World, receiver: HttpReceiver) -> None:
    world.forward(https(receiver))
    ids(receiver)
    world.warehouse.load("2026-03-09 00:00", events=[LATE])
    world.enrich(recount=True)
    assert world.forward(https(receiver)) == [Forwarded("soc", 1)]


def test_a_receiver_that_fails_halfway_gets_the_rest_later(world: World, receiver: HttpReceiver) -> None:
    # The third request fails for good; before it, one that passes when it is sent again.
    receiver.statuses = [200, 503, 200, 403]
    (result,) = world.forward(https(receiver))
    assert (result.events, result.error) == (12, "HTTP 403. Check `token` and what it may do.")
    assert world.forward(https(receiver)) == [Forwarded("soc", 28)]
    assert sorted(ids(receiver)) == sorted_ids(*FIRST)


def test_a_failing_target_stops_no_other(world: World, receiver: HttpReceiver) -> None:
    with HttpReceiver() as broken:
        broken.statuses = [500] * 100
        results = world.forward(https(broken, "broken"), https(receiver))
    assert results == [Forwarded("broken", 0, "HTTP 500"), Forwarded("soc", 40)]
    # As often as `request_max_attempts`.
    assert len(broken.requests) == 5


def test_what_was_accepted_before_the_record_is_sent_again(
    world: World, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ForwardTables, "add_events", dies)
        with pytest.raises(KeyboardInterrupt):
            world.forward(https(receiver))
    again = ids(receiver)
    assert len(again) == 6
    assert world.forward(https(receiver)) == [Forwarded("soc", 40)]
    assert sorted(ids(receiver)) == sorted_ids(*FIRST)


def test_since_is_kept(world: World, receiver: HttpReceiver) -> None:
    assert world.forward(https(receiver), since=date(2026, 3, 2))[0].events == 26
    days = {one["id"]: one["event_day"] for one in FIRST}
    assert min(days[one] for one in ids(receiver)) == date(2026, 3, 2)
    world.load(LATE, hour=1)
    assert world.forward(https(receiver))[0].events == 0
    with pytest.raises(Exception, match="gets all events since 2026-03-02 already"):
        world.forward(https(receiver), since=date(2026, 3, 3))
    # An earlier day brings the older events.
    assert world.forward(https(receiver), since=date(2026, 3, 1))[0].events == 15
    assert LATE["id"] in ids(receiver)
    assert world.forward(https(receiver))[0].events == 0


def test_a_purge_forgets_what_was_sent_of_its_days(world: World, receiver: HttpReceiver) -> None:
    world.forward(https(receiver))
    raw = world.warehouse.raw
    tables = ForwardTables(raw.destination, raw.dataset_name)
    tables.forget_before(date(2026, 3, 2))
    with raw.sql_client() as client:
        for table in ("events", "event_days"):
            client.execute_sql(f"delete from anaplan_audit_raw.{table} where event_day < '2026-03-02'")
        assert client.execute_sql("select count(*) from anaplan_audit_raw.forwarded_events") == [(26,)]
    world.enrich(recount=True)
    assert world.forward(https(receiver)) == [Forwarded("soc", 0)]


def test_the_collector_of_splunk_over_tls(world: World, tmp_path: Path) -> None:
    files = write_certificate(tmp_path)
    with HttpReceiver(files) as receiver:
        values = {"url": receiver.url, "token": "t0ken", "index": "audit", "sourcetype": "", "ca_file": str(files[0])}
        settings = TargetSettings("splunk", "splunk_hec", "ecs", None, values)
        assert world.forward(settings) == [Forwarded("splunk", 40)]
        path, headers = receiver.requests[0]
        assert (path, headers["Authorization"]) == ("/services/collector/event", "Splunk t0ken")
        sent = [json.loads(line) for body in receiver.bodies for line in body.splitlines()]
        assert {(one["index"], one["sourcetype"]) for one in sent} == {("audit", "anaplan:audit:ecs")}
        assert sent[0]["event"]["event"]["code"] == "USR-8" and re.fullmatch(r"\d{10}\.\d{3}", sent[0]["time"])
        untrusted = settings._replace(name="untrusted", values={**values, "ca_file": ""})
        (result,) = world.forward(untrusted)
        assert result.error.startswith("the TLS certificate of the host is not trusted")


def syslog(receiver: SyslogReceiver, authority: Path) -> TargetSettings:
    values = {"host": "127.0.0.1", "port": receiver.port, "ca_file": str(authority), "certificate": ""}
    return TargetSettings("soc", "syslog", "cef", None, {**values, "private_key": ""})


def test_syslog_over_tls(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "CHUNK", 1000)
    files = write_certificate(tmp_path)
    odd = event(101, "ODD CODE ü", "2026-03-03 12:00", user_id="Ünï|=", message="two\nlines")
    world.load(odd, hour=1)
    # A reset, also one after everything was written, is no acceptance.
    with SyslogReceiver(files, resets=2, reset_after=1000) as receiver:
        assert world.forward(syslog(receiver, files[0])) == [Forwarded("soc", 41)]
        assert receiver.connections == 2 + 3
    pattern = re.compile(rb"<1(?:09|10)>1 2026-03-0\dT[\d:.]{12}Z [!-~]+ anaplan-audit - ([!-~]{1,32}) - (CEF:0.*)")
    found = [pattern.fullmatch(message) for message in receiver.messages]
    assert None not in found
    sent = {int(parsed_cef(one[2].decode())[1]["externalId"]): one[1] for one in found if one}
    assert sorted(sent) == sorted_ids(*FIRST, odd) and len(receiver.messages) == 41
    assert sent[odd["id"]] == b"ODD_CODE__"
    with SyslogReceiver(write_certificate(tmp_path)) as stranger:
        settings = syslog(stranger, files[0])._replace(name="stranger")
    (result,) = world.forward(settings)
    assert "connection failed" in result.error


def test_a_file_a_day_without_broken_lines(world: World, tmp_path: Path) -> None:
    settings = TargetSettings("file", "file", "ocsf", None, {"path": str(tmp_path / "audit.jsonl")})
    assert world.forward(settings) == [Forwarded("file", 40)]
    (written,) = tmp_path.glob("audit-*.jsonl")
    assert re.fullmatch(r"audit-\d{4}-\d\d-\d\d\.jsonl", written.name)
    # What a killed run leaves.
    with written.open("ab") as file:
        file.write(b'{"metadata": {"ui')
    world.load(LATE, hour=1)
    world.forward(settings)
    sent = [json.loads(line)["metadata"]["uid"] for line in written.read_text(encoding="utf-8").splitlines()]
    assert sorted(map(int, sent)) == sorted_ids(*FIRST, LATE)
    nowhere = settings._replace(name="nowhere", values={"path": str(tmp_path / "none" / "audit.jsonl")})
    assert "No such file or directory. Check that the folder exists" in world.forward(nowhere)[0].error


def line(number: int, size: int = 10) -> Line:
    return Line(number, "USR-8", MOMENT, "low", b"x" * size)


def test_batches_keep_both_limits() -> None:
    lines = [line(0), line(1), line(2, 100), line(3), line(4), line(5), line(6)]
    assert [[one.event_id for one in batch] for batch in batches(lines, 3, 25)] == [[0, 1], [2], [3, 4], [5, 6]]
    assert [len(batch) for batch in batches(lines, 3, 1000)] == [3, 3, 1]
    assert list(batches([], 3, 25)) == []


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (429, PassingError, "HTTP 429"),
        (500, PassingError, "HTTP 500"),
        (400, TargetError, "HTTP 400."),
        (401, TargetError, "HTTP 401. Check `token`."),
        (302, TargetError, "HTTP 302."),
    ],
)
def test_which_answers_may_pass(receiver: HttpReceiver, status: int, kind: type, reason: str) -> None:
    receiver.statuses, receiver.retry_after = [status], "7"
    with opened_https(https(receiver)) as target, pytest.raises(TargetError) as raised:
        target.send([line(1)])
    assert (type(raised.value), str(raised.value)) == (kind, reason)
    assert len(receiver.requests) == 1 and receiver.requests[0][1]["Authorization"] == "Bearer t0ken"


def test_the_pause_is_what_the_target_asks_for_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "1.0")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_RETRY_DELAY", "30.0")

    def pause(attempt: int, wished: float) -> float:
        state: Any = type("State", (), {"attempt_number": attempt})
        state.outcome = type("Outcome", (), {"exception": lambda: PassingError("busy", wished)})
        return _pause(state)

    assert [pause(1, 0), pause(3, 0), pause(9, 0), pause(1, 7), pause(1, 3600)] == [1, 4, 30, 7, 30]


def test_a_host_that_refuses_is_named_without_address_or_secret(world: World, receiver: HttpReceiver) -> None:
    with HttpReceiver() as gone:
        settings = https(gone, "gone")
    (result,) = world.forward(settings)
    assert result.error == "the host refused the connection"
