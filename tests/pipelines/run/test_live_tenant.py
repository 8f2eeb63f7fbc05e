"""A whole run against a tenant that behaves like live ones. Every row is compared with the tenant's data."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.conftest import Engine, Outcome, Tenant
from tests.support.live_tenant import Company, LiveTenant, whole_company, written_forms
from tests.support.live_tenant.company import DAY, HOUR
from tests.support.live_tenant.directory import ANNA
from tests.support.live_tenant.observed_events import ACTION_CODES, use_unlisted_codes
from tests.support.prepared import PreparedFolders
from tests.support.small_models import build_only, copy_models, with_models
from tests.support.truth import compare, compare_events, compare_list, compare_windows

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PASSWORD = "Pässword: 100% right"
RAW, ENRICHED = "anaplan_audit_raw", "anaplan_audit"
SMALL_PAGES: dict[str, Any] = {"most": 120, "meta": "if_needed"}


class Pair:
    """A key, and the possible contents of its file: the CA certificate first, the key, its own certificate."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        authority = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = _certificate(self.key, authority, "auditor")
        pem = serialization.Encoding.PEM
        self.key_pem = self.key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        issuer = _certificate(authority, authority, "authority").public_bytes(pem).decode()
        own = self.certificate.public_bytes(pem).decode()
        bag = "Bag Attributes\n    friendlyName: auditor\n"
        self.chain = f"{bag}{issuer}{bag}{self.key_pem}Key Attributes: <No Attributes>\n{own}".replace("\n", "\r\n")

    @property
    def key_lines(self) -> list[str]:
        return [line for line in self.key_pem.splitlines() if "-----" not in line]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    yield Pair()


@pytest.fixture(scope="module")
def two_days() -> Company:
    return whole_company(2)


@pytest.fixture
def loaded(
    tenant: Tenant, engine: Engine, two_days: Company, prepared_folders: PreparedFolders, tmp_path: Path
) -> Company:
    """A company whose two days one run has loaded."""

    def run() -> None:
        with LiveTenant(two_days) as live:
            use_password(tenant, live)
            assert tenant.run("run").code == 0

    if engine.kind == "duckdb":
        prepared_folders.restore("two days", tmp_path, run)
    else:
        run()
    return two_days


def use_certificate(tenant: Tenant, live: LiveTenant, pair: Pair, folder: Path) -> None:
    """Sign in with the file that contains everything, named by both settings."""
    live.sign_in.certificate = pair.certificate
    file = folder / "everything.pem"
    file.write_bytes(pair.chain.encode())
    file.chmod(0o600)
    live.point(tenant.set)
    tenant.set("CREDENTIALS__CERTIFICATE", file)
    tenant.set("CREDENTIALS__PRIVATE_KEY", file)
    tenant.set("PAGE_SIZE", 100)


def use_password(tenant: Tenant, live: LiveTenant, **where: str) -> None:
    live.point(tenant.set, **where)
    tenant.set("CREDENTIALS__EMAIL", "auditor@example.com")
    tenant.set("CREDENTIALS__PASSWORD", PASSWORD)
    tenant.set("PAGE_SIZE", 100)


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("v1", marks=pytest.mark.usual_engine("duckdb")),
        pytest.param("v2", marks=pytest.mark.usual_engine("postgres")),
    ],
)
@with_models("event_model")
def test_run_against_a_live_like_tenant_is_exact_and_leaks_no_secret(
    tenant: Tenant, engine: Engine, tmp_path: Path, pair: Pair, version: str
) -> None:
    company = whole_company()
    with LiveTenant(company, version, **SMALL_PAGES) as live:
        use_certificate(tenant, live, pair, tmp_path)
        outcome = tenant.run("run")
        assert (outcome.code, outcome.err) == (0, "")
        assert "drift" not in outcome.out
        again = tenant.run("run")
        assert (again.code, again.err) == (0, "") and "loaded    0 new events" in again.out
        status = tenant.run("status")
        assert status.code == 0, status.out
    # A v1 server rejects the v2 form once. A v2 server never gets the v1 form.
    assert all(refusal.startswith("unknown field") for refusal in live.sign_in.refusals)
    assert len(live.sign_in.refusals) == (2 if version == "v1" else 0)
    assert live.sign_in.violations == []
    holds_what_the_tenant_holds(engine, company)
    secrets = [*pair.key_lines, *live.sign_in.issued]
    keeps_secrets(secrets, engine, tmp_path, live, [outcome, again, status], {"everything.pem"})


@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("event_model")
def test_later_run_adds_only_new_and_late_events_with_the_user_name_of_their_time(
    tenant: Tenant, engine: Engine
) -> None:
    company = whole_company()
    with LiveTenant(company, clock_seconds=-26 * 3600, **SMALL_PAGES) as live:
        use_password(tenant, live, slash="/", host="localhost")
        first = tenant.run("run")
        held_first = len([one for one in company.events if one["createdDate"] <= live.now_ms() - 60_000])
        # Half a day later Anna has a new name, and a late event from days ago arrives.
        live.clock_seconds = -13 * 3600
        anna = next(user for user in company.users if user["id"] == ANNA)
        anna.update(lastName="Zeller", lastLoginDate="2026-11-26T01:00:00.000+0000")
        late = company.happen("USR-8", live.now_ms() - 5 * DAY, "User login success", ANNA, ANNA, {})
        late.sent["createdDate"] = live.now_ms() - 2 * HOUR
        live.publish()
        second = tenant.run("run")
        held_second = len([one for one in company.events if one["createdDate"] <= live.now_ms() - 60_000])
        live.clock_seconds = 0
        company.happen("USR-10", live.now_ms() - HOUR, "User logout success", ANNA, ANNA, {}, user_name="Anna Zeller")
        live.publish()
        third = tenant.run("run")
    assert [first.code, second.code, third.code] == [0, 0, 0]
    for outcome in (first, second):
        assert outcome.err.count("\n") == 1 and "behind" not in outcome.out and "ahead of Anaplan's" in outcome.err
    assert third.err == ""
    assert f"loaded    {held_first} new events, 0 of them late" in first.out
    assert f"loaded    {held_second - held_first} new events, 1 of them late" in second.out
    assert f"loaded    {len(company.events) - held_second} new events, 0 of them late" in third.out
    assert "users 1 of 5" in second.out and "users 0 of 5" in third.out
    # Events after the second run belong to the user under the new name.
    renamed = EPOCH + timedelta(milliseconds=int(live.now_ms() - 13 * HOUR))
    for one in company.happenings:
        happened = EPOCH + timedelta(milliseconds=one.sent["eventDate"])
        if one.expected.get("user_name") == "Anna Arndt" and happened > renamed:
            one.expected["user_name"] = "Anna Zeller"
    holds_what_the_tenant_holds(engine, company)
    names = engine.rows(
        f"select user_name, user_name_now from {ENRICHED}.fct_events where event_id = {late.sent['id']}"
    )
    assert names == [("Anna Arndt", "Anna Zeller")]


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_every_action_event_has_its_model_workspace_and_action(loaded: Company, engine: Engine) -> None:
    codes = ", ".join(f"'{code}'" for code in ACTION_CODES)
    facts = engine.rows(
        "select event_type_id, object_kind, model_id is null, workspace_name is null, action_id, process_id"
        f" from {ENRICHED}.fct_events where event_type_id in ({codes})"
    )
    sent = [one for one in loaded.events if one["eventTypeId"] in ACTION_CODES]
    assert len(facts) == len(sent) == 3 * len(ACTION_CODES) + 2
    assert {(kind, no_model, no_workspace) for _, kind, no_model, no_workspace, *_ in facts} == {
        ("model", False, False)
    }
    assert sum(action is not None for *_, action, _ in facts) == sum(
        "actionId" in (one["additionalAttributes"] or {}) for one in sent
    )
    assert {action[:3] for *_, action, process in facts if process} == {"118"}
    changes = engine.rows(f"select count(*), count(model_name) from {ENRICHED}.fct_model_changes")
    # A model that the account may not see has no name.
    assert changes == [(len(sent), len(sent) - 1)]


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_unlisted_codes_get_the_category_of_their_prefix(
    tenant: Tenant, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_only(copy_models(tmp_path / "models", ("fct_events", "dim_event_types")), monkeypatch)
    company = whole_company(2)
    codes = use_unlisted_codes(company, company.now - 3 * HOUR)
    with LiveTenant(company) as live:
        use_password(tenant, live)
        outcome = tenant.run("run")
    assert (outcome.code, outcome.err) == (0, "")
    # New codes are reported once. No field is new.
    said = next(line for line in outcome.out.splitlines() if line.startswith("drift"))
    assert "unknown code" in said and "field" not in said
    assert sum(code in said for code in codes) == 10 and said.endswith(f" and {len(codes) - 10} more")
    holds_what_the_tenant_holds(engine, company)
    unknown = f"select distinct event_type_id from {ENRICHED}.fct_events where event_category = 'unknown'"
    assert engine.rows(unknown) == [("QQQ-1",)]
    listed = f"select event_type_id from {ENRICHED}.dim_event_types where event_category = 'unknown'"
    assert engine.rows(listed) == [("QQQ-1",)]


@pytest.mark.usual_engine("duckdb")
def test_denied_access_and_platform_changes_become_facts(loaded: Company, engine: Engine) -> None:
    denied = engine.rows(
        f"select event_type_id, user_name, model_name, workspace_name from {ENRICHED}.fct_denied_access order by 1"
    )
    assert denied == [
        ("AUTHZ-0", "Dirk Dünn", None, None),
        ("AUTHZ-2", None, None, None),
        ("USR-14", "Dirk Dünn", "Plan 2026", "Finance"),
    ]
    changed = {row[0] for row in engine.rows(f"select event_type_id from {ENRICHED}.fct_platform_changes")}
    assert changed >= {
        "INT-6",
        "INT-61",
        "DSM-229",
        "DSM-501",
        "BYOK-231",
        "BYOK-239",
        "COMMENT-1",
        "WF-100",
        "FRCST-64",
    }
    granted = f"select user_id, target_user_name, role_name from {ENRICHED}.fct_access_changes where event_type_id = 'AUTHZ-3'"
    assert [row[1:] for row in engine.rows(granted)] == [("Dirk Dünn", "Tenant Auditor")]


@pytest.mark.parametrize(
    ("form", "clock"), [("der", 0), ("pem", 5400), pytest.param("pem", -5400, marks=pytest.mark.variant)]
)
def test_certificate_sign_in_adapts_to_the_servers_form_and_clock(
    tenant: Tenant, duck: Engine, tmp_path: Path, pair: Pair, form: str, clock: int
) -> None:
    """The timestamp follows the server's clock, and the header has the form that the server expects."""
    company = whole_company(1)
    with LiveTenant(company, form=form, clock_seconds=clock) as live:
        use_certificate(tenant, live, pair, tmp_path)
        outcome = tenant.run("load")
    assert outcome.code == 0, outcome.err
    assert live.sign_in.violations == [] and len(live.sign_in.refusals) == 1
    held = [one for one in company.events if one["createdDate"] <= live.now_ms() - 60_000]
    assert compare_events(held, duck).is_exact


@pytest.mark.long
@pytest.mark.usefixtures("few_models")
def test_refresh_token_rotates_and_supplied_access_token_stays_valid(
    tenant: Tenant, duck: Engine, tmp_path: Path
) -> None:
    company = whole_company(1)
    with LiveTenant(company) as live:
        live.point(tenant.set)
        live.sign_in.client_secret = "shhh-client-secret"
        for name, value in (("ID", "client-1"), ("SECRET", "shhh-client-secret")):
            tenant.set(f"CREDENTIALS__CLIENT_{name}", value)
        tenant.set("CREDENTIALS__REFRESH_TOKEN", "refresh-0")
        tenant.set("TOKEN_STORE", tmp_path / "token.json")
        outcomes = [tenant.run("run"), tenant.run("load")]
        assert [(one.code, one.err) for one in outcomes] == [(0, ""), (0, "")]
        assert live.sign_in.refresh_token in (tmp_path / "token.json").read_text()
        keeps_secrets(
            [*live.sign_in.issued, live.sign_in.refresh_token], duck, tmp_path, live, outcomes, {"token.json"}
        )
        for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"):
            tenant.unset(f"CREDENTIALS__{name}")
        ready = live.sign_in.new_token()
        tenant.set("CREDENTIALS__ACCESS_TOKEN", ready)
        outcome = tenant.run("load")
        assert (outcome.code, outcome.err) == (0, "") and ready in live.sign_in.tokens
    assert compare_events(company.events, duck).is_exact


def holds_what_the_tenant_holds(engine: Engine, company: Company) -> None:
    """Compare raw rows, lists, windows and facts with the company, row by row."""
    assert compare_events(company.events, engine).is_exact
    for name, records in (("users", company.users), ("workspaces", company.workspaces), ("models", company.models)):
        assert compare_list(name, records, engine).is_exact, name
    assert compare_windows(company.events, engine).is_exact
    details = engine.rows(
        "select id, last_saved_serial_number, model_transaction_running, category_values is not null"
        f" from {RAW}.models where _dlt_valid_to is null"
    )
    told = [
        (one["id"], one["lastSavedSerialNumber"], one.get("modelTransactionRunning"), True) for one in company.models
    ]
    assert compare(told, details).is_exact
    columns = sorted({name for one in company.happenings for name in one.expected})
    facts = engine.rows(f"select event_id, occurred_at, {', '.join(columns)} from {ENRICHED}.fct_events")
    assert len(facts) == len(company.happenings)
    by_id = {row[0]: dict(zip(["occurred_at", *columns], row[1:], strict=True)) for row in facts}
    for one in company.happenings:
        fact = by_id[one.sent["id"]]
        assert fact["occurred_at"] == EPOCH + timedelta(milliseconds=one.sent["eventDate"])
        found = {name: fact[name] for name in one.expected}
        assert found == one.expected, one.sent


def keeps_secrets(
    secrets: list[str], engine: Engine, folder: Path, live: LiveTenant, outcomes: list[Outcome], own: set[str]
) -> None:
    """Search every output, file, table and request. The files in `own` may contain secrets."""
    forms = {form for secret in secrets for form in written_forms(secret)}
    texts = [f"{outcome.out}{outcome.err}".encode() for outcome in outcomes]
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in own]
    assert len(files) > 5
    texts += [path.read_bytes() for path in files]
    tables = _tables(engine)
    with engine.opened() as ask:
        texts += [repr(row).encode() for table in tables for row in ask(f"select * from {table}")]
    for request in live.requests:
        # A token is in its header only, and only the OAuth service gets the refresh token.
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        texts += [request.target.encode(), repr(headers).encode()]
        if not request.target.startswith("/oauth-host/"):
            texts.append(request.body)
        if request.headers.get("authorization", "").startswith("CACertificate"):
            texts.append(request.headers["authorization"].encode())
    found = [form for form in forms if any(form in text for text in texts)]
    assert found == []


def _tables(engine: Engine) -> list[str]:
    rows = engine.rows(
        f"select table_schema, table_name from information_schema.tables where table_schema like '{RAW[:13]}%'"
    )
    return [f'{schema}."{table}"' for schema, table in rows]


def _certificate(key: Any, signed_by: Any, name: str) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, "authority"))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=300))
        .sign(signed_by, hashes.SHA256())
    )
