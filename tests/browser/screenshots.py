"""make screenshots: draw the README's pictures of the simulated company. Only the dates change."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sandbox.demo import settings_of
from sandbox.server import Sandbox
from tests.browser.serving import browser, chromium, dashboard, wait_until_drawn
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "docs" / "screenshots"
COMPANY = {"events": 60_000, "users": 250, "hostile_percent": 0.0}
# File, page, width, height, colours.
PICTURES = (
    ("overview.png", "", 1280, 1010, "light"),
    ("usage.png", "usage", 1280, 1680, "light"),
    ("overview-narrow-dark.png", "", 390, 1150, "dark"),
)


def main() -> int:
    if chromium() is None:
        print("screenshots: no Chromium is installed (apt-get install chromium).", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "audit_log.duckdb"
        with Sandbox(**COMPANY) as company:
            settings = {**os.environ, **settings_of(company.url, database, Path(folder) / "dlt")}
            command = [sys.executable, "-m", "pipelines.audit", "run"]
            subprocess.run(command, cwd=REPOSITORY, env=settings, check=True)
        with dashboard(database) as address, browser() as opened:
            for picture in PICTURES:
                _draw(opened, address, *picture)
    return 0


def _draw(opened: Any, address: str, file: str, name: str, width: int, height: int, scheme: str) -> None:
    with opened.new_context(viewport={"width": width, "height": height}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{address}/{name}")
        wait_until_drawn(page)
        page.wait_for_timeout(1500)
        page.screenshot(path=FOLDER / file)
    _shrink(FOLDER / file)


def _shrink(file: Path) -> None:
    """Reduce the colours: a palette is enough for charts."""
    from PIL import Image

    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
