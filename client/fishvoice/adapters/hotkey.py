"""Hotkeys that read what is selected, and that silence: written where the desktop that runs here keeps its keys."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fishvoice.adapters import automator
from fishvoice.adapters.shared.integration import CannotIntegrate, Integration, command, delete, prune, write


class Key(NamedTuple):
    """``arguments`` of fishvoice, and the key in the spelling of GNOME, of KDE, and of Sway and Hyprland."""

    name: str
    title: str
    arguments: tuple[str, ...]
    gnome: str
    kde: str
    letter: str


KEYS = (
    Key("read", "Read the selection aloud", ("say", "--selection", "--replace"), "<Super>r", "Meta+R", "r"),
    Key(
        "queue",
        "Read it afterwards",
        ("say", "--selection", "--queue"),
        "<Super><Shift>r",
        "Meta+Shift+R",
        "R",
    ),
    Key("stop", "Stop reading aloud", ("stop",), "<Super><Shift>s", "Meta+Shift+S", "S"),
)
GNOME_LIST = ("org.gnome.settings-daemon.plugins.media-keys", "custom-keybindings")
GNOME_KEY = "org.gnome.settings-daemon.plugins.media-keys.custom-keybinding"
GNOME_FOLDER = "/org/gnome/settings-daemon/plugins/media-keys/custom-keybindings/fishvoice-"


class Desktop(NamedTuple):
    """``install`` and ``remove`` say what they have done, a line each."""

    name: str
    install: Callable[[], list[str]]
    remove: Callable[[], list[str]]
    installed: Callable[[], bool]


def desktop() -> Desktop:
    """The one that runs. Raises CannotIntegrate."""
    if sys.platform == "darwin":
        return MACOS
    running = os.environ.get("XDG_CURRENT_DESKTOP", "").lower().split(":")
    for word, found in (("gnome", GNOME), ("kde", KDE), ("sway", SWAY), ("hyprland", HYPRLAND)):
        if word in running:
            return found
    keys = "; ".join(f"{key.title}: {_line(key)}" for key in KEYS)
    raise CannotIntegrate(f"no GNOME, KDE, Sway, Hyprland or macOS runs here; bind keys to these commands: {keys}")


def _line(key: Key) -> str:
    return shlex.join([*command("fishvoice", "fishvoice"), *key.arguments])


# -- GNOME: a list of paths in its settings, and three values at each ----------------------------------------------


def _gsettings(*arguments: str) -> str:
    try:
        done = subprocess.run(["gsettings", *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotIntegrate(f"gsettings does not run: {error}") from error
    if done.returncode:
        raise CannotIntegrate(f"gsettings {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _gnome_paths() -> list[str]:
    value = _gsettings("get", *GNOME_LIST).removeprefix("@as ")
    try:
        return [str(path) for path in ast.literal_eval(value)]
    except (ValueError, SyntaxError) as error:
        raise CannotIntegrate(f"gsettings tells no list of keys: {value}") from error


def _install_gnome() -> list[str]:
    others = [path for path in _gnome_paths() if not path.startswith(GNOME_FOLDER)]
    paths = [f"{GNOME_FOLDER}{key.name}/" for key in KEYS]
    for key, path in zip(KEYS, paths, strict=True):
        for name, value in (("name", key.title), ("command", _line(key)), ("binding", key.gnome)):
            _gsettings("set", f"{GNOME_KEY}:{path}", name, value)
    _gsettings("set", *GNOME_LIST, str(others + paths))
    return [f"{key.gnome}: {key.title}" for key in KEYS] + ["change them in Settings, Keyboard, Custom Shortcuts"]


def _remove_gnome() -> list[str]:
    paths = _gnome_paths()
    others = [path for path in paths if not path.startswith(GNOME_FOLDER)]
    if others == paths:
        return ["it was not installed"]
    _gsettings("set", *GNOME_LIST, str(others) if others else "@as []")
    for key in KEYS:
        _gsettings("reset-recursively", f"{GNOME_KEY}:{GNOME_FOLDER}{key.name}/")
    return ["removed the keys"]


# -- KDE: for each key a file where its daemon of keys looks; it passes over those that are not to be shown ----------


def _kde_file(key: Key) -> Path:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    return data / "kglobalaccel" / f"fishvoice-{key.name}.desktop"


def _exec(key: Key) -> str:
    """The command line as the Desktop Entry Specification quotes it."""
    words = [*command("fishvoice", "fishvoice"), *key.arguments]
    quoted = [w if re.fullmatch(r"[\w./@:+=,-]+", w) else '"' + re.sub(r'(["`$\\])', r"\\\1", w) + '"' for w in words]
    return " ".join(quoted).replace("\\", "\\\\").replace("%", "%%")


def _install_kde() -> list[str]:
    for key in KEYS:
        entry = f"Type=Application\nName={key.title}\nExec={_exec(key)}\nX-KDE-Shortcuts={key.kde}\n"
        write(_kde_file(key), f"[Desktop Entry]\n{entry}")
    said = [f"{key.kde}: {key.title}" for key in KEYS]
    return [*said, "KDE knows them after the next login; change them in System Settings, Shortcuts"]


def _remove_kde() -> list[str]:
    gone = [delete(_kde_file(key)) for key in KEYS]
    prune(_kde_file(KEYS[0]).parent)
    return ["removed the keys"] if any(gone) else ["it was not installed"]


# -- Sway and Hyprland: a file that the person's own configuration includes ----------------------------------------


def _config(*parts: str) -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").joinpath(*parts)


def _install_lines(file: Path, lines: list[str], include: str) -> list[str]:
    write(file, "\n".join(lines) + "\n")
    return [f"wrote {file}", f"add to your own configuration: {include}"]


def _remove_lines(file: Path) -> list[str]:
    if not delete(file):
        return ["it was not installed"]
    prune(file.parent)
    return [f"removed {file}", "take the line that includes it out of your configuration"]


def _sway_lines() -> list[str]:
    return [f"bindsym Mod4+{'Shift+' * key.letter.isupper()}{key.letter.lower()} exec {_line(key)}" for key in KEYS]


def _hyprland_lines() -> list[str]:
    return [f"bind = SUPER{' SHIFT' * key.letter.isupper()}, {key.letter.upper()}, exec, {_line(key)}" for key in KEYS]


_SWAY_FILE, _HYPRLAND_FILE = ("sway", "fishvoice.conf"), ("hypr", "fishvoice.conf")

# -- macOS: a service in the menu of every program, to which the system can give a key -----------------------------


# It hands over the text, so that nobody has to find out what is selected.
_SERVICES = (
    ("Read with fishvoice", ("say", "--replace", "-"), True),
    ("Read with fishvoice afterwards", ("say", "--queue", "-"), True),
    ("Stop fishvoice", ("stop",), False),
)


def _workflow(title: str) -> Path:
    return Path.home() / f"Library/Services/{title}.workflow"


def _install_macos() -> list[str]:
    for title, arguments, takes_text in _SERVICES:
        run = shlex.join([*command("fishvoice", "fishvoice"), *arguments])
        for name, content in automator.service(title, run, takes_text=takes_text).items():
            write(_workflow(title) / "Contents" / name, content)
    said = [f"{title} is in the menu Services" for title, _, _ in _SERVICES]
    return [*said, "give them keys in System Settings, Keyboard, Keyboard Shortcuts, Services"]


def _remove_macos() -> list[str]:
    there = [_workflow(title) for title, _, _ in _SERVICES if _workflow(title).exists()]
    for folder in there:
        shutil.rmtree(folder)
    return ["removed the services"] if there else ["it was not installed"]


GNOME = Desktop("GNOME", _install_gnome, _remove_gnome, lambda: any(p.startswith(GNOME_FOLDER) for p in _gnome_paths()))
KDE = Desktop("KDE", _install_kde, _remove_kde, lambda: _kde_file(KEYS[0]).exists())
SWAY = Desktop(
    "Sway",
    lambda: _install_lines(_config(*_SWAY_FILE), _sway_lines(), f"include {_config(*_SWAY_FILE)}"),
    lambda: _remove_lines(_config(*_SWAY_FILE)),
    lambda: _config(*_SWAY_FILE).exists(),
)
HYPRLAND = Desktop(
    "Hyprland",
    lambda: _install_lines(_config(*_HYPRLAND_FILE), _hyprland_lines(), f"source = {_config(*_HYPRLAND_FILE)}"),
    lambda: _remove_lines(_config(*_HYPRLAND_FILE)),
    lambda: _config(*_HYPRLAND_FILE).exists(),
)
MACOS = Desktop("macOS", _install_macos, _remove_macos, lambda: _workflow(_SERVICES[0][0]).exists())


def state() -> str:
    """For the list."""
    try:
        return "installed" if desktop().installed() else "can be installed"
    except CannotIntegrate:
        return "needs GNOME, KDE, Sway, Hyprland or macOS"


HOTKEY = Integration(
    "hotkey",
    "keys that read the selection aloud, and that stop",
    state,
    lambda: desktop().install(),
    lambda: desktop().remove(),
)
