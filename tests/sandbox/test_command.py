"""The command line, in one process for all tests."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox.__main__ import make_parser
from sandbox.api.certificates import make_key_pair
from sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox", "--events", "300", "--users", "10", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> int:
    _, _ = process.communicate(timeout=10)
    return process.returncode


def test_first_line_is_the_url_and_sigterm_ends_it(tmp_path: Path) -> None:
    certificate, key = make_key_pair().write(tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600
    process = start("--fault", "users:500", "--trust-cert", str(certificate), "--page-cap", "7")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    overview = requests.get(f"{url}/_sandbox", timeout=10).json()
    assert (overview["settings"]["events"], overview["settings"]["page_cap"]) == (300, 7)
    assert requests.get(f"{url}/2/0/users", timeout=10).status_code == 500
    process.send_signal(signal.SIGTERM)
    assert end(process) == 0


def test_wrong_fault_is_told_in_one_line() -> None:
    process = start("--fault", "events:explode")
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "unknown fault `explode`" in errors.splitlines()[-1]


def test_flags_are_the_settings() -> None:
    options = make_parser().parse_args(["--no-meta-single-page", "--no-next-offset-on-last", "--page-cap", "5"])
    assert (options.no_meta_single_page, options.next_offset_on_last, options.page_cap) == (True, False, 5)
    assert "kind:what" in make_parser().format_help()


def test_unknown_setting_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown setting page_cup"):
        Sandbox(page_cup=3)


def test_port_in_use_is_an_error_of_start(sandbox: Sandbox) -> None:
    with pytest.raises(OSError):
        Sandbox(events=0, port=int(sandbox.url.rsplit(":", 1)[1])).start()
