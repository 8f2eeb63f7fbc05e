"""`python -m sandbox`: print the base URL as the first line, then serve until SIGTERM, SIGINT or `/_sandbox/stop`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from dataclasses import fields
from pathlib import Path
from textwrap import fill

from .api import control, faults
from .api.tokens import WITHOUT
from .server import Sandbox, serve
from .settings import Settings

KNOBS = fields(Settings)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=fill(
            "A simulated Anaplan tenant over HTTP. Sign in as auditor@example.com / sandbox, or as "
            "norole@example.com / sandbox, which has no Tenant Auditor role and no access to CloudWorks or SCIM. "
            f"Accounts without one right each: {', '.join(WITHOUT)}. OAuth clients: sandbox-device, and "
            "sandbox-web with the secret sandbox-secret; the first refresh token is sandbox-refresh-0.",
            100,
        ),
        epilog=f"{faults.__doc__}\n{control.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port (default)")
    parser.add_argument("--clock-ms", type=int, help="stop the clock at this moment (ms since 1970)")
    parser.add_argument(
        "--trust-cert", action="append", type=Path, default=[], help="trust this PEM certificate for sign-in"
    )
    parser.add_argument("--fault", action="append", default=[], metavar="SPEC", help="see below; repeatable")
    group = parser.add_argument_group("settings", "can be changed later at /_sandbox/settings")
    for knob in KNOBS:
        text = str(knob.metadata["help"]).replace("%", "%%")
        flag = knob.name.replace("_", "-")
        if isinstance(knob.default, bool):
            flag, action = (f"no-{flag}", "store_false") if knob.default else (flag, "store_true")
            text = f"do not: {text}" if knob.default else text
            group.add_argument(f"--{flag}", dest=knob.name, action=action, help=text)
            continue
        group.add_argument(
            f"--{flag}",
            dest=knob.name,
            type=knob.metadata.get("type", type(knob.default)),
            default=knob.default,
            choices=knob.metadata.get("choices"),
            metavar=None if "choices" in knob.metadata else "N",
            help=f"{text} (default: {knob.default})",
        )
    return parser


async def _serve(sandbox: Sandbox, host: str, port: int) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # On Windows the loop has no signal handlers; there, Ctrl-C ends the process.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopping.set)
    await serve(sandbox.state, host, port, stopping, lambda url: print(url, flush=True))


def main(arguments: list[str] | None = None) -> None:
    parser = make_parser()
    options = parser.parse_args(arguments)
    knobs = {knob.name: getattr(options, knob.name) for knob in KNOBS}
    try:
        sandbox = Sandbox(clock_ms=options.clock_ms, faults=options.fault, trust=options.trust_cert, **knobs)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    sandbox.warm()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(sandbox, options.host, options.port))


if __name__ == "__main__":
    main()
