"""Why a daemon does not start: the exit status that is documented, and a sentence, in its log and at the client."""

from __future__ import annotations

import ctypes.util
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fishvoiced.__main__ import EX_CONFIG, EX_UNAVAILABLE
from fishvoiced.server.loop import EX_OK, EX_SOFTWARE, EX_TEMPFAIL
from tests.daemon.test_ends import say, start
from tools.harness.daemon_process import ROOT, environment, running

OPERATIONS = ROOT / "docs" / "operations.md"
EX_USAGE = 2  # argparse's


def settings(text: bytes) -> Callable[[Path], None]:
    def write(home: Path) -> None:
        (home / "config.toml").write_bytes(text)

    return write


def folder(name: str) -> Callable[[Path], None]:
    """A folder that is not empty in place of a file of ours."""

    def make(home: Path) -> None:
        (home / "run").mkdir(mode=0o700, exist_ok=True)
        (home / name / "in-the-way").mkdir(parents=True)

    return make


def bad_keys(home: Path) -> None:
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "curve-keys.json").write_bytes(b"\xff garbage")
    (home / "state" / "curve-keys.json").chmod(0o600)


def foreign_folder(home: Path) -> None:
    (home / "elsewhere").mkdir()
    (home / "run").symlink_to(home / "elsewhere")


CAUSES: dict[str, tuple[Callable[[Path], None], list[str], int, str]] = {
    "a key that nobody knows": (settings(b"voise = 'x'"), [], EX_CONFIG, "did you mean 'voice'"),
    "garbage in the settings": (settings(b"\xff\xfe\0garbage"), [], EX_CONFIG, "config.toml"),
    "settings of a newer version": (settings(b"format = 2"), [], EX_CONFIG, "is of format 2"),
    "a folder in place of the settings": (folder("config.toml"), [], EX_CONFIG, "config.toml"),
    "a log that cannot be opened": (folder("log"), ["--set", "log.file=/proc/nowhere/log"], EX_CONFIG, "log.file"),
    "a value that makes no sense": (lambda home: None, ["--set", "limits.queue=0"], EX_CONFIG, "limits.queue"),
    "a flag that nobody knows": (lambda home: None, ["--voise", "x"], EX_USAGE, "--voise"),
    "a socket that cannot be bound": (folder("run/synthesis.sock"), [], EX_UNAVAILABLE, "cannot listen on"),
    "a folder in place of the lock": (folder("run/daemon.lock"), [], EX_UNAVAILABLE, "daemon.lock"),
    "a folder in place of the ports": (folder("run/endpoints.json"), [], EX_UNAVAILABLE, "endpoints.json"),
    "garbage in the keys": (bad_keys, ["--transport", "tcp"], EX_UNAVAILABLE, "delete it"),
    "a link in place of the folder": (foreign_folder, [], EX_UNAVAILABLE, "is not a folder of this user"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_its_exit_status_and_a_sentence(home: Path, cause: str) -> None:
    prepare, flags, status, sentence = CAUSES[cause]
    prepare(home)
    code, said = start(home, *flags)
    assert (code, "Traceback" in said) == (status, False), said
    assert sentence in said


@pytest.mark.parametrize("cause", ["a key that nobody knows", "a folder in place of the lock"])
def test_the_client_hears_it_within_five_seconds(home: Path, cause: str) -> None:
    prepare, _, _, sentence = CAUSES[cause]
    prepare(home)
    code, said, seconds = say(home, "say", "Hello.", "--out", str(home / "x.wav"))
    assert (code, "Traceback" in said) == (1, False), said
    assert sentence in said
    assert seconds < 5 + 5  # two interpreters have to start, on a busy machine


@pytest.mark.parametrize("name", ["run/daemon.pid", "cache/load-times.json", "state/history", "state/journal"])
def test_garbage_in_what_can_be_made_again_is_no_reason_not_to_speak(home: Path, name: str) -> None:
    (home / name).parent.mkdir(mode=0o700)
    (home / name).write_bytes(b"\xff\xfe\0garbage" * 100)
    with running(home) as daemon, daemon.client() as client:
        client.until_end(client.speak("one"))
        assert "Traceback" not in daemon.log()


CAGE = """
ReadWritePaths={home}
SystemCallFilter=@system-service
MemoryDenyWriteExecute=no
RestrictAddressFamilies=AF_INET
"""


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or ctypes.util.find_library("seccomp") is None,
    reason="needs systemd's tools and libseccomp",
)
def test_where_there_are_no_unix_sockets_it_says_so(home: Path) -> None:
    (home / "unit").write_text(CAGE.format(home=home))
    command = [sys.executable, "-m", "tests.daemon.hardened", str(home / "unit")]
    code, said = ended([*command, sys.executable, "-m", "tools.harness.tone_speaker"], environment(home))
    assert (code, "Traceback" in said) == (EX_UNAVAILABLE, False), said
    assert "cannot listen on" in said


@contextmanager
def read_only(at: Path) -> Iterator[None]:
    """``at`` on a disk that refuses every write."""
    at.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "fishvoice-test", str(at)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def test_where_nothing_can_be_written_it_says_so(home: Path) -> None:
    with read_only(home / "disk"):
        code, said = start(home / "disk")
        assert (code, "Traceback" in said) == (EX_UNAVAILABLE, False), said
        assert "cannot use" in said
        began = time.monotonic()
        code, said, _ = say(home / "disk", "say", "Hello.", "--out", "-")
        assert (code, "Traceback" in said) == (1, False), said
        assert time.monotonic() - began < 10


def ended(command: list[str], variables: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_documentation_has_every_exit_status() -> None:
    table = OPERATIONS.read_text().partition("| exit status | meaning |")[2].partition("\n\n")[0]
    listed = {int(status) for status in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert listed == {EX_OK, 1, EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL, EX_CONFIG}


def test_a_garbled_note_of_the_ports_is_told_to_the_client(home: Path) -> None:
    (home / "run").mkdir(mode=0o700)
    (home / "run" / "endpoints.json").write_text(json.dumps([1]))
    code, said, _ = say(home, "status")
    assert (code, "Traceback" in said) == (1, False), said
    assert "endpoints.json is damaged" in said
