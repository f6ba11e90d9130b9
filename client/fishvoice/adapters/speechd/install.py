"""speech-dispatcher on this computer: putting ``sd_fishvoice`` where it looks for a user's own modules."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

from fishvoice.adapters.shared.integration import Integration, command, delete, prune, write

MODULE = "fishvoice"
_ADD_MODULE = re.compile(r'^\s*AddModule\s+"?([\w-]+)', re.MULTILINE)


def module_file() -> Path:
    """The user's own module; speech-dispatcher finds it by its place and name."""
    return _data_home().parent / "libexec" / "speech-dispatcher-modules" / f"sd_{MODULE}"


def state() -> str:
    if module_file().exists():
        return "installed"
    return "can be installed" if shutil.which("speech-dispatcher") else "needs speech-dispatcher"


def install() -> list[str]:
    """Write the module file. It names this interpreter, because services have a PATH of their own."""
    start = command("sd_fishvoice", "fishvoice.adapters.speechd")
    _data_home().mkdir(parents=True, exist_ok=True)  # speech-dispatcher goes through it on its way to the module
    write(module_file(), f'#!/bin/sh\nexec {shlex.join(start)} "$@"\n', executable=True)
    return [
        f"wrote {module_file()}",
        *_configuration(),
        "restart speech-dispatcher: killall speech-dispatcher (it starts again by itself when something speaks)",
        f"try it: spd-say -o {MODULE} Hello",
        f"Orca: Preferences, Voice, Speech synthesizer: {MODULE}",
        f"for every program: DefaultModule {MODULE} in {_config_file()}",
    ]


def remove() -> list[str]:
    """Delete the module file."""
    if not delete(module_file()):
        return ["it was not installed"]
    prune(module_file().parent)
    prune(module_file().parent.parent)  # libexec, which few people have
    return [f"removed {module_file()}"]


def _configuration() -> list[str]:
    """What is to be done where the configuration lists its modules: only those are loaded then."""
    for file in (_config_file(), Path("/etc/speech-dispatcher/speechd.conf")):
        if file.is_file():
            named = _ADD_MODULE.findall(file.read_text(encoding="utf-8", errors="replace"))
            if named and MODULE not in named:
                return [f'{file} lists its modules; add: AddModule "{MODULE}" "sd_{MODULE}" "{MODULE}.conf"']
            break
    return []


def _config_file() -> Path:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "speech-dispatcher" / "speechd.conf"


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


SPEECH_DISPATCHER = Integration(
    "speech-dispatcher", "Orca, Firefox, spd-say and speechd-el speak with fishvoice", state, install, remove
)
