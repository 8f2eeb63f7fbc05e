"""The operating system account that runs a command."""

import getpass
import os


def account_name() -> str:
    """Return the name of the account, or its uid: in containers an account often has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
