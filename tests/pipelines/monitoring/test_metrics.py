"""Metrics of a destination arrive in a Prometheus file and at an OTLP receiver, and never fail a run."""

import os
import re
import sys
import time
from pathlib import Path

import pytest
import tomlkit
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.common.configuration import check_settings
from pipelines.common.exit_codes import PipelineError
from pipelines.common.extras import EXTRAS
from pipelines.common.tenants import settings_of
from pipelines.monitoring.metrics import otlp
from pipelines.monitoring.metrics.measures import DESCRIPTIONS, PREFIX, Measure, Sample, read_measures
from pipelines.monitoring.metrics.write import write_metrics
from pipelines.warehouse.reader import open_reader
from tests.conftest import REPOSITORY, Engine, Tenant, event, plain_server
from tests.support.receivers import HttpReceiver
from tests.support.status_command import EVENTS, some_events, write

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "anaplan_audit.prom"
    monkeypatch.setenv("METRICS__PROMETHEUS_FILE", str(path))
    return path


def values(path: Path) -> Values:
    """Return the values of a file by name and labels, as the parser of Prometheus reads them."""
    return {
        (sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8"))
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({"tenant": "default", **labels}.items())


@pytest.mark.usefixtures("no_details")
@pytest.mark.usual_engine("duckdb")
def test_each_run_writes_the_state_of_the_destination(
    tenant: Tenant, engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = some_events()
    with plain_server(events) as server, HttpReceiver() as collector:
        monkeypatch.setenv("METRICS__OTLP_ENDPOINT", f"{collector.url}/v1/metrics")
        monkeypatch.setenv("METRICS__OTLP_HEADERS", "Authorization=Basic c2VjcmV0, X-Scope=audit")
        began = time.time()
        assert tenant.at(server.url).run("load").err == ""
        first = values(file)
        tenant.set("CREDENTIALS__PASSWORD", "wrong")
        assert tenant.run("load").code == 3
    assert file.stat().st_mode & 0o777 == 0o644
    assert first[key("rows", dataset="anaplan_audit_raw", table="events")] == EVENTS
    newest = max(one["eventDate"] for one in events) / 1000
    assert first[key("newest_event_timestamp_seconds")] == pytest.approx(newest, abs=0.001)
    assert first[key("newest_event_age_seconds")] == pytest.approx(time.time() - newest, abs=120)
    assert began - 120 < first[key("covered_until_timestamp_seconds")] < time.time()
    assert first[key("last_run_new_events", command="load")] == EVENTS
    assert first[key("last_run_seconds", command="load", step="load")] > 0
    assert first[key("gaps")] == first[key("incomplete_windows")] == 0
    assert [first[key("open_findings", severity=one)] for one in ("high", "medium", "low")] == [0, 0, 0]
    success = key("last_success_timestamp_seconds", command="load")
    assert began <= first[success] <= time.time()
    after = values(file)
    assert after[key("last_run_exit_code", command="load")] == 3
    assert after[success] == first[success] <= after[key("last_run_timestamp_seconds", command="load")]
    # Nothing else is left in the folder that the collector reads.
    assert [path.name for path in file.parent.glob("*.prom*")] == [file.name]
    path, headers = collector.requests[0]
    sent = {name.lower(): value for name, value in headers.items()}
    assert (path, sent["authorization"], sent["x-scope"]) == ("/v1/metrics", "Basic c2VjcmV0", "audit")
    assert [arrived(body) for body in collector.bodies] == [first, after]


def arrived(body: bytes) -> Values:
    """Return the values of a request to the collector by name and labels."""
    (of_resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    attributes = {one.key: one.value.string_value for one in of_resource.resource.attributes}
    assert attributes["service.name"] == "anaplan-audit-log"
    found: Values = {}
    for metric in of_resource.scope_metrics[0].metrics:
        for point in metric.gauge.data_points:
            labels = frozenset((label.key, label.value.string_value) for label in point.attributes)
            number = point.as_double if point.HasField("as_double") else point.as_int
            found[metric.name.removeprefix(PREFIX), labels] = float(number)
    return found


@pytest.mark.usefixtures("no_details")
def test_open_problems_count_until_they_are_acknowledged(
    tenant: Tenant, duck: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with plain_server(some_events()) as server:
        server.shape["withhold"] = server.events[0]["id"]
        assert tenant.at(server.url).run("load").code == 5
    complete = "(select min(window_start) from anaplan_audit_raw.event_windows where status = 'complete')"
    write(duck, f"update anaplan_audit_raw.event_windows set status = 'expired' where window_start = {complete}")
    ended = tenant.run("metrics")
    assert (ended.code, ended.err) == (0, "") and ended.out == f"metrics   {len(values(file))} values to {file}\n"
    assert (values(file)[key("gaps")], values(file)[key("incomplete_windows")]) == (1, 1)
    assert [tenant.run("acknowledge", what).code for what in ("gaps", "incomplete")] == [0, 0]
    monkeypatch.setenv("TENANT", "production")
    with open_reader(0) as reader:
        assert reader is not None
        samples = [one for measure in read_measures(reader) for one in measure.samples]
    assert [one.value for one in samples if one.name in ("gaps", "incomplete_windows")] == [0, 0]
    assert {one.labels["tenant"] for one in samples} == {"production"}


@pytest.mark.usefixtures("no_details")
def test_a_failing_target_is_said_once_and_fails_no_run(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS__PROMETHEUS_FILE", "missing/audit.prom")
    with plain_server([event(1, int(time.time() * 1000) - 600_000)]) as server, HttpReceiver() as collector:
        collector.statuses = [400]
        monkeypatch.setenv("METRICS__OTLP_ENDPOINT", collector.url)
        run = tenant.at(server.url).run("load")
    assert (run.code, run.err.splitlines()) == (
        0,
        [
            "audit: the metrics were not written to missing/audit.prom: No such file or directory. "
            "Check `prometheus_file` under [metrics].",
            f"audit: the metrics were not written to {collector.url}: HTTP 400. Check `otlp_endpoint` under [metrics].",
        ],
    )


def test_a_collector_that_refuses_is_named_without_its_headers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT_SECONDS", 0.5)
    headers = {"Authorization": "Bearer t0ken-4711"}
    measures = [Measure("anaplan_audit_gaps", "Gaps", [Sample("gaps", 1, {})])]
    with HttpReceiver() as collector:
        for status in (302, 401):
            collector.statuses = [status]
            with pytest.raises(otlp.NotTakenError, match=f"^HTTP {status}$"):
                otlp.send(collector.url, headers, measures)
        collector.statuses = [503] * 20
        with pytest.raises(otlp.NotTakenError, match=r"^HTTP 503$"):
            otlp.send(collector.url, headers, measures)
        assert {path for path, _ in collector.requests} == {"/"}
    with pytest.raises(otlp.NotTakenError, match=r"^no response within"):
        otlp.send(collector.url, headers, measures)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("extra", "module", "setting"),
    [
        ("prometheus", "prometheus_client", ("PROMETHEUS_FILE", "a.prom")),
        ("opentelemetry", "opentelemetry.sdk.metrics", ("OTLP_ENDPOINT", "http://127.0.0.1:9")),
    ],
)
def test_a_missing_extra_is_one_line_with_its_command(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, extra: str, module: str, setting: tuple[str, str]
) -> None:
    monkeypatch.setenv(f"METRICS__{setting[0]}", setting[1])
    monkeypatch.setitem(sys.modules, module, None)
    packages = " ".join(f'"{package}"' for package in EXTRAS[extra])
    line = f"the package `{module}` is missing. Install it: {sys.executable} -m pip install {packages}"
    for command in ("metrics", "check-access"):
        ended = tenant.at("http://127.0.0.1:9").run(command)
        assert (ended.code, ended.err) == (2, f"audit: {line}\n"), command
    (written,) = write_metrics([])
    assert written.target == setting[1] and str(written.failure) == line


def test_a_missing_dashboard_is_one_line_with_its_command(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamlit.web", None)
    packages = " ".join(f'"{package}"' for package in EXTRAS["dashboard"])
    ended = tenant.run("dashboard")
    assert ended.code == 2 and ended.err.startswith("dashboard: the package `streamlit")
    assert ended.err.endswith(f" is missing. Install it: {sys.executable} -m pip install {packages}\n")


def test_extras_are_those_of_the_project() -> None:
    project = tomlkit.parse((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")).unwrap()["project"]
    extras = project["optional-dependencies"]
    assert {name: tuple(extras[name]) for name in EXTRAS} == EXTRAS


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PROMETHEUS_FILE", "/metrics/audit.txt", "`prometheus_file`: `/metrics/audit.txt` does not end with `.prom`"),
        ("OTLP_ENDPOINT", "collector:4318", "`otlp_endpoint` is not an address"),
        ("OTLP_ENDPOINT", "https://user:word@collector", "without credentials"),
        ("OTLP_HEADERS", "Bearer", "`otlp_headers` is not a list of headers"),
        ("PROMETHEUS_FIEL", "a.prom", "`prometheus_fiel` (METRICS__PROMETHEUS_FIEL) does not exist. Did you mean"),
    ],
)
def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(f"METRICS__{name}", value)
    with pytest.raises(PipelineError, match=re.escape(says)) as refused:
        check_settings()
    assert refused.value.code == 2


def test_command_needs_a_target_a_folder_and_tables(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no target is configured under [metrics]" in tenant.run("metrics").err
    monkeypatch.setenv("METRICS__PROMETHEUS_FILE", "missing/audit.prom")
    ended = tenant.run("metrics")
    assert ended.code == 1 and f"`{os.path.abspath('missing')}` cannot be written" in ended.err
    monkeypatch.setenv("METRICS__PROMETHEUS_FILE", "audit.prom")
    ended = tenant.run("metrics")
    assert ended.code == 2 and "there are no tables yet" in ended.err


def test_each_tenant_has_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS__PROMETHEUS_FILE", "/metrics/audit.prom")
    monkeypatch.setenv("TENANTS__PRODUCTION__REGION", "eu1")
    monkeypatch.setenv("TENANTS__TEST__METRICS__PROMETHEUS_FILE", "/metrics/other.prom")
    files = [settings_of(name)["metrics.prometheus_file"] for name in ("production", "test")]
    assert files == ["/metrics/audit_production.prom", "/metrics/other.prom"]


def test_every_metric_is_documented() -> None:
    text = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    named = re.findall(rf"^\| `{PREFIX}(\w+)`", text, re.MULTILINE)
    assert named == list(DESCRIPTIONS)
