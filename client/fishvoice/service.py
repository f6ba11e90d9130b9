"""The daemon as a service of this user: systemd, launchd, or Windows' task scheduler.

The templates lie in ``service-files/`` (in a wheel: ``fishvoice/service_files/``); here they are filled in with real
paths. What to write and which commands to run is decided by pure functions; `main` carries it out.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from xml.sax.saxutils import escape

from fishvoice import paths
from fishvoice.client import Client
from fishvoice.connection.autostart import daemon_command
from fishvoice.errors import DaemonUnavailable, FishvoiceError
from fishvoice.locks import FileLock
from fishvoice.paths import Endpoints

LABEL = "org.fishvoice.daemon"
TASK = "fishvoice"
CARRIED = ("FISHVOICE_HOME", "FISHVOICE_RUNTIME_DIR")  # where things live must be the same for clients and service

Command: TypeAlias = tuple[str, ...]
Run: TypeAlias = Callable[[Command], int]


class ServiceError(FishvoiceError):
    """The service cannot be installed, removed or asked; the message says what to do."""


@dataclass(frozen=True)
class Facts:
    """What the templates are filled in with. ``folders`` are those that the daemon writes to."""

    daemon: Command
    environment: Mapping[str, str]
    endpoints: Endpoints
    folders: tuple[Path, ...]
    log: Path
    home: Path
    units: Path
    user: str
    uid: int


@dataclass(frozen=True)
class Service:
    """One platform's way: the files, and the commands for each verb. ``{lines}`` stands for the number of lines."""

    files: Mapping[Path, bytes]
    install: tuple[Command, ...]
    uninstall: tuple[Command, ...]
    status: Command
    logs: Command
    follow: Command
    reload: tuple[Command, ...] = field(default=())  # after the files are gone


def facts() -> Facts:
    """This user's. Raises UnusableFolder, DaemonUnavailable if no daemon is installed."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return Facts(
        daemon=tuple(daemon_command()),
        environment={name: os.environ[name] for name in CARRIED if os.environ.get(name)},
        endpoints=paths.bindable_endpoints(),
        folders=(paths.runtime_dir(), paths.state_dir(), paths.cache_dir(), paths.data_dir()),
        log=paths.log_file(),
        home=home,
        units=config / "systemd" / "user",
        user=f"{os.environ['USERDOMAIN']}\\{getpass.getuser()}" if "USERDOMAIN" in os.environ else getpass.getuser(),
        uid=os.getuid() if hasattr(os, "getuid") else 0,
    )


def service(platform: str, known: Facts) -> Service:
    """The service on ``platform`` (a value of ``sys.platform``). Raises ServiceError where there is none."""
    if platform == "win32":
        return windows(known)
    if platform == "darwin":
        return launchd(known)
    if platform == "linux":
        return systemd(known)
    raise ServiceError(f"fishvoice knows no services on {platform}; start `fishvoiced` with your session")


# -- the platforms -----------------------------------------------------------------------------------------


def systemd(known: Facts) -> Service:
    """A user service that starts with the session or with its first client, whichever comes first."""
    environment = (f"Environment={_quoted(f'{name}={value}')}" for name, value in known.environment.items())
    values = {
        "DAEMON": " ".join(_quoted(word).replace("$", "$$") for word in known.daemon),
        "ENVIRONMENT": "\n".join(environment),
        "FOLDERS": " ".join(_quoted(str(folder)) for folder in known.folders),
        "SYNTHESIS": known.endpoints.synthesis.removeprefix("ipc://").replace("%", "%%"),
        "CONTROL": known.endpoints.control.removeprefix("ipc://").replace("%", "%%"),
    }
    names = ("fishvoiced.service", "fishvoiced.socket")
    control = ("systemctl", "--user")
    journal = ("journalctl", "--user", "--unit=fishvoiced.service", "--no-pager", "--lines={lines}")
    return Service(
        files={known.units / name: _filled(f"systemd/{name}", values).encode() for name in names},
        install=((*control, "daemon-reload"), (*control, "enable", "--now", "fishvoiced.socket", "fishvoiced.service")),
        uninstall=((*control, "disable", "--now", *reversed(names)),),
        reload=((*control, "daemon-reload"),),
        status=(*control, "status", "--no-pager", *names),
        logs=journal,
        follow=(*journal, "--follow"),
    )


def launchd(known: Facts) -> Service:
    """An agent of the user's graphical session."""
    pairs = known.environment.items()
    values = {
        "ARGUMENTS": "\n        ".join(f"<string>{escape(word)}</string>" for word in known.daemon),
        "ENVIRONMENT": "\n        ".join(f"<key>{n}</key><string>{escape(v)}</string>" for n, v in pairs),
        "LOG": escape(str(known.log)),
    }
    path = known.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{known.uid}"
    return Service(
        files={path: _filled(f"launchd/{LABEL}.plist", values).encode()},
        install=(("launchctl", "bootstrap", domain, str(path)),),
        uninstall=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        status=("launchctl", "print", f"{domain}/{LABEL}"),
        logs=("tail", "-n", "{lines}", str(known.log)),
        follow=("tail", "-n", "{lines}", "-F", str(known.log)),
    )


def windows(known: Facts) -> Service:
    """A task at log-on: a Windows service would run in a session without sound."""
    command, *arguments = known.daemon
    windowless = command.removesuffix("python.exe") + "pythonw.exe" if command.endswith("python.exe") else command
    values = {
        "USER": escape(known.user),
        "COMMAND": escape(windowless),
        "ARGUMENTS": escape(subprocess.list2cmdline([*arguments, "--log-file", str(known.log)])),
    }
    path = known.log.with_name("fishvoiced-task.xml")
    show = f"Get-Content -LiteralPath '{str(known.log).replace(chr(39), chr(39) * 2)}' -Tail {{lines}}"
    powershell = ("powershell", "-NoProfile", "-Command")
    return Service(
        files={path: _filled("windows/fishvoiced.xml", values).encode("utf-16")},
        install=(
            ("schtasks", "/Create", "/F", "/TN", TASK, "/XML", str(path)),
            ("schtasks", "/Run", "/TN", TASK),
        ),
        uninstall=(("schtasks", "/End", "/TN", TASK), ("schtasks", "/Delete", "/F", "/TN", TASK)),
        status=("schtasks", "/Query", "/V", "/FO", "LIST", "/TN", TASK),
        logs=(*powershell, show),
        follow=(*powershell, f"{show} -Wait"),
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = _template(template)
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _template(name: str) -> str:
    packed = Path(__file__).parent / "service_files" / name
    source = Path(__file__).resolve().parents[2] / "service-files" / name
    for path in (packed, source):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ServiceError(f"the template {name} is missing from this installation: install fishvoice again")


def _quoted(word: str) -> str:
    """A word as systemd reads it (systemd.syntax(7)): quoted, without specifiers."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


# -- carrying it out ---------------------------------------------------------------------------------------


def install(wanted: Service, run: Run) -> None:
    """Write the files and start the service. Raises ServiceError."""
    for path, content in wanted.files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise ServiceError(f"cannot write {path}: {error.strerror}") from error
    for command in wanted.install:
        if run(command) != 0:
            raise ServiceError(
                f"this failed: {' '.join(command)}; the files are written, see: fishvoice service status"
            )


def uninstall(wanted: Service, run: Run) -> bool:
    """Stop the service and remove the files; False if there were none. Raises ServiceError."""
    if not any(path.exists() for path in wanted.files):
        return False
    for command in wanted.uninstall:
        run(command)  # what is not running or not known cannot be stopped: that is what was wanted
    for path in wanted.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ServiceError(f"cannot remove {path}: {error.strerror}") from error
    for command in wanted.reload:
        run(command)
    return True


def end_running_daemon(patience: float = 30.0) -> None:
    """The service's daemon takes the place of one that a client has started. Raises ServiceError if it stays."""
    deadline = time.monotonic() + patience
    with FileLock(paths.lock_file()) as lock:
        while not lock.try_acquire():
            if time.monotonic() > deadline:
                raise ServiceError("the daemon that runs does not end; end it with: fishvoice shutdown")
            with contextlib.suppress(DaemonUnavailable), Client(start=False) as client:
                client.shutdown(drain=True)
            time.sleep(0.2)


def run_command(command: Command) -> int:
    """Run one of the platform's commands in this terminal; its exit status. Raises ServiceError if it is missing."""
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError as error:
        raise ServiceError(f"there is no {command[0]} here: fishvoice installs a service only where it is") from error
    except KeyboardInterrupt:
        return 130


def main(argv: Sequence[str], platform: str = sys.platform, run: Run = run_command) -> int:
    """``fishvoice service install|uninstall|status|logs``."""
    parser = argparse.ArgumentParser(prog="fishvoice service", description="The daemon as a service of this user.")
    parser.add_argument("verb", choices=["install", "uninstall", "status", "logs"])
    parser.add_argument("-n", "--lines", type=int, default=50, help="logs: how many lines (default 50)")
    parser.add_argument("-f", "--follow", action="store_true", help="logs: go on showing new lines")
    options = parser.parse_args(argv)
    wanted = service(platform, facts())
    if options.verb == "install":
        end_running_daemon()
        install(wanted, run)
        sys.stdout.writelines(f"wrote {path}\n" for path in wanted.files)
    elif options.verb == "uninstall":
        removed = uninstall(wanted, run)
        sys.stdout.write("the service is removed\n" if removed else "there was no service\n")
    else:
        command = {"status": wanted.status, "logs": wanted.follow if options.follow else wanted.logs}[options.verb]
        return run(tuple(word.replace("{lines}", str(options.lines)) for word in command))
    return 0
