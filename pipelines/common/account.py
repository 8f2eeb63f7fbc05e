"""Who runs a command, as this machine knows them."""

import getpass
import os


def account_name() -> str:
    """Return the name of the account, or its number: in containers it often has no entry in the list of accounts."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
