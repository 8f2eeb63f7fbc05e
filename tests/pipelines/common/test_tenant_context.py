"""The settings of a tenant for a part of a process: of one thread, above environment and files, and only there."""

from concurrent.futures import ThreadPoolExecutor

import dlt
import pytest

from pipelines.common.tenant_context import using

KEY, SECRET = "sources.audit_source.region", "destination.postgres.credentials.password"


def settings_now() -> tuple[object, object]:
    return dlt.config.get(KEY), dlt.secrets.get(SECRET)


def test_settings_of_a_tenant_count_in_their_thread_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__AUDIT_SOURCE__REGION", "us1")
    general = settings_now()
    assert general == ("us1", None)
    with ThreadPoolExecutor(1) as other, using({KEY: "eu1", SECRET: "of-eu"}):
        assert settings_now() == ("eu1", "of-eu")
        assert other.submit(settings_now).result() == general
        with using({KEY: "ap1"}):
            assert settings_now() == ("ap1", None), "nothing of one tenant is left for another"
        assert settings_now() == ("eu1", "of-eu")
    assert settings_now() == general
    with pytest.raises(ZeroDivisionError), using({KEY: "eu1"}):
        _ = 1 / 0
    assert settings_now() == general
