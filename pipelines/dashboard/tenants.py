"""Which tenant the pages show, where the dashboard was started for all of them.

The choice is part of the address. Queries, their cached answers, links and files are those of the tenant that was
chosen and that the reader may see: this module alone says which.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote

import streamlit as st

from pipelines.common.dashboard_settings import SignIn, sign_in_settings
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.tenant_context import using
from pipelines.common.tenants import chosen_tenant

from .options import options
from .sign_in import may_open

PARAMETER = "tenant"
# The tenant of the page that was drawn last. The address may name any other.
SHOWN = "shown_tenant"
LIST = "choose_tenant"
# What another tenant's page may keep.
KEPT = {LIST, "period", "days", "zone"}
_bound: ContextVar[str | None] = ContextVar("bound", default=None)


def check_tenants(general: SignIn | None) -> None:
    """Refuse a provider that a tenant has for itself: one page can send people to one provider only.

    Raises:
        PipelineError: The settings of a tenant are wrong, or name another provider than the general ones.
    """
    for name, settings in options.tenants.items():
        with using(settings):
            own = sign_in_settings()
        if own is not None and (general is None or own.client != general.client):
            raise PipelineError(
                CONFIGURATION,
                f"tenant `{name}` has a provider of its own under [tenants.{name}.dashboard]. Set the provider under "
                "[dashboard], and only `allowed_users` and `allowed_groups` for a tenant, or use --tenant.",
            )


def shown_tenant() -> str | None:
    """Return the tenant whose data is read now; None if no tenants are configured."""
    if not options.tenants:
        return chosen_tenant()
    return _bound.get() or st.session_state.get(SHOWN)


@contextmanager
def settings_of_shown(tenant: str | None = None) -> Iterator[None]:
    """Use the settings of the tenant that is shown, or of the one that is named.

    Name it where no page is drawn: a file is written when somebody clicks, in a thread that knows no page.
    """
    if not options.tenants:
        yield
        return
    name = tenant or shown_tenant()
    # Without a tenant, the general settings would name a database of nobody, or of somebody.
    assert name is not None
    token = _bound.set(name)
    try:
        with using(options.tenants[name]):
            yield
    finally:
        _bound.reset(token)


def choose_tenant() -> bool:
    """Draw the list of tenants, if there are several; return whether one is chosen."""
    if not options.tenants:
        return True
    names = [name for name in options.tenants if _may_see(name)]
    if not names:
        st.title("No access", anchor=False)
        st.text("No tenant lets you open its pages.")
        return False
    # Always in the address, or a link would show another tenant once their order changes. Streamlit drops it when a
    # reader goes to another page.
    wanted = st.query_params.get(PARAMETER) or st.session_state.get(SHOWN) or names[0]
    st.session_state[LIST] = wanted if wanted in names else None
    with st.sidebar:
        st.selectbox("Tenant", names, key=LIST, on_change=_write, placeholder="Choose one")
    if wanted not in names:
        st.session_state.pop(SHOWN, None)
        st.title("Which tenant?", anchor=False)
        st.text("The address names no tenant that you can see. Choose one beside this page.")
        return False
    if st.query_params.get(PARAMETER) != wanted:
        st.query_params[PARAMETER] = wanted
    if st.session_state.get(SHOWN) not in (None, wanted):
        # Back or a link: what the address says is about this tenant.
        _forget()
    st.session_state[SHOWN] = wanted
    return True


def address_part() -> str:
    """Return the parameter of a page's address that names the tenant, with `&`; empty if there is only one."""
    name = shown_tenant() if options.tenants else None
    return f"{PARAMETER}={quote(name, safe='')}&" if name else ""


def about_tenant() -> Mapping[str, str]:
    """Return the tenant as files name it; empty if there is none."""
    name = shown_tenant()
    return {"Tenant": name} if name else {}


def _may_see(name: str) -> bool:
    """Return whether the lists that count for a tenant let the reader in, who is signed in if anybody has to be."""
    with using(options.tenants[name]):
        sign_in = sign_in_settings()
    return sign_in is None or may_open(st.user.to_dict(), sign_in)


def _write() -> None:
    """Write the choice into the address, without the ids that it has of the former tenant."""
    for key in [key for key in st.query_params if isinstance(st.session_state.get(key), list) and key not in KEPT]:
        st.session_state[key] = []
    st.query_params[PARAMETER] = st.session_state[LIST]


def _forget() -> None:
    """Drop what is not in the address: chosen rows, pages of results, words that were typed, what was done."""
    for key in [str(key) for key in st.session_state if key not in (*KEPT, *st.query_params)]:
        del st.session_state[key]
