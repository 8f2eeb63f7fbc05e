"""Signing in by OpenID Connect. Streamlit talks to the provider; here is decided who may see the pages."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import streamlit as st
import tomlkit

from pipelines.common.dashboard_settings import SignIn, sign_in_settings
from pipelines.common.extras import missing_extra

HOUR = 3600.0


def check_packages() -> None:
    """Refuse to go on without the package that Streamlit signs people in with.

    Raises:
        PipelineError: It is not installed.
    """
    try:
        import_module("authlib")
    except ModuleNotFoundError as error:
        raise missing_extra("dashboard", error) from error


@contextmanager
def secrets_file(sign_in: SignIn | None) -> Iterator[list[str]]:
    """Yield the options that give Streamlit the client of the provider.

    Streamlit reads it from a file only. The file is in a folder that only this account can read, until the block ends.
    """
    if sign_in is None:
        yield []
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "secrets.toml")
        file.write_text(tomlkit.dumps({"auth": sign_in.client}), encoding="utf-8")
        yield ["--secrets.files", str(file)]


def is_admitted() -> bool:
    """Return whether the reader may see the pages. If not, draw how to sign in, or why not.

    It reads the settings each time, so that no way to start the script leaves the sign-in out.
    """
    sign_in = sign_in_settings()
    if sign_in is None:
        return True
    claims = st.user.to_dict()
    if not is_recent(claims, sign_in, time.time()):
        _ask()
        return False
    if not may_open(claims, sign_in):
        _refuse(claims)
        return False
    with st.sidebar:
        st.caption(f"Signed in as {signed_in_as(claims)}.")
        st.button("Sign out", icon=":material/logout:", width="stretch", on_click=st.logout)
    return True


def is_recent(claims: Mapping[str, Any], sign_in: SignIn, now: float) -> bool:
    """Return whether somebody signed in within the hours of the settings; `now` in seconds since 1970.

    Streamlit's cookie is valid for 30 days, in which people leave and lose groups.
    """
    issued = claims.get("iat")
    if not claims.get("is_logged_in") or not isinstance(issued, int | float):
        return False
    return now - issued < sign_in.session_hours * HOUR


def may_open(claims: Mapping[str, Any], sign_in: SignIn) -> bool:
    """Return whether the provider's claims name an allowed user or group."""
    groups = claims.get(sign_in.groups_claim) or ()
    held = {groups} if isinstance(groups, str) else {str(one) for one in groups}
    if held & sign_in.groups:
        return True
    email = str(claims.get("email") or "").lower()
    # An address that the provider did not verify is one that anybody can enter.
    if "@" not in email or claims.get("email_verified") in (False, "false"):
        return False
    return email in sign_in.users or f"@{email.rpartition('@')[2]}" in sign_in.users


def signed_in_reader() -> str | None:
    """Return who signed in, None if nobody has to."""
    return signed_in_as(st.user.to_dict()) if sign_in_settings() else None


def signed_in_as(claims: Mapping[str, Any]) -> str:
    """Return the e-mail address, else the name, else the id of a person at the provider."""
    return str(claims.get("email") or claims.get("name") or claims.get("sub") or "")


def _ask() -> None:
    st.title("Anaplan audit log", anchor=False)
    st.text("Sign in to see it.")
    st.button("Sign in", icon=":material/login:", type="primary", on_click=st.login)


def _refuse(claims: Mapping[str, Any]) -> None:
    st.title("No access", anchor=False)
    st.text(f"{signed_in_as(claims)} may not open this dashboard.")
    st.markdown("The settings `allowed_users` and `allowed_groups` under `[dashboard]` list who may.")
    st.button("Sign in as somebody else", icon=":material/logout:", on_click=st.logout)
