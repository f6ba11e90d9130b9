"""Hotkeys and selections on real desktops without a screen: keys are pressed, settings kept, texts selected."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fishvoice.adapters import hotkey
from fishvoice.cli import selection
from tests.adapters.blocked_daemon import eventually
from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import FakeDaemon

SELECTED = "Chosen: naïve words."
NOBODY = 65534  # sway does not run as root


@pytest.fixture
def person(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """A home folder, and a player that takes the sound in place of a loudspeaker."""
    player = home / "bin" / "paplay"
    player.parent.mkdir()
    player.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    player.chmod(0o755)
    (home / "sounddevice.py").write_text("raise ImportError('not in this test')\n")
    monkeypatch.setenv("PATH", f"{player.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{home}:{os.environ['PYTHONPATH']}")
    for name, folder in (
        ("HOME", "."),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_RUNTIME_DIR", "run"),
    ):
        (home / folder).mkdir(exist_ok=True, mode=0o700)
        monkeypatch.setenv(name, str(home / folder))
    for name in ("WAYLAND_DISPLAY", "DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    return home


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, env=os.environ | environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def x11(person: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with running("Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24") as server:
        assert server.stdout is not None
        monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().decode().strip()}")
        yield


@pytest.fixture
def bus(person: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with running("dbus-daemon", "--session", "--nofork", "--print-address") as daemon:
        assert daemon.stdout is not None
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.stdout.readline().decode().strip())
        yield


@pytest.mark.parametrize("program", ["xclip", "xsel"])
def test_x11_tells_what_is_selected_and_what_is_copied(
    x11: None, person: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    for kind, own in (("primary", "selection"), ("clipboard", "clipboard")):
        subprocess.run(["xclip", "-i", "-selection", kind], input=f"{SELECTED} {own}".encode(), check=True)
    only = person / "only"
    only.mkdir()
    (only / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(only))
    assert selection.read("selection") == f"{SELECTED} selection"
    assert selection.read("clipboard") == f"{SELECTED} clipboard"


def test_wayland_tells_what_is_selected_and_what_is_copied(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = person / "run"
    shutil.chown(run, NOBODY)
    person.chmod(0o755)
    config = person / "empty"
    config.write_text("")
    as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    with running(
        *as_nobody,
        "sway",
        "-c",
        str(config),
        WLR_BACKENDS="headless",
        WLR_RENDERER="pixman",
        WLR_LIBINPUT_NO_DEVICES="1",
    ):
        eventually(lambda: any(path.is_socket() for path in run.glob("wayland-*")))
        monkeypatch.setenv("WAYLAND_DISPLAY", next(path.name for path in run.glob("wayland-*") if path.is_socket()))
        subprocess.run(["wl-copy", "--primary", f"{SELECTED} selection"], check=True, timeout=10)
        subprocess.run(["wl-copy", f"{SELECTED} clipboard"], check=True, timeout=10)
        assert selection.read("selection") == f"{SELECTED} selection"
        assert selection.read("clipboard") == f"{SELECTED} clipboard"


def test_sway_takes_the_keys(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "sway")
    told = hotkey.HOTKEY.install()
    config = person / "own"
    config.write_text(told[-1].rpartition(": ")[2] + "\n")
    shutil.chown(person / "run", NOBODY)
    for folder in (person, person / "config"):
        folder.chmod(0o755)
    check = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sway", "-C", "-c", str(config)]

    def errors() -> bytes:
        done = subprocess.run(check, env=os.environ | {"WLR_BACKENDS": "headless"}, capture_output=True)
        return b"".join(line for line in done.stderr.splitlines() if b"sway/config" in line)

    assert errors() == b""
    (person / "config/sway/fishvoice.conf").write_text("bindsym Mod4+nokey exec true\n")
    assert b"nokey" in errors(), "sway reads the file, and notices a wrong line"


def test_kdes_daemon_of_keys_reads_the_selection_when_the_key_is_pressed(
    x11: None, bus: None, person: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    hotkey.HOTKEY.install()
    for file in (person / "data/kglobalaccel").iterdir():
        subprocess.run(["desktop-file-validate", str(file)], check=True)
    subprocess.run(["xclip", "-i", "-selection", "primary"], input=SELECTED.encode(), check=True)
    known = [
        "dbus-send",
        "--session",
        "--print-reply",
        "--dest=org.kde.kglobalaccel",
        "/kglobalaccel",
        "org.kde.KGlobalAccel.allComponents",
    ]
    with FakeDaemon() as daemon, running("kglobalaccel5"):
        eventually(lambda: b"fishvoice_stop" in subprocess.run(known, capture_output=True).stdout)
        subprocess.run(["xdotool", "key", "super+r"], check=True)
        eventually(lambda: daemon.requests)
        assert daemon.requests[0].text == SELECTED


def test_gnomes_settings_keep_the_keys_and_lose_them(bus: None, person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "GNOME")

    def stored() -> str:
        return subprocess.run(["dconf", "dump", "/"], check=True, capture_output=True, text=True).stdout

    hotkey.HOTKEY.install()
    assert "binding='<Super>r'" in stored()
    assert hotkey.state() == "installed"
    hotkey.HOTKEY.remove()
    assert "fishvoice" not in stored()
    assert hotkey.state() == "can be installed"


def test_apples_property_lists_are_read_by_another_reader(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    hotkey.HOTKEY.install()
    written = [path for path in (person / "Library/Services").rglob("*") if path.is_file()]
    assert len(written) == 6
    for path in written:
        subprocess.run(["plistutil", "-i", str(path), "-o", os.devnull], check=True, capture_output=True)
