"""A model that fails costs itself only: its reason is shown once, and the next runs leave it in peace for a day."""

from collections.abc import Iterator

import pytest

from audit_source import Run
from audit_source.directory import details
from audit_source.directory.content_plan import FAILED, FORBIDDEN, READ, ListedModel, Task
from audit_source.directory.integrations import CloudWorksRoleError, fetch_integrations
from audit_source.directory.model_contents import read_models
from audit_source.directory.paged_lists import Budget
from audit_source.errors import UnreachableError
from audit_source.probe import open_session
from sandbox.api.tokens import PASSWORD
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant

RAW = "anaplan_audit_raw"
# Nothing listens on this port.
DEAD = "http://127.0.0.1:9/2/0"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=40, days=2, users=6, rate_limit=0) as running:
        yield running


@pytest.fixture
def at(tenant: Tenant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "0.3")
    tenant.set("HISTORY_DAYS", 2)
    return tenant.at(sandbox.url, password=PASSWORD)


def below_models(sandbox: Sandbox, since: int) -> int:
    return sum("/2/0/models/" in request.path for request in sandbox.requests[since:])


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("contents:403:1", FORBIDDEN),
        ("contents:404:1", FORBIDDEN),
        ("contents:423:1", FAILED),
        ("contents:429:5:retry_after=0", FAILED),
        ("contents:503:5", FAILED),
        ("contents:reset:5", FAILED),
        ("contents:timeout:5", FAILED),
        ("contents:html:5", FAILED),
        # Retried.
        ("contents:429:2:retry_after=0", READ),
        ("contents:503:4", READ),
    ],
)
@pytest.mark.usefixtures("at")
def test_each_failure_of_a_model_has_its_status(sandbox: Sandbox, fault: str, status: str) -> None:
    sandbox.faults.add(fault)
    models = [ListedModel(model.id.upper(), None, 1, 1, False) for model in sandbox.company.models[:3]]
    session = open_session()
    found = list(read_models(session.client, sandbox.url, [Task(model) for model in models], Budget(), 2))
    session.close()
    assert [one.status for one in found] == [status, READ, READ]
    assert (found[0].error is None) == (status == READ)


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ("contents:404:1", "forbidden", "contents of 1 model: the account may not enter them (model role NO ACCESS)"),
        ("contents:423:1", "failed", "contents of 1 model: HTTP 423 FAILURE, it is locked. What was known stays."),
        ("contents:503:5", "failed", "contents of 1 model: HTTP 503 after every try."),
    ],
)
def test_failing_model_is_explained_and_left_in_peace(
    at: Tenant, duck: Engine, sandbox: Sandbox, fault: str, status: str, says: str
) -> None:
    sandbox.faults.add(fault)
    outcome = at.run("load")
    assert (outcome.code, outcome.err) == (0, "")
    [line] = [line for line in outcome.out.splitlines() if line.startswith("not read")]
    assert says in line
    models = len(sandbox.company.models)
    assert f"contents  {models - 1} of {models} models read, 1 {status}\n" in outcome.out
    assert duck.rows(f"select count(*) from {RAW}.content_reads where status = '{status}'") == [(1,)]
    sent = len(sandbox.requests)
    again = at.run("load")
    assert again.code == 0 and below_models(sandbox, sent) == 0
    assert f"1 {status}" in at.run("status").out
    # A day later, a failed model is read; a closed one keeps its week.
    _make_older(duck)
    assert f"contents  {models - (status == 'forbidden')} of {models} models read" in at.run("load").out


def _make_older(engine: Engine) -> None:
    import duckdb

    with duckdb.connect(engine.address) as connection:
        connection.execute(f"update {RAW}.content_reads set read_at = read_at - interval 2 day")


@pytest.mark.long
def test_service_that_is_down_ends_the_reading_of_models(at: Tenant, duck: Engine, sandbox: Sandbox) -> None:
    sandbox.faults.add("contents:503:*:skip=30")
    outcome = at.run("load")
    assert outcome.code == 0 and outcome.out.count("HTTP 503 after every try") == 1
    # Three models with five tries each, not all of them.
    assert sandbox.faults.active[0].done <= 15
    assert "waiting" in outcome.out
    sandbox.faults.clear()
    sandbox.faults.add("contents:503:*:skip=3")
    history = at.run("model-history")
    assert history.code == 4 and "HTTP 503 after every try" in history.err
    assert "model history: the other models are left to the next run" in history.err
    assert sandbox.faults.active[0].done < 5 * len(sandbox.company.models)
    sandbox.faults.clear()
    assert at.run("model-history")[::2] == (0, "")


@pytest.mark.long
def test_locked_process_is_no_process_without_steps(at: Tenant, duck: Engine, sandbox: Sandbox) -> None:
    process = next(
        row["id"] for model in sandbox.company.models for row in sandbox.state.contents.rows(model, "processes")
    )
    model = next(model for model in sandbox.company.models if sandbox.state.contents.rows(model, "processes"))
    sandbox.faults.add(f"/2/0/models/{model.id.upper()}/processes/{process}:423:1")
    assert "1 failed" in at.run("load").out
    _make_older(duck)
    assert "failed" not in at.run("load").out
    steps = f"select count(*) > 0 from {RAW}.process_steps where model_id = '{model.id.upper()}' and process_id = '{process}'"
    assert duck.rows(steps) == [(True,)]


@pytest.mark.long
def test_cloudworks_is_read_from_the_address_that_answers(
    at: Tenant, duck: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = f"{sandbox.url}/cloudworks/2/0"
    urls = property(lambda self: [DEAD, api])
    monkeypatch.setattr(details.AuditSettings, "cloudworks_urls", urls)
    tried: list[str] = []
    fetch = fetch_integrations

    def counted(client: object, urls: list[str]) -> object:
        tried.append(urls[0])
        return fetch(client, urls)  # type: ignore[arg-type]

    monkeypatch.setattr("audit_source.directory.integrations.fetch_integrations", counted)
    for _ in range(2):
        outcome = at.run("load")
        assert (outcome.code, outcome.err) == (0, "") and "not read" not in outcome.out
    assert duck.rows(f"select count(*) from {RAW}.integrations") == [(len(sandbox.company.integrations),)]
    # The second run does not wait for the address that did not answer.
    assert tried == [DEAD, api]


def test_reason_why_cloudworks_is_not_read_is_that_of_its_own_address(at: Tenant, sandbox: Sandbox) -> None:
    elsewhere, without = f"{sandbox.url}/nowhere/2/0", f"{sandbox.url}/cloudworks/2/0"
    with Run() as run:
        session = open_session()
        run.closing(session.close)
        for urls in ([DEAD, elsewhere], [elsewhere, DEAD]):
            with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9"):
                fetch_integrations(session.client, urls)
        assert fetch_integrations(session.client, [elsewhere, without]).url == without
        sandbox.faults.add("cloudworks:452:1")
        with pytest.raises(CloudWorksRoleError, match="Restricted Integration User"):
            fetch_integrations(session.client, [without, DEAD])


@pytest.mark.long
def test_cloudworks_url_is_the_only_address_if_it_is_set(at: Tenant, sandbox: Sandbox) -> None:
    at.set("CLOUDWORKS_URL", "http://127.0.0.1:9")
    outcome = at.run("load")
    assert outcome.code == 0 and "not read  integrations: GET http://127.0.0.1:9/2/0/integrations: " in outcome.out
    assert "cloudworks  no answer: GET http://127.0.0.1:9/2/0/integrations" in at.run("check-access").out
    assert not any("/integrations" in request.path for request in sandbox.requests)
    at.set("CLOUDWORKS_URL", sandbox.url)
    assert "not read" not in at.run("load").out
    assert any(request.path == "/2/0/integrations" for request in sandbox.requests)
