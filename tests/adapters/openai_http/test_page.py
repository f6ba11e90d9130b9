"""The page at ``/`` in a real Chromium, driven by the tests in ``browser/page.test.js``.

Left out where there is no Chromium, no Node.js, or their packages are not installed: ``npm ci`` in ``browser/``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.adapters.endpoint import serving
from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import Behaviour

FOLDER = Path(__file__).parent / "browser"
PACKAGES = Path(os.environ.get("FISHVOICE_TEST_NODE_MODULES", FOLDER / "node_modules"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TESTS = [
    "speaks while the sound arrives",
    "stops, and the daemon stops too",
    "is usable by keyboard alone",
    "shows a command line that a shell takes",
    "downloads a file of the chosen format",
    "asks for a recording only where",
    "says in words what the server refuses",
    "asks for the key of a server that has one",
    "has no violation of WCAG, light",
    "has no violation of WCAG, dark",
    "has no violation of WCAG, narrow",
]
pytestmark = [
    pytest.mark.usefixtures("home"),
    pytest.mark.skipif(CHROMIUM is None or shutil.which("node") is None, reason="needs Chromium and Node.js"),
    pytest.mark.skipif(not (PACKAGES / "playwright-core").is_dir(), reason=f"needs npm ci in {FOLDER}"),
]


@pytest.mark.parametrize("name", TESTS)
def test_the_page(name: str, home: Path) -> None:  # noqa: F811
    speaking = Behaviour(chunks=3, samples=22050, words=True, clones=True)
    with serving() as address, serving(key="opensesame") as with_key, GatedDaemon(speaking, free=2) as daemon:
        if "stops" not in name:
            daemon.gate.set()
        environment = os.environ | {
            "PAGE_URL": f"http://{address}/",
            "PAGE_WITH_KEY": f"http://{with_key}/",
            "CHROMIUM": str(CHROMIUM),
            "NODE_PATH": str(PACKAGES),
            "CURL_LINE": str(home / "curl"),
            "SCREENSHOTS": os.environ.get("FISHVOICE_TEST_SCREENSHOTS", str(home)),
        }
        command = ["node", "--test-name-pattern", f"^{name}", str(FOLDER / "page.test.js")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "# pass 1\n" in done.stdout, done.stdout
        if "stops" in name:
            eventually(lambda: daemon.cancels)
        if "command line" in name:
            line = (home / "curl").read_text()
            shown = subprocess.run(["sh", "-c", f"{line} -s"], cwd=home, capture_output=True, text=True, timeout=30)
            assert shown.returncode == 0, shown.stderr
            assert daemon.requests[-1].text == """It's "quoted" & $HOME."""
            assert (home / "speech.mp3").stat().st_size > 1000
