"""What `init` writes: the user's own settings, and one way to sign in."""

from typing import Final

NO_SIGN_IN: Final = "none"
_CREDENTIALS = "[sources.audit_source.credentials]\n"
_SIGN_IN_TEXTS = {
    "password": """\
# E-mail address and password of an account with the Tenant Auditor role
email = "..."
password = "..."
""",
    "certificate": """\
# A CA certificate registered in Anaplan, and its RSA key: paths, or the PEM text in '''...'''
certificate = "..."
private_key = "..."
# private_key_password = "..."  # only if the key is encrypted
""",
    "oauth": """\
# A device-grant client needs only its id: `python -m pipelines.audit login` gets the token.
client_id = "..."
# refresh_token = "..."
# client_secret = "..."         # only for authorization-code clients
""",
    "token": """\
# An existing access token, valid for the rest of its 35 minutes
access_token = "..."
""",
}
SIGN_INS: Final = (*_SIGN_IN_TEXTS, NO_SIGN_IN)


def config_text(region: str, destination: str) -> str:
    """Return the text of a new `config.toml`: only what the user chose, as every other setting has its default."""
    return f"""\
# Your settings. A setting that is not here has its default; config.toml.example lists them all.

[sources.audit_source]
region = "{region}"

[pipelines.anaplan_audit]
destination_type = "{destination}"
"""


def secrets_text(sign_in: str) -> str:
    """Return the text of a new `secrets.toml` for one way to sign in, with placeholders."""
    return f"# Replace each `...`. secrets.toml.example shows every secret.\n\n{_CREDENTIALS}{_SIGN_IN_TEXTS[sign_in]}"


def next_steps(sign_in: str, server: str | None) -> str:
    """Return what the user does next. `server` is a destination that needs a driver and credentials."""
    if sign_in == NO_SIGN_IN:
        steps = ["copy .dlt/secrets.toml.example to .dlt/secrets.toml, and keep one sign-in"]
    else:
        steps = ["replace each `...` in .dlt/secrets.toml"]
    if server:
        steps.append(f"`make driver FOR={server}`, and its credentials: docs/warehouses.md")
    steps.append("`python -m pipelines.audit check-access`")
    return "Next:\n" + "\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1))
