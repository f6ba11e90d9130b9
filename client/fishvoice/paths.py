"""Where things live: the folders of this user, and the addresses of the daemon.

Client and daemon both ask here. ``FISHVOICE_HOME`` moves everything under one folder (``run``, ``state``,
``cache``, ``data``, ``config.toml``); ``FISHVOICE_RUNTIME_DIR`` moves the sockets alone.
"""

from __future__ import annotations

import os
import stat
import sys
import zlib
from pathlib import Path

import msgspec

from fishvoice.errors import UnusableFolder
from fishvoice.files import write_whole

APP = "fishvoice"
MAX_SOCKET_PATH_BYTES = 103  # sockaddr_un.sun_path holds 104 bytes with its NUL on macOS, 108 on Linux
_LONGEST_SOCKET_NAME = "synthesis.sock"


class Curve(msgspec.Struct, frozen=True):
    """What a client needs on a TCP transport: Z85 CURVE keys. Only ``client_public`` may connect."""

    server_public: str
    client_public: str
    client_secret: str


class Endpoints(msgspec.Struct, frozen=True):
    """The ZeroMQ addresses of the daemon's two sockets. ``curve`` is set exactly when they are TCP."""

    synthesis: str
    control: str
    curve: Curve | None = None

    @property
    def published(self) -> bool:
        """False for ``tcp://127.0.0.1:*``, the address of a daemon that has not yet taken a port."""
        return not self.synthesis.endswith(":*")


# -- folders: each is made when asked for ------------------------------------------------------------------


def runtime_dir() -> Path:
    """Sockets, locks and the keys of a TCP transport: this user's alone. Raises UnusableFolder."""
    given = os.environ.get("FISHVOICE_RUNTIME_DIR")
    return _private(_runtime_dir(), "FISHVOICE_RUNTIME_DIR" if given else None)


def state_dir() -> Path:
    """Logs. Raises UnusableFolder, as all of these do."""
    return _private(_home("state") or _platform("state"))


def cache_dir() -> Path:
    """Converted models: big, and made again when lost."""
    return _private(_home("cache") or _platform("cache"))


def data_dir() -> Path:
    """The user's voices: small, and not to be lost."""
    return _private(_home("data") or _platform("data"))


def config_file() -> Path:
    """The user's configuration, which need not exist."""
    return _home("config.toml") or _platform("config") / "config.toml"


def words_file() -> Path:
    """How the user wants words to be said; it need not exist."""
    return config_file().with_name("words.toml")


def lock_file() -> Path:
    """What a running daemon holds locked: one daemon per runtime folder."""
    return runtime_dir() / "daemon.lock"


def daemon_process() -> int | None:
    """The number of the process that serves, as it left it beside its lock; None if that is not known."""
    try:
        noted = lock_file().with_suffix(".pid").read_bytes()[:32].strip()
    except OSError:
        return None
    return int(noted) if noted.isdigit() else None


def log_file() -> Path:
    """Where a daemon that a client started writes what it prints."""
    return state_dir() / "daemon.log"


def first_words() -> Path:
    """What the daemon said of this machine at its first start."""
    return state_dir() / "first-start.txt"


# -- the daemon's addresses --------------------------------------------------------------------------------


def endpoints() -> Endpoints:
    """Where the daemon listens, or would. A published file (TCP) goes before the sockets of the runtime folder."""
    try:
        published = _endpoints_file().read_bytes()
    except FileNotFoundError:
        return bindable_endpoints()
    try:
        return msgspec.json.decode(published, type=Endpoints)
    except msgspec.DecodeError as error:
        raise UnusableFolder(f"{_endpoints_file()} is damaged ({error}): delete it and start again") from error


def bindable_endpoints() -> Endpoints:
    """What a daemon binds: ``ipc`` sockets, or any free port of 127.0.0.1 where libzmq has no ``ipc``."""
    if sys.platform == "win32":
        return Endpoints("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    folder = runtime_dir()
    return Endpoints(f"ipc://{folder / 'synthesis.sock'}", f"ipc://{folder / 'control.sock'}")


def publish_endpoints(where: Endpoints) -> None:
    """Tell clients the ports and keys of a TCP daemon (file 0600, put in place in one step)."""
    write_whole(_endpoints_file(), msgspec.json.encode(where))


def withdraw_endpoints() -> None:
    """Undo :func:`publish_endpoints`; a daemon on ``ipc`` does so before it binds."""
    _endpoints_file().unlink(missing_ok=True)


def _endpoints_file() -> Path:
    return runtime_dir() / "endpoints.json"


# -- how they are found ------------------------------------------------------------------------------------


def _home(name: str) -> Path | None:
    home = os.environ.get("FISHVOICE_HOME")
    return Path(home).expanduser().absolute() / name if home else None


def _platform(kind: str) -> Path:
    from platformdirs import PlatformDirs  # imported late: `fishvoice say` with a warm daemon does not need it

    dirs = PlatformDirs(APP, appauthor=False)
    return {
        "state": dirs.user_state_path,
        "cache": dirs.user_cache_path,
        "data": dirs.user_data_path,
        "config": dirs.user_config_path,
    }[kind]


def _runtime_dir() -> Path:
    explicit = os.environ.get("FISHVOICE_RUNTIME_DIR")
    if explicit:
        folder = Path(explicit).expanduser().absolute()
        if not _fits(folder):
            raise UnusableFolder(f"FISHVOICE_RUNTIME_DIR is too long for a socket's path: {folder}")
        return folder
    home = _home("run")
    if home is not None:
        return home if _fits(home) else _temporary(f"{zlib.crc32(os.fsencode(home)):08x}")
    if sys.platform == "win32":
        return _platform("data") / "run"
    base = _session_dir()
    return base / APP if base is not None and _fits(base / APP) else _temporary()


def _session_dir() -> Path | None:
    """The platform's folder for sockets of this user. The same with and without a login's environment, if possible."""
    if sys.platform == "darwin":
        given = os.environ.get("TMPDIR")
        return Path(given) if given else None
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir():
        return Path(given).absolute()
    usual = Path(f"/run/user/{os.getuid()}")
    return usual if os.access(usual, os.W_OK) and usual.stat().st_uid == os.getuid() else None


def _temporary(sub: str = "") -> Path:
    return Path(f"/tmp/{APP}-{os.getuid()}") / sub  # noqa: S108 - _private refuses it if it is somebody else's


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / _LONGEST_SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES


def _private(folder: Path, given_by: str | None = None) -> Path:
    """Make ``folder`` 0700 and sure that it is this user's own, not one that another user has laid ready.

    One that the user names himself, by the variable ``given_by``, and that was there before, is left as it is.
    """
    elsewhere = f"set {given_by or 'FISHVOICE_HOME'} elsewhere"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            for each in (folder.parent, folder) if folder.parent.name == f"{APP}-{os.getuid()}" else (folder,):
                found = each.lstat()
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                    raise UnusableFolder(f"{each} is not a folder of this user: remove it, or {elsewhere}")
                if given_by and stat.S_IMODE(found.st_mode) & 0o022:
                    raise UnusableFolder(f"others may write to {each}: {elsewhere}, to a folder of your own")
                if not given_by and stat.S_IMODE(found.st_mode) & 0o077:
                    each.chmod(0o700)
    except OSError as error:
        raise UnusableFolder(f"cannot use {folder}: {error.strerror}; {elsewhere}") from error
    return folder
