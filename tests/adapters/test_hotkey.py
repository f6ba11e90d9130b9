"""``fishvoice integrate hotkey`` on every desktop it knows: keys set, keys gone, and nobody else's touched."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from fishvoice.adapters import hotkey
from fishvoice.adapters.shared.integration import CannotIntegrate

# GNOME's settings as one file per value, with the command's own spelling of lists.
GSETTINGS = """#!/bin/sh
PATH=/usr/bin:/bin
store={folder}/settings
mkdir -p "$store"
name=$(echo "$2.$3" | tr '/:' '__')
case "$1" in
    get) cat "$store/$name" 2>/dev/null || echo "@as []" ;;
    set) printf '%s\\n' "$4" > "$store/$name" ;;
    reset-recursively) rm -f "$store"/$(echo "$2" | tr '/:' '__').* ;;
esac
"""
THEIRS = "/org/gnome/settings-daemon/plugins/media-keys/custom-keybindings/custom0/"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tool = tmp_path / "tools" / "gsettings"
    tool.parent.mkdir()
    tool.write_text(GSETTINGS.replace("{folder}", str(tmp_path)))
    tool.chmod(0o755)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CURRENT_DESKTOP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tool.parent))
    return tmp_path


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_gnome_keeps_the_keys_of_others(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")
    hotkey._gsettings("set", *hotkey.GNOME_LIST, str([THEIRS]))
    hotkey.HOTKEY.install()
    hotkey.HOTKEY.install()  # once more does no harm
    paths = hotkey._gnome_paths()
    assert paths[0] == THEIRS
    assert len(paths) == 4
    command = hotkey._gsettings("get", f"{hotkey.GNOME_KEY}:{paths[1]}", "command")
    assert command.endswith("say --selection --replace")
    assert hotkey.state() == "installed"
    assert hotkey.HOTKEY.remove() == ["removed the keys"]
    assert hotkey._gnome_paths() == [THEIRS]
    assert hotkey.HOTKEY.remove() == ["it was not installed"]


@pytest.mark.parametrize(
    ("running", "file", "line"),
    [
        ("KDE", ".local/share/kglobalaccel/fishvoice-stop.desktop", "X-KDE-Shortcuts=Meta+Shift+S"),
        ("sway", ".config/sway/fishvoice.conf", "bindsym Mod4+Shift+s exec "),
        ("Hyprland", ".config/hypr/fishvoice.conf", "bind = SUPER SHIFT, S, exec, "),
    ],
)
def test_desktops_that_keep_keys_in_files(
    person: Path, monkeypatch: pytest.MonkeyPatch, running: str, file: str, line: str
) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", running)
    assert hotkey.state() == "can be installed"
    hotkey.HOTKEY.install()
    assert line in (person / "home" / file).read_text()
    assert hotkey.state() == "installed"
    hotkey.HOTKEY.remove()
    assert not files(person / "home")


def test_macos_gets_services_and_no_others_are_touched(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    folder = person / "home/Library/Services"
    theirs = folder / "Theirs.workflow/Contents/Info.plist"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    assert hotkey.state() == "can be installed"
    hotkey.HOTKEY.install()
    hotkey.HOTKEY.install()
    assert hotkey.state() == "installed"
    for title, ending, types in (
        ("Read with fishvoice", "say --replace -", ["NSStringPboardType"]),
        ("Read with fishvoice afterwards", "say --queue -", ["NSStringPboardType"]),
        ("Stop fishvoice", "stop", None),
    ):
        contents = folder / f"{title}.workflow/Contents"
        service = plistlib.loads((contents / "Info.plist").read_bytes())["NSServices"][0]
        assert (service["NSMenuItem"]["default"], service.get("NSSendTypes")) == (title, types)
        flow = plistlib.loads((contents / "document.wflow").read_bytes())
        assert flow["actions"][0]["action"]["ActionParameters"]["COMMAND_STRING"].endswith(ending)
        assert flow["workflowMetaData"]["serviceInputTypeIdentifier"].endswith("text" if types else "nothing")
    assert hotkey.HOTKEY.remove() == ["removed the services"]
    assert hotkey.HOTKEY.remove() == ["it was not installed"]
    assert files(person / "home") == {theirs}


def test_kdes_command_is_quoted_as_its_files_want_it(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    monkeypatch.setattr(hotkey, "command", lambda *_: ['/opt/it\'s 100% "my" $x/fishvoice'])
    hotkey.HOTKEY.install()
    entry = (person / "home/.local/share/kglobalaccel/fishvoice-stop.desktop").read_text()
    assert r"""Exec="/opt/it's 100%% \\"my\\" \\$x/fishvoice" stop""" in entry


def test_elsewhere_it_says_which_commands_to_bind(person: Path) -> None:
    assert hotkey.state().startswith("needs ")
    with pytest.raises(CannotIntegrate, match="say --selection --replace"):
        hotkey.HOTKEY.install()
