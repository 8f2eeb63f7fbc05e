"""The command `forward`, and `run` that forwards at its end: what they print, their exit codes, and a kill."""

import json
import os
import time
from pathlib import Path

import pytest

from pipelines.common.configuration import check_settings, forward_targets
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.children import Child
from tests.support.killing import kill_at

DAY = 86_400_000
ADD = "pipelines.warehouse.forward_tables:ForwardTables.add_events"
SECRET = "s3cr3t-t0ken"


def sent(folder: Path) -> list[int]:
    (written,) = folder.glob("soc-*.jsonl")
    return sorted(int(json.loads(one)["metadata"]["uid"]) for one in written.read_text().splitlines())


@pytest.mark.usefixtures("event_model", "no_details")
def test_forward(tenant: Tenant, duck: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tenant.run("forward").err == "audit: no targets are configured. Add a section `[forward.NAME]`.\n"
    monkeypatch.setenv("FORWARD__SOC__TYPE", "file")
    monkeypatch.setenv("FORWARD__SOC__PATH", str(tmp_path / "soc.jsonl"))
    assert tenant.run("forward").err.startswith("audit: there are no tables yet")
    assert tenant.run("forward", "--dry-run").err.startswith("audit: there are no tables yet")
    now = int(time.time() * 1000) - 3 * DAY
    events = [event(number, now + number * 1000) for number in range(5)]
    with plain_server(events) as server:
        outcome = tenant.at(server.url).run("run")
        assert outcome.code == 0 and "forwarded" not in outcome.out
    day = duck.rows("select min(event_day), max(event_day) from anaplan_audit.fct_events")[0]
    shown = tenant.run("forward", "--dry-run")
    days = "1 day" if day[0] == day[1] else "2 days"
    assert (shown.code, shown.out) == (0, f"would forward 5 events to soc of {days}, {day[0]} to {day[1]}\n")
    assert not list(tmp_path.glob("soc-*")) and "forward_targets" not in str(duck.rows("show all tables"))

    # Killed after the target has accepted everything, and before that is recorded.
    killed = Child(tmp_path / "child", dict(os.environ), ["forward"], [(kill_at, ADD, "before", 1)]).end()
    assert killed.code == -9 and sent(tmp_path) == [one["id"] for one in events]
    outcome = tenant.run("forward", "soc")
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, "forwarded 5 events to soc")
    assert sent(tmp_path) == sorted([one["id"] for one in events] * 2)

    # A second target that nobody answers, at the end of each run: the first one still gets what is new.
    monkeypatch.setenv("FORWARD__AFTER_RUN", "true")
    monkeypatch.setenv("FORWARD__GONE__TYPE", "https")
    monkeypatch.setenv("FORWARD__GONE__URL", f"http://127.0.0.1:9/{SECRET}-path")
    monkeypatch.setenv("FORWARD__GONE__TOKEN", SECRET)
    with plain_server([*events, event(9, now + 9000)]) as server:
        tenant.set("OVERLAP_MINUTES", "10000")
        outcome = tenant.at(server.url).run("run")
    assert outcome.code == 7, outcome.err
    assert "forwarded 1 event to soc" in outcome.out and SECRET not in outcome.out + outcome.err
    assert "forward: target `gone`: the host refused the connection. The next run sends the rest." in outcome.err
    assert sent(tmp_path)[-1] == event(9, 0)["id"]
    runs = duck.rows("select command, exit_code, forwarded_events from anaplan_audit_raw.runs order by started_at")
    assert runs == [("run", 0, None), ("forward", None, None), ("forward", 0, 5), ("run", 7, 1)]
    assert tenant.run("forward", "nobody").err.startswith("audit: target `nobody` is not configured. The targets are")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"soc__type": "kafka"}, "`forward.soc.type`: `kafka` is not one of syslog, splunk_hec, https, file."),
        ({"soc__path": "x"}, "`forward.soc.type`: `` is not one of"),
        ({"soc__type": "file"}, "`forward.soc.path` is missing"),
        (
            {"soc__type": "file", "soc__path": "x", "soc__url": "https://x"},
            "does not exist for a target of type `file`",
        ),
        ({"soc__type": "file", "soc__path": "x", "soc__format": "csv"}, "`forward.soc.format`: `csv` is not one of"),
        ({"soc__type": "file", "soc__path": "x", "soc__since": "soon"}, "`soon` is not a day"),
        ({"soc__type": "syslog", "soc__host": "x", "soc__port": "0"}, "`0` is not a port"),
        ({"soc__type": "https", "soc__url": "http://siem.example.com"}, "plain http only reaches this machine"),
        ({"soc__type": "https", "soc__url": "https://a:b@siem.example.com"}, "is not an address"),
        ({"soc__type": "https", "soc__url": "https://x", "soc__ca_file": "none.pem"}, "there is no file `none.pem`"),
        ({"after_runs": "true"}, "setting `forward.after_runs` (FORWARD__AFTER_RUNS) does not exist"),
    ],
)
def test_wrong_settings(settings: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"FORWARD__{name.upper()}", value)
    with pytest.raises(Exception, match="forward") as raised:
        check_settings()
    assert said in str(raised.value) and "a:b@" not in str(raised.value)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"type": "syslog", "host": "siem.example.com", "since": "2026-11-01"}.items():
        monkeypatch.setenv(f"FORWARD__SOC__{name.upper()}", value)
    check_settings()
    (target,) = forward_targets()
    assert (target.name, target.kind, target.file_format, str(target.since)) == ("soc", "syslog", "cef", "2026-11-01")
    assert target.values["port"] == 6514
