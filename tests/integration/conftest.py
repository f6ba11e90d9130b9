"""What needs real programs from outside of Python: run by ``.ci/integration``, which installs them.

``FISHVOICE_INTEGRATION=1`` collects these tests; ``FISHVOICE_TEST_HOME`` takes the models of that FISHVOICE_HOME
instead of the voice that comes with the package, ``FISHVOICE_TEST_VOICE=flite`` flite's ``slt``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tools.harness.desktop import Desktop, desktop, missing

TAKES_PROGRAMS = ["test_desktops.py", "test_emacs.py", "test_orca.py", "test_speech_dispatcher.py"]
collect_ignore = [] if os.environ.get("FISHVOICE_INTEGRATION") else TAKES_PROGRAMS


@pytest.fixture(scope="session")
def speaking_desktop() -> Iterator[Desktop]:
    """One desktop for all tests; each leaves it silent."""
    absent = missing()
    if absent:
        pytest.fail(
            f"not installed: {', '.join(absent)}; .ci/integration installs what these tests need", pytrace=False
        )
    with desktop(os.environ.get("FISHVOICE_TEST_HOME")) as here:
        here.run("spd-say", "-w", "Ready.")  # the first sentence loads speech-dispatcher's dictionaries
        yield here
