"""``say --selection`` and ``--clipboard`` with the desktop's tools, and commands that take turns."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fishvoice.cli import selection
from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.client.conftest import Spawn
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")


def tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of this test's own, without any display yet."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.mark.parametrize(
    ("name", "display", "kind", "arguments"),
    [
        ("wl-paste", "WAYLAND_DISPLAY", "selection", "--primary --no-newline"),
        ("wl-paste", "WAYLAND_DISPLAY", "clipboard", "--no-newline"),
        ("xclip", "DISPLAY", "selection", "-o -selection primary"),
        ("xsel", "DISPLAY", "clipboard", "--output --clipboard"),
        ("pbpaste", "", "clipboard", ""),
        ("powershell", "", "clipboard", " ".join(selection.TOOLS[-1].clipboard[1:])),
    ],
)
def test_the_tool_that_is_there_is_asked(
    desktop: Path, monkeypatch: pytest.MonkeyPatch, name: str, display: str, kind: selection.Kind, arguments: str
) -> None:
    tool(desktop, name, 'echo "asked: $@"')
    if display:
        with pytest.raises(selection.NoSelection, match="install wl-clipboard"):
            selection.read(kind)
        monkeypatch.setenv(display, ":9")
    assert selection.read(kind).split() == ["asked:", *arguments.split()]


def test_nothing_selected_and_no_tool_are_said(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9")
    tool(desktop, "xclip", "exit 1")
    with pytest.raises(selection.NoSelection, match="nothing is selected"):
        selection.read("selection")
    tool(desktop, "pbpaste", "echo text")
    (desktop / "xclip").unlink()
    with pytest.raises(selection.NoSelection, match="use --clipboard"):
        selection.read("selection")


def test_say_speaks_what_is_selected(home: Path, fishvoice: Spawn, tmp_path: Path) -> None:
    tool(tmp_path / "tools", "xclip", "printf 'Chosen words.'")
    env = {**os.environ, "DISPLAY": ":9", "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}"}
    env.pop("WAYLAND_DISPLAY", None)
    with FakeDaemon() as daemon:
        process = fishvoice("say", "--selection", "--out", str(home / "a.wav"), "--no-start", env=env)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
        assert [request.text for request in daemon.requests] == ["Chosen words."]


def reading(fishvoice: Spawn, home: Path, text: str, flag: str) -> subprocess.Popen[bytes]:
    return fishvoice("say", text, flag, "--out", str(home / f"{text}.wav"), "--no-start")


def test_a_later_command_takes_the_place_of_the_one_before(home: Path, fishvoice: Spawn) -> None:
    with GatedDaemon(Behaviour(chunks=9), free=2) as daemon:
        first = reading(fishvoice, home, "First.", "--replace")
        eventually(lambda: daemon.chunks_sent == 2)
        second = reading(fishvoice, home, "Second.", "--replace")
        assert first.wait(20) == 130
        eventually(lambda: len(daemon.requests) == 2)
        daemon.gate.set()
        assert second.wait(20) == 0


def test_a_queued_command_waits_for_the_one_before(home: Path, fishvoice: Spawn) -> None:
    with GatedDaemon(Behaviour(chunks=9), free=2) as daemon:
        first = reading(fishvoice, home, "First.", "--queue")
        eventually(lambda: daemon.chunks_sent == 2)
        second = reading(fishvoice, home, "Second.", "--queue")
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(1.5)
        assert [request.text for request in daemon.requests] == ["First."]
        daemon.gate.set()
        assert (first.wait(20), second.wait(20)) == (0, 0)
    assert [request.text for request in daemon.requests] == ["First.", "Second."]
