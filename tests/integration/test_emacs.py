"""Emacs speaks: Emacspeak through its server, speechd-el through speech-dispatcher."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.audio_compare import SOFT_SECONDS, found, last_stretch, likeness, words
from tools.harness.desktop import RATE, Desktop, eventually, missing

TEXT = "Please open the window and close the door."
EMACSPEAK = "/usr/share/emacs/site-lisp/emacspeak/lisp"
SPEECHD_EL = "/usr/share/emacs/site-lisp/speechd-el"


@pytest.fixture
def here(speaking_desktop: Desktop) -> Desktop:
    absent = missing("emacs")
    if absent:
        pytest.fail("emacs is not installed; .ci/integration installs what these tests need", pytrace=False)
    eventually(lambda: speaking_desktop.microphone.quiet_for(0.3))
    return speaking_desktop


@pytest.fixture
def lisp(here: Desktop) -> Path:
    """fishvoice.el, as it is installed."""
    install = "from fishvoice.adapters.emacspeak.install import EMACS; EMACS.install()"
    assert here.run(sys.executable, "-c", install).returncode == 0
    return here.folder / "home/.local/share/fishvoice/emacs/fishvoice.el"


def emacs(here: Desktop, lisp: Path, program: str, *arguments: str) -> str:
    file = here.folder / "test.el"
    file.write_text(f'(load "{lisp}")\n{program}')
    ran = here.run("emacs", "--batch", "-Q", *arguments, "-l", str(file), timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


def emacspeak(program: str) -> str:
    return f"""
(load "{EMACSPEAK}/emacspeak-setup.el")
(load "emacspeak-loaddefs")
(require 'emacspeak-preamble)
(require 'dtk-speak)
(dtk-initialize)
(sleep-for 2)
(dtk-stop)
{program}
"""


def assert_whole(here: Desktop, since: int) -> None:
    """The last that was heard since then is all of TEXT, once."""
    asked = here.asked[-1]
    assert found(TEXT, words(asked["text"])) == 1  # and "dot" where punctuation is told
    direct, sound = here.direct(**asked), last_stretch(here.microphone.heard(since), soft_seconds=SOFT_SECONDS)
    alike = likeness(direct, sound)
    assert alike.whole, alike


def test_emacspeak_is_heard(here: Desktop, lisp: Path) -> None:
    since = here.microphone.position
    emacs(here, lisp, emacspeak(f'(dtk-speak "{TEXT}")\n(sleep-for 5)'))
    assert_whole(here, since)


def test_emacspeak_is_silenced_at_once(here: Desktop, lisp: Path) -> None:
    since = here.microphone.position
    long = " ".join([TEXT] * 6)
    emacs(here, lisp, emacspeak(f'(dtk-speak "{long}")\n(sleep-for 2)\n(dtk-stop)\n(sleep-for 2)'))
    first, last = here.microphone.first_audible(since), here.microphone.last_audible(since)
    assert first is not None
    assert last is not None
    assert (last - first) / RATE < 4.5
    assert here.microphone.position - last > RATE


def test_emacspeak_letters_are_heard(here: Desktop, lisp: Path) -> None:
    since = here.microphone.position
    emacs(here, lisp, emacspeak('(dtk-letter "b")\n(sleep-for 2)'))
    assert here.microphone.first_audible(since) is not None


def test_speechd_el_speaks_through_the_module(here: Desktop, lisp: Path) -> None:
    since = here.microphone.position
    said = emacs(
        here,
        lisp,
        f"""
(require 'speechd)
(speechd-open)
(speechd-say-text "{TEXT}")
(message "module %s" (plist-get (speechd--connection-parameters (speechd--connection)) 'output-module))
(sleep-for 4)
""",
        "-L",
        SPEECHD_EL,
    )
    assert "module fishvoice" in said
    assert_whole(here, since)
